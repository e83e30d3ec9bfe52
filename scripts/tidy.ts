// The rules of STYLE.md that no other tool checks: import boundaries, effects behind one door,
// budgets, names, words, headers, and paths named in the documents. `npm run check` runs it.

import { existsSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { lineAt, readSource, type SourceFile, type SyntaxNode, walk } from "./tidy/source.ts";
import {
  budgets,
  effectCalls,
  effectPlaces,
  forbiddenFileNames,
  innerRules,
  mayImport,
  socketModules,
  wordRules,
} from "./tidy/tables.ts";

const problems: string[] = [];
let longExceptions = 0;

function report(file: string, line: number, message: string): void {
  problems.push(`${file}:${line}: ${message}`);
}

/** Files git tracks or would track. */
function listFiles(): string[] {
  const out = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    encoding: "utf8",
  });
  return out.split("\n").filter((name) => name !== "" && existsSync(name));
}

const isTest = (file: string): boolean =>
  /\.(test|fuzz|bench|fixture)\.ts$/.test(file) ||
  file.startsWith("test/") ||
  file.startsWith("bench/");

function checkPackageImports(source: SourceFile): void {
  const own = /^packages\/([^/]+)\//.exec(source.path)?.[1];
  if (own === undefined) return;
  const allowed = mayImport[own];
  if (allowed === undefined) {
    report(source.path, 1, `package "${own}" is not in the import table of scripts/tidy/tables.ts`);
    return;
  }
  for (const { specifier, line } of source.imports) {
    if (specifier.startsWith(".")) {
      const resolved = path.posix.join(path.posix.dirname(source.path), specifier);
      if (!resolved.startsWith(`packages/${own}/`)) {
        report(source.path, line, `"${specifier}" leaves the package; import it by its name`);
      }
      continue;
    }
    const weft = /^@weft\/([^/]+)(\/(.+))?$/.exec(specifier);
    if (weft === null) continue;
    const [, name = "", , subpath] = weft;
    if (isTest(source.path) && name === own) continue;
    const isMessages = name === "xds" && subpath?.startsWith("messages/") === true;
    if (name === own && isMessages) continue;
    if (name === own) report(source.path, line, "a package does not import itself by name");
    else if (subpath !== undefined && !isMessages && specifier !== "@weft/xds/grpc") {
      report(source.path, line, `"${specifier}" reaches inside a package; use its index`);
    } else if (
      !allowed.includes(name) &&
      !(isMessages && allowed.includes("xds/messages")) &&
      !(isTest(source.path) && name === "runtime")
    ) {
      report(source.path, line, `${own} may not import ${name} (ARCHITECTURE.md has the table)`);
    }
  }
}

function checkInnerImports(source: SourceFile): void {
  if (isTest(source.path)) return;
  for (const rule of innerRules) {
    if (!source.path.startsWith(rule.from)) continue;
    for (const { specifier, line } of source.imports) {
      if (!specifier.startsWith(".")) continue;
      const resolved = path.posix.join(path.posix.dirname(source.path), specifier);
      if (rule.but?.some((prefix) => resolved.startsWith(prefix)) === true) continue;
      if (rule.not.some((prefix) => resolved.startsWith(prefix))) {
        report(source.path, line, `may not import ${resolved}: ${rule.because}`);
      }
    }
  }
}

function checkEffects(source: SourceFile): void {
  if (isTest(source.path) || !source.path.startsWith("packages/")) return;
  for (const place of effectPlaces.keys()) if (source.path.startsWith(place)) return;
  for (const { specifier, line } of source.imports) {
    if (socketModules.has(specifier) && !isTypeOnly(source, line)) {
      report(source.path, line, `"${specifier}" opens sockets: go through @weft/runtime`);
    }
  }
  walk(source.program, (node) => {
    const name = calledName(node);
    if (name !== null && effectCalls.has(name)) {
      report(source.path, lineAt(source.text, node.start), `${name}: take it from the Runtime`);
    }
  });
}

function isTypeOnly(source: SourceFile, line: number): boolean {
  return /^\s*import type\b/.test(source.lines[line - 1] ?? "");
}

function calledName(node: SyntaxNode): string | null {
  if (node.type !== "CallExpression") return null;
  const callee = node["callee"] as SyntaxNode;
  if (callee.type === "Identifier") return String(callee["name"]);
  if (callee.type !== "MemberExpression") return null;
  const object = callee["object"] as SyntaxNode;
  const property = callee["property"] as SyntaxNode;
  if (object.type !== "Identifier" || property.type !== "Identifier") return null;
  return `${String(object["name"])}.${String(property["name"])}`;
}

