// The part of RE2's syntax (https://github.com/google/re2/wiki/Syntax) that we understand well
// enough to hand to V8: literals, classes, groups, alternation, repetition, anchors, and the flags
// `i` and `s` at the start. A pattern outside of it is not an error: it runs on the RE2 engine,
// which alone decides what is valid. The tree is written back for V8 from scratch, so that no
// construct can mean something else there.

import {
  anyChar,
  type CharSet,
  charSet,
  codePointMax,
  complement,
  digits,
  foldCase,
  notNewline,
  posixClasses,
  spaces,
  wordChars,
} from "./char-set.ts";

export type RegexNode =
  | { readonly kind: "chars"; readonly set: CharSet }
  /** An anchor or word boundary, as V8 writes it. */
  | { readonly kind: "assert"; readonly text: string }
  | { readonly kind: "sequence"; readonly parts: readonly RegexNode[] }
  | { readonly kind: "either"; readonly parts: readonly RegexNode[] }
  | {
      readonly kind: "repeat";
      readonly part: RegexNode;
      readonly min: number;
      /** -1: without end. */
      readonly max: number;
      readonly isLazy: boolean;
    }
  | { readonly kind: "capture"; readonly part: RegexNode };

/** The tree of a pattern that RE2 accepts; null when it holds something not understood here. */
export function parseRegex(text: string): RegexNode | null {
  const parser = new RegexParser(text);
  const node = parser.alternation();
  return node === null || !parser.isAtEnd ? null : node;
}

/** The same expression for `new RegExp(…, "u")`. */
export function writeRegex(node: RegexNode): string {
  switch (node.kind) {
    case "chars":
      return writeChars(node.set);
    case "assert":
      return node.text;
    case "sequence":
      return node.parts.map(writeRegex).join("");
    case "either":
      return `(?:${node.parts.map(writeRegex).join("|")})`;
    case "capture":
      return `(${writeRegex(node.part)})`;
    case "repeat": {
      const part = `(?:${writeRegex(node.part)})`;
      return `${part}${writeCount(node.min, node.max)}${node.isLazy ? "?" : ""}`;
    }
  }
}

function writeCount(min: number, max: number): string {
  if (max === -1) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  return min === 0 && max === 1 ? "?" : `{${min},${max}}`;
}

function writeChars(set: CharSet): string {
  if (set.length === 2 && set[0] === set[1]) return writeChar(set[0] as number);
  let text = "";
  for (let i = 0; i < set.length; i += 2) {
    text += writeChar(set[i] as number);
    if (set[i] !== set[i + 1]) text += `-${writeChar(set[i + 1] as number)}`;
  }
  return `[${text}]`;
}

function writeChar(char: number): string {
  const text = String.fromCodePoint(char);
  return /^[A-Za-z0-9_]$/.test(text) ? text : `\\u{${char.toString(16)}}`;
}

const classEscapes: ReadonlyMap<string, CharSet> = new Map([
  ["d", digits],
  ["D", complement(digits)],
  ["w", wordChars],
  ["W", complement(wordChars)],
  ["s", spaces],
  ["S", complement(spaces)],
]);

const charEscapes: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["v", 11],
]);

const assertEscapes: ReadonlyMap<string, string> = new Map([
  ["A", "^"],
  ["z", "$"],
  ["b", "\\b"],
  ["B", "\\B"],
]);

const repeatMax = 1000;
const depthMax = 100;

/** Every method answers null when it meets something it does not understand. */
class RegexParser {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;
  readonly #ignoreCase: boolean;
  readonly #dotMatchesNewline: boolean;

  constructor(text: string) {
    const flags = /^\(\?([is]+)\)/.exec(text);
    this.#chars = Array.from(flags === null ? text : text.slice(flags[0].length));
    this.#ignoreCase = flags?.[1]?.includes("i") ?? false;
    this.#dotMatchesNewline = flags?.[1]?.includes("s") ?? false;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#chars.length;
  }

  alternation(): RegexNode | null {
    const parts: RegexNode[] = [];
    do {
      const part = this.#sequence();
      if (part === null) return null;
      parts.push(part);
    } while (this.#take("|"));
    return parts.length === 1 ? (parts[0] as RegexNode) : { kind: "either", parts };
  }

  #sequence(): RegexNode | null {
    const parts: RegexNode[] = [];
    for (;;) {
      const char = this.#peek();
      if (char === undefined || char === "|" || char === ")") break;
      let node = this.#atom(char);
      while (node !== null) {
        const counted = this.#repeat(node);
        if (counted === undefined) break;
        node = counted;
      }
      if (node === null) return null;
      parts.push(node);
    }
    return parts.length === 1 ? (parts[0] as RegexNode) : { kind: "sequence", parts };
  }

