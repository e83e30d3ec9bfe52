// The page of HTTP cases: test/conformance/http-cases.yaml beside the tests that name each case.

import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";

interface CaseRow {
  readonly id: string;
  readonly on: readonly string[];
  readonly case: string;
  /** Why there is no test through a whole proxy. */
  readonly none?: string;
}

export interface HttpCasesPage {
  readonly text: string;
  /** Cases without a test and without a reason. */
  readonly problems: readonly string[];
}

export function httpCasesPage(root: string): HttpCasesPage {
  const file = "test/conformance/http-cases.yaml";
  const rows = parse(readFileSync(path.join(root, file), "utf8")) as CaseRow[];
  const whole = citations(root, "test/{conformance,interop,e2e}/**/*{.test,-cases}.ts");
  const beside = citations(root, "packages/wire/src/**/*.test.ts");
  const problems: string[] = [];
  const lines = rows.map(({ id, on, case: text, none }) => {
    const through = whole.get(id) ?? [];
    if (through.length === 0 && none === undefined) {
      problems.push(`${file}: ${id} has no test through a whole proxy`);
    }
    if (through.length > 0 && none !== undefined) {
      problems.push(`${file}: ${id} has a test; its \`none\` is old`);
    }
    const shown = through.length > 0 ? through.join("<br>") : `none: ${none ?? ""}`;
    const cells = [id, on.join(", "), text, shown, (beside.get(id) ?? []).join("<br>")];
    return `| ${cells.join(" | ")} |`;
  });
  const head = [
    "# HTTP cases",
    "",
    "The bar the built-in proxy is held to, and the tests that show each case: through whole proxies, and beside the",
    `codec. Made from \`${file}\` and the tests by \`scripts/gen-docs.ts\`.`,
    "",
    "| case | on | outcome | through a whole proxy | beside the codec |",
    "|---|---|---|---|---|",
  ];
  return { text: `${[...head, ...lines].join("\n")}\n`, problems };
}

/** By case id, the test files that name it, without their folders' common part. */
function citations(root: string, pattern: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of globSync(pattern, { cwd: root }).sort()) {
    const text = readFileSync(path.join(root, file), "utf8");
    for (const id of new Set(text.match(/\bH(?:[0-5]\d|60)\b/g))) {
      const files = found.get(id) ?? [];
      files.push(file.replace(/^test\/|^packages\/wire\/src\//, ""));
      found.set(id, files);
    }
  }
  return found;
}