function checkBudgets(source: SourceFile): void {
  const isExcused = (line: number): boolean =>
    /\/\/ tidy: long, because \S/.test(source.lines[line - 1] ?? "") ||
    /\/\/ tidy: long, because \S/.test(source.lines[line - 2] ?? "");
  const count = source.lines.length - 1;
  if (count > budgets.fileLines && !isTest(source.path)) {
    if (source.lines.slice(0, 12).some((line) => /\/\/ tidy: long, because \S/.test(line))) {
      longExceptions++;
    } else report(source.path, 1, `${count} lines; at most ${budgets.fileLines}`);
  }
  source.lines.forEach((line, index) => {
    if (line.length > budgets.lineColumns && !/https?:\/\/|(["'`]).{50,}\1/.test(line)) {
      report(source.path, index + 1, `${line.length} columns; at most ${budgets.lineColumns}`);
    }
  });
  if (isTest(source.path)) return;
  walk(source.program, (node) => {
    if (!/^(Function(Declaration|Expression)|ArrowFunctionExpression)$/.test(node.type)) return;
    const from = lineAt(source.text, node.start);
    const length = lineAt(source.text, node.end) - from + 1;
    if (length <= budgets.functionLines) return;
    if (isExcused(from)) longExceptions++;
    else report(source.path, from, `function of ${length} lines; at most ${budgets.functionLines}`);
  });
}

function checkNames(source: SourceFile): void {
  const base = path.posix
    .basename(source.path)
    .replace(/(\.(test|fuzz|bench|fixture))?\.(ts|mjs)$/, "");
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(base)) report(source.path, 1, "file names are kebab-case");
  if (forbiddenFileNames.has(base))
    report(source.path, 1, `"${base}" says nothing: name the concept`);
  walk(source.program, (node) => {
    if (node.type === "ExportDefaultDeclaration" && !source.path.endsWith("-reporter.mjs")) {
      report(source.path, lineAt(source.text, node.start), "no default exports");
    }
    if (node.type !== "Identifier") return;
    const name = String(node["name"]);
    for (const rule of wordRules) {
      if (rule.under.some((prefix) => source.path.startsWith(prefix)) && rule.word.test(name)) {
        report(source.path, lineAt(source.text, node.start), `"${name}": say ${rule.instead}`);
      }
    }
  });
}

function checkComments(source: SourceFile): void {
  const first = source.lines.find((line) => line.trim() !== "" && !line.startsWith("#!"));
  const isIndex = source.path.endsWith("/index.ts");
  if (
    !isIndex &&
    !isTest(source.path) &&
    first?.startsWith("//") !== true &&
    first?.startsWith("/*") !== true
  ) {
    report(source.path, 1, "begins without a comment that says what it is and why");
  }
  source.lines.forEach((line, index) => {
    if (/\b(TODO|FIXME|XXX)\b/.test(line) && !/scripts\/tidy/.test(source.path)) {
      report(source.path, index + 1, "an open note; file an issue or do it");
    }
  });
}

/** Every path in the documents must exist. */
function checkDocumentPaths(files: readonly string[]): void {
  const documents = files.filter(
    (file) =>
      /^(ARCHITECTURE|README|CONTRIBUTING|STYLE)\.md$/.test(file) || /^docs\/.*\.md$/.test(file),
  );
  for (const document of documents) {
    const text = readFileSync(document, "utf8");
    for (const match of text.matchAll(
      /`((?:packages|docs|scripts|test|bench|examples)\/[\w./@-]*)`/g,
    )) {
      const name = (match[1] ?? "").replace(/\/$/, "");
      if (!existsSync(name)) {
        report(document, lineAt(text, match.index), `names ${name}, which does not exist`);
      }
    }
  }
}

function checkPackages(): void {
  for (const name of Object.keys(mayImport)) {
    for (const file of ["README.md", "src/index.ts", "package.json"]) {
      if (!existsSync(`packages/${name}/${file}`)) report(`packages/${name}`, 1, `has no ${file}`);
    }
  }
}

const files = listFiles();
for (const file of files.filter((name) => /\.(ts|mjs)$/.test(name) && !name.endsWith(".d.ts"))) {
  const source = readSource(file);
  checkPackageImports(source);
  checkInnerImports(source);
  checkEffects(source);
  checkBudgets(source);
  checkNames(source);
  checkComments(source);
}
checkDocumentPaths(files);
checkPackages();

for (const problem of problems.slice(0, 1000)) console.error(problem);
const verdict =
  problems.length === 0 ? "tidy: nothing to mend" : `tidy: ${problems.length} to mend`;
console.log(`${verdict}; ${longExceptions} excused as long`);
process.exitCode = problems.length === 0 ? 0 : 1;