  #atom(char: string): RegexNode | null {
    this.#at++;
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case ".":
        return { kind: "chars", set: this.#dotMatchesNewline ? anyChar : notNewline };
      case "^":
      case "$":
        return { kind: "assert", text: char };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        return null;
      default:
        return this.#charNode([char.codePointAt(0) as number, char.codePointAt(0) as number]);
    }
  }

  #group(): RegexNode | null {
    let isCapture = true;
    if (this.#take("?")) {
      if (this.#take(":")) {
        isCapture = false;
      } else {
        this.#take("P");
        if (!this.#take("<")) return null;
        while (/^\w$/.test(this.#peek() ?? "")) this.#at++;
        if (!this.#take(">")) return null;
      }
    }
    if (++this.#depth > depthMax) return null;
    const part = this.alternation();
    this.#depth--;
    if (part === null || !this.#take(")")) return null;
    return isCapture ? { kind: "capture", part } : part;
  }

  #escape(): RegexNode | null {
    const char = this.#peek();
    if (char === undefined) return null;
    const assert = assertEscapes.get(char);
    if (assert !== undefined) {
      this.#at++;
      return { kind: "assert", text: assert };
    }
    const set = this.#escapedSet();
    return set === null ? null : this.#charNode(set);
  }

  /** What follows a backslash, inside or outside a class. */
  #escapedSet(): CharSet | null {
    const char = this.#chars[this.#at++];
    if (char === undefined) return null;
    const named = classEscapes.get(char);
    // How a negated class folds case is RE2's own affair.
    if (named !== undefined) return this.#ignoreCase && /[DWS]/.test(char) ? null : named;
    const code = charEscapes.get(char) ?? (char === "x" ? this.#hex() : punctuation(char));
    return code === null ? null : [code, code];
  }

  #hex(): number | null {
    const rest = this.#chars.slice(this.#at, this.#at + 10).join("");
    const match = /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/.exec(rest);
    if (match === null) return null;
    this.#at += match[0].length;
    const code = Number.parseInt((match[1] ?? match[2]) as string, 16);
    return code > codePointMax ? null : code;
  }

  #class(): RegexNode | null {
    const isNegated = this.#take("^");
    const ranges: number[] = [];
    for (let isFirst = true; ; isFirst = false) {
      const char = this.#peek();
      if (char === undefined) return null;
      if (char === "]" && !isFirst) break;
      const item = this.#classItem(char);
      if (item === null) return null;
      ranges.push(...item);
    }
    this.#at++;
    const set = charSet(ranges);
    const folded = this.#ignoreCase ? foldCase(set) : set;
    if (folded === null) return null;
    return { kind: "chars", set: isNegated ? complement(folded) : folded };
  }

  #classItem(char: string): CharSet | null {
    if (char === "[" && this.#chars[this.#at + 1] === ":") return this.#posixClass();
    const from = this.#classChar();
    if (from === null || this.#peek() !== "-" || this.#chars[this.#at + 1] === "]") return from;
    this.#at++;
    const to = this.#classChar();
    const isRange = from.length === 2 && from[0] === from[1] && to?.length === 2 && to[0] === to[1];
    if (!isRange || (from[0] as number) > (to[0] as number)) return null;
    return [from[0] as number, to[0] as number];
  }

  #classChar(): CharSet | null {
    const char = this.#chars[this.#at++];
    if (char === undefined) return null;
    if (char === "\\") return this.#escapedSet();
    const code = char.codePointAt(0) as number;
    return [code, code];
  }

  #posixClass(): CharSet | null {
    const rest = this.#chars.slice(this.#at, this.#at + 12).join("");
    const match = /^\[:(\^?)([a-z]+):\]/.exec(rest);
    const set = posixClasses.get(match?.[2] ?? "");
    if (match === null || set === undefined) return null;
    this.#at += match[0].length;
    if (match[1] !== "^") return set;
    return this.#ignoreCase ? null : complement(set);
  }

  /** Undefined when no repetition follows. */
  #repeat(part: RegexNode): RegexNode | null | undefined {
    const range = this.#repeatRange();
    if (range === null) return undefined;
    const [min, max] = range;
    if (Math.max(min, max) > repeatMax || (max !== -1 && max < min)) return null;
    return { kind: "repeat", part, min, max, isLazy: this.#take("?") };
  }

  #repeatRange(): [min: number, max: number] | null {
    if (this.#take("*")) return [0, -1];
    if (this.#take("+")) return [1, -1];
    if (this.#take("?")) return [0, 1];
    if (this.#peek() !== "{") return null;
    const rest = this.#chars.slice(this.#at, this.#at + 12).join("");
    const match = /^\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/.exec(rest);
    if (match === null) return null;
    this.#at += match[0].length;
    const min = Number(match[1]);
    if (match[2] === undefined) return [min, min];
    return [min, match[3] === undefined ? -1 : Number(match[3])];
  }

  #charNode(set: CharSet): RegexNode | null {
    const folded = this.#ignoreCase ? foldCase(set) : set;
    return folded === null ? null : { kind: "chars", set: folded };
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

/** An escaped character that stands for itself: ASCII, neither letter, digit nor underscore. */
function punctuation(char: string): number | null {
  const code = char.codePointAt(0) as number;
  return code < 0x80 && !/^\w$/.test(char) ? code : null;
}
