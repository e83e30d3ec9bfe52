// Writes docs/reference/ from the tables in the code; with `--check` it only says which page is
// not what the tables make. It also holds the command line and the agent to the table of error
// codes.

import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { allKinds } from "@weft/api";
import { errorTable, localErrorTable } from "../packages/control/src/error-table.ts";
import { reasonTable } from "../packages/control/src/rest/reason-table.ts";
import { refusalRows } from "../packages/proxy/src/telemetry/refusals.ts";
import { httpCasesPage } from "./http-cases.ts";
import { flagRows } from "../packages/proxy/src/telemetry/response-flags.ts";

const root = path.resolve(import.meta.dirname, "..");
const folder = path.join(root, "docs/reference");

const httpCases = httpCasesPage(root);

const pages: Readonly<Record<string, () => string>> = {
  "errors.md": errorsPage,
  "response-flags.md": flagsPage,
  "kinds.md": kindsPage,
  "http-cases.md": () => httpCases.text,
};

function main(isCheck: boolean): number {
  const problems = [...unknownCodes(), ...httpCases.problems];
  mkdirSync(folder, { recursive: true });
  for (const [name, make] of Object.entries(pages)) {
    const file = path.join(folder, name);
    const text = make();
    if (readIfThere(file) === text) continue;
    if (isCheck) problems.push(`docs/reference/${name} is old: run node scripts/gen-docs.ts`);
    else writeFileSync(file, text);
  }
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? 0 : 1;
}

/** Codes that commands and agents use without a row in the table. */
function unknownCodes(): string[] {
  const known = new Set([...Object.keys(errorTable), ...Object.keys(localErrorTable)]);
  const used = /(?:\bcode:\s*|[fF]ailure\(\s*)"([a-z]+(?:-[a-z]+)*)"/g;
  const problems = new Set<string>();
  for (const file of globSync("packages/{cli,agent}/src/**/*.ts", { cwd: root })) {
    if (file.endsWith(".test.ts")) continue;
    for (const [, code = ""] of readFileSync(path.join(root, file), "utf8").matchAll(used)) {
      if (known.has(code)) continue;
      problems.add(`${file}: "${code}" has no row in packages/control/src/error-table.ts`);
    }
  }
  for (const file of globSync("packages/control/src/rest/**/*.ts", { cwd: root })) {
    const text = readFileSync(path.join(root, file), "utf8");
    for (const [, reason = ""] of text.matchAll(/new StatusError\(\d+, "([A-Za-z]+)"/g)) {
      if (!(reason in reasonTable))
        problems.add(`${file}: "${reason}" has no row in reason-table.ts`);
    }
  }
  return [...problems];
}

function errorsPage(): string {
  const carried = Object.entries(errorTable).map(([code, row]) => [
    `\`${code}\``,
    row.meaning,
    row.hint,
    String(row.exitCode),
    String(row.httpStatus),
    String(row.grpcCode),
  ]);
  const local = Object.entries(localErrorTable).map(([code, row]) => [
    `\`${code}\``,
    row.meaning,
    row.hint,
  ]);
  const reasons = Object.entries(reasonTable).map(([reason, row]) => [
    `\`${reason}\``,
    row.meaning,
    row.hint,
    String(row.httpStatus),
  ]);
  const connections = refusalRows.map(({ code, text, seen, hint }) => [
    `\`${code}\``,
    text,
    seen,
    hint,
  ]);
  return page(
    "Errors",
    "packages/control/src/error-table.ts, rest/reason-table.ts and\npackages/proxy/src/telemetry/refusals.ts",
    "Every error has a stable code. Commands print one sentence and a hint on standard error, or with",
    '`-o json` `{"error":{"code","message","hint"}}`; the exit code is 1 when the thing asked for failed',
    "and 2 when the command was not written right. Over gRPC the status message begins with the code.",
    "",
    "## Of the control plane",
    "",
    ...markdownTable(["Code", "When", "What to do", "Exit", "HTTP", "gRPC"], sorted(carried)),
    "",
    "## Of commands and agents",
    "",
    ...markdownTable(["Code", "When", "What to do"], sorted(local)),
    "",
    "## Of the object API",
    "",
    "Objects are served as Kubernetes serves them: an error is a `Status`, whose `reason` stands where",
    "a code would. The exit code is 1.",
    "",
    ...markdownTable(["Reason", "When", "What to do", "HTTP"], sorted(reasons)),
    "",
    "## Of connections that a sidecar refuses",
    "",
    "Each is one line of the sidecar's log at level `warn`, with the code in its field `code`; of one",
    "code at most five in ten seconds and worker, then a line with the `count` of the others.",
    "",
    ...markdownTable(["Code", "When", "What the peer sees", "What to do"], connections),
  );
}

function flagsPage(): string {
  const rows = flagRows
    .filter(({ code }) => code !== "")
    .map(({ code, status, text }) => [`\`${code}\``, status === 0 ? "" : String(status), text]);
  return page(
    "Response flags",
    "packages/proxy/src/telemetry/response-flags.ts",
    "When the proxy itself answers a request, or ends it, the flag says why: as the label `flag` of",
    "`weft_requests_total`, in the header `x-weft-flag`, in the access log and in `weft request`.",
    "",
    ...markdownTable(["Flag", "Status", "Why"], rows),
  );
}

function kindsPage(): string {
  const rows = allKinds.map(({ kind, group, version, plural, shortNames, namespaced }) => [
    kind,
    group === "" ? version : `${group}/${version}`,
    plural,
    shortNames.join(", "),
    namespaced ? "yes" : "no",
  ]);
  return page(
    "Kinds",
    "packages/api/src/kinds.ts",
    "What the API stores and serves. `kubectl explain KIND` describes every field.",
    "",
    ...markdownTable(["Kind", "API version", "Plural", "Short", "In a namespace"], sorted(rows)),
  );
}

function page(title: string, source: string, ...lines: readonly string[]): string {
  const note = `<!-- Generated by scripts/gen-docs.ts from ${source}. -->`;
  return `# ${title}\n\n${note}\n\n${lines.join("\n")}\n`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function sorted(rows: readonly string[][]): string[][] {
  return [...rows].sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

process.exitCode = main(process.argv.includes("--check"));
