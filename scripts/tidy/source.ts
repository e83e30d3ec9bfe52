// One parsed source file and a walk over its tree.

import { readFileSync } from "node:fs";
import { parseSync } from "oxc-parser";

export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly program: SyntaxNode;
  /** Every module specifier imported or re-exported, with its line. */
  readonly imports: readonly { readonly specifier: string; readonly line: number }[];
}

export function readSource(path: string): SourceFile {
  const text = readFileSync(path, "utf8");
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) {
    throw new Error(`${path}: does not parse: ${parsed.errors[0]?.message ?? "?"}`);
  }
  const program = parsed.program as unknown as SyntaxNode;
  const imports: { specifier: string; line: number }[] = [];
  walk(program, (node) => {
    if (
      node.type === "ImportDeclaration" ||
      node.type === "ExportNamedDeclaration" ||
      node.type === "ExportAllDeclaration" ||
      node.type === "ImportExpression"
    ) {
      const value = (node["source"] as { value?: unknown } | null)?.value;
      if (typeof value === "string") {
        imports.push({ specifier: value, line: lineAt(text, node.start) });
      }
    }
  });
  return { path, text, lines: text.split("\n"), program, imports };
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = 0; i < offset && i < text.length; i++) if (text.charCodeAt(i) === 10) line++;
  return line;
}

export function walk(node: unknown, visit: (node: SyntaxNode) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, visit);
    return;
  }
  if (node === null || typeof node !== "object") return;
  const candidate = node as SyntaxNode;
  if (typeof candidate.type === "string") visit(candidate);
  for (const value of Object.values(candidate)) {
    if (value !== null && typeof value === "object") walk(value, visit);
  }
}
