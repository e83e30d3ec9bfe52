// Fields written twice in a JSON text. A parser keeps the last and says nothing; strict field validation must not.

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?\d[\d.eE+-]*|true|false|null/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;

/** Paths of fields that one object of a valid JSON text holds more than once, e.g. `spec.replicas`. */
export function duplicateFields(text: string): string[] {
  const scan: Scan = { text, at: 0, found: new Set() };
  readValue(scan, "");
  return [...scan.found];
}

interface Scan {
  readonly text: string;
  at: number;
  readonly found: Set<string>;
}

/** Every step of the caller's loops moves on or ends, so a text that is not JSON ends the scan early. */
function readValue(scan: Scan, path: string): void {
  skip(scan, SPACE);
  const first = scan.text[scan.at];
  if (first === "{") readObject(scan, path);
  else if (first === "[") readArray(scan, path);
  else if (first === '"') skip(scan, STRING);
  else skip(scan, SCALAR);
  skip(scan, SPACE);
}

function readObject(scan: Scan, path: string): void {
  const seen = new Set<string>();
  scan.at++;
  skip(scan, SPACE);
  while (scan.text[scan.at] === '"') {
    const written = skip(scan, STRING);
    if (written === "") return;
    const name = JSON.parse(written) as string;
    const below = path === "" ? name : `${path}.${name}`;
    if (seen.has(name)) scan.found.add(below);
    seen.add(name);
    skip(scan, SPACE);
    if (!eat(scan, ":")) return;
    readValue(scan, below);
    if (!eat(scan, ",")) break;
    skip(scan, SPACE);
  }
  eat(scan, "}");
}

function readArray(scan: Scan, path: string): void {
  scan.at++;
  for (let index = 0; ; index++) {
    readValue(scan, `${path}[${index}]`);
    if (!eat(scan, ",")) break;
  }
  eat(scan, "]");
}

function eat(scan: Scan, character: string): boolean {
  if (scan.text[scan.at] !== character) return false;
  scan.at++;
  return true;
}

function skip(scan: Scan, regex: RegExp): string {
  regex.lastIndex = scan.at;
  const match = regex.exec(scan.text)?.[0] ?? "";
  scan.at += match.length;
  return match;
}
