// Regular expressions with RE2's syntax and meaning (decision D9). RE2 decides what is valid, so
// that Envoy accepts the same. A pattern that `regex-ambiguity.ts` proves harmless runs on V8's
// engine, any other on re2js, whose time is linear in the subject. Pattern, program and subject are
// bounded. Subjects are header text, one character per byte: bytes beyond ASCII are read as UTF-8,
// as RE2 does in Envoy.

import { RE2JS } from "re2js";
import { isUnambiguous } from "./regex-ambiguity.ts";
import { parseRegex, type RegexNode, writeRegex } from "./regex-syntax.ts";

export type RegexEngine = "v8" | "re2";

export const patternLengthMax = 4096;
/**
 * The RE2 engine may take a step per instruction and character: 0.1 s at worst with these bounds.
 */
const programSizeMax = 1000;
/** A longer subject matches nothing. */
export const subjectLengthMax = 8192;

export class Pattern {
  readonly text: string;
  readonly engine: RegexEngine;
  readonly #linear: RE2JS;
  /** Anchored at both ends; null on the RE2 engine. */
  readonly #whole: RegExp | null;
  /**
   * For replacing: only where the pattern itself is anchored, so that V8 looks at one place only.
   */
  readonly #anchored: RegExp | null;
  readonly #groupCount: number;

  constructor(text: string, linear: RE2JS, node: RegexNode | null) {
    this.text = text;
    this.engine = node === null ? "re2" : "v8";
    this.#linear = linear;
    this.#whole = node === null ? null : new RegExp(`^(?:${writeRegex(node)})$`, "u");
    this.#anchored =
      node !== null && beginsAtStart(node) && !hasRepeatedCapture(node, false)
        ? new RegExp(writeRegex(node), "u")
        : null;
    this.#groupCount = linear.groupCount();
  }

  /** Whether the whole subject matches. */
  matches(subject: string): boolean {
    if (subject.length > subjectLengthMax) return false;
    const text = characters(subject);
    return this.#whole === null ? this.#linear.testExact(text) : this.#whole.test(text);
  }

  /**
   * Replaces every match; `\0` to `\9` in the substitution stand for groups, `\\` for a backslash.
   */
  replaceAll(subject: string, substitution: string): string {
    if (subject.length > subjectLengthMax) return subject;
    const text = characters(subject);
    const replaced =
      this.#anchored === null
        ? this.#replaceLinear(text, substitution)
        : replaceOnce(this.#anchored, text, substitution);
    return text === subject ? replaced : bytes(replaced);
  }

  /** Groups that a substitution may name. */
  get groupCount(): number {
    return this.#groupCount;
  }

  #replaceLinear(text: string, substitution: string): string {
    const matcher = this.#linear.matcher(text);
    let out = "";
    let at = 0;
    let lastEnd = -1;
    for (let from = 0; from <= text.length && matcher.find(from); ) {
      const start = matcher.start();
      const end = matcher.end();
      // RE2::GlobalReplace: no empty match right after a match.
      if (end > start || start !== lastEnd) {
        out += text.slice(at, start) + expand(substitution, (group) => matcher.group(group));
        at = end;
        lastEnd = end;
      }
      from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
    }
    return out + text.slice(at);
  }
}

/** The pattern, or why it cannot be one. */
export function compileRegex(text: string): Pattern | { readonly refusal: string } {
  if (text.length > patternLengthMax) {
    return { refusal: `the pattern is longer than ${patternLengthMax} characters` };
  }
  let linear: RE2JS;
  try {
    linear = RE2JS.compile(text);
  } catch (error) {
    return { refusal: `not RE2 syntax: ${error instanceof Error ? error.message : String(error)}` };
  }
  const size = linear.programSize();
  if (size > programSizeMax) {
    return { refusal: `the pattern compiles to ${size} instructions, more than ${programSizeMax}` };
  }
  const node = parseRegex(text);
  return new Pattern(text, linear, node !== null && isUnambiguous(node) ? node : null);
}

/** Why a substitution does not fit its pattern, or null. */
export function refuseSubstitution(substitution: string, pattern: Pattern): string | null {
  for (const [, char] of substitution.matchAll(/\\(.?)/gs)) {
    if (char === "\\") continue;
    if (char === undefined || !/^[0-9]$/.test(char)) return "a backslash is followed by no digit";
    if (Number(char) > pattern.groupCount) return `the pattern has no group ${char}`;
  }
  return null;
}

function expand(substitution: string, group: (index: number) => string | null | undefined): string {
  return substitution.replace(/\\([0-9\\])/g, (_, char: string) =>
    char === "\\" ? "\\" : (group(Number(char)) ?? ""),
  );
}

function replaceOnce(regex: RegExp, text: string, substitution: string): string {
  const match = regex.exec(text);
  if (match === null) return text;
  const end = match.index + match[0].length;
  const replacement = expand(substitution, (group) => match[group]);
  return text.slice(0, match.index) + replacement + text.slice(end);
}

function beginsAtStart(node: RegexNode): boolean {
  if (node.kind === "assert") return node.text === "^";
  return node.kind === "sequence" && node.parts[0] !== undefined && beginsAtStart(node.parts[0]);
}

/** V8 forgets a group at each turn of a loop, RE2 keeps the last. */
function hasRepeatedCapture(node: RegexNode, isInside: boolean): boolean {
  switch (node.kind) {
    case "capture":
      return isInside || hasRepeatedCapture(node.part, isInside);
    case "repeat":
      return hasRepeatedCapture(node.part, true);
    case "sequence":
    case "either":
      return node.parts.some((part) => hasRepeatedCapture(part, isInside));
    default:
      return false;
  }
}

const beyondAscii = /[\u0080-\u00ff]/;
const beyondBytes = /[\u0100-\uffff]/;

/** Bytes as characters; text that holds more than bytes is taken as it is. */
function characters(subject: string): string {
  if (!beyondAscii.test(subject) || beyondBytes.test(subject)) return subject;
  return Buffer.from(subject, "latin1").toString("utf8");
}

function bytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
