// Regular expressions with RE2's syntax and meaning (decision D9).

export type RegexEngine = "v8" | "re2";

export interface RegexRefusal {
  readonly reason: string;
}

export class Pattern {
  readonly text: string;
  readonly engine: RegexEngine;

  constructor(text: string, engine: RegexEngine) {
    this.text = text;
    this.engine = engine;
  }

  /** Whether the whole subject matches. */
  matches(_subject: string): boolean {
    throw new Error("not built yet");
  }

  /** Replaces every match; `\0` to `\9` in the substitution stand for groups. */
  replaceAll(_subject: string, _substitution: string): string {
    throw new Error("not built yet");
  }
}
