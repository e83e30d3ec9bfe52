// Proves that a backtracking engine needs only linear time for an expression.
//
// The expression becomes its position automaton (Glushkov 1961): one position per character it can
// read, and for each the positions that can come next. A backtracking engine walks runs of that
// automaton. If no word leads to a position by two different runs, then at any point of a subject
// at most as many runs are alive as there are positions, and the whole search takes at most
// (positions × length) steps, whatever the subject. So: an edge, or a way to match nothing, that
// can be derived twice is ambiguous at once (`(a+)+`, `(a?|b?)`); otherwise the automaton is
// multiplied with itself, and the expression is ambiguous when two different positions reached by
// the same word can step to one position. Anchors count as always true, which only adds runs. "Not
// proved" costs speed, never safety: such a pattern runs on the RE2 engine.

import { type CharSet, intersects } from "./char-set.ts";
import type { RegexNode } from "./regex-syntax.ts";

const positionsMax = 200;
const stepsMax = 400_000;

/** True when the proof succeeds. */
export function isUnambiguous(node: RegexNode): boolean {
  const automaton = new Automaton();
  const whole = automaton.add(node);
  if (whole === null || !automaton.link([startPosition], whole.first)) return false;
  return !automaton.hasTwoRuns();
}

/** What an expression contributes: where it can begin and end, and whether it can match nothing. */
interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly isNullable: boolean;
}

const startPosition = 0;

/**
 * Methods answer null or false as soon as the expression is known to be ambiguous, or too large.
 */
class Automaton {
  readonly #sets: CharSet[] = [[]];
  readonly #next: number[][] = [[]];

  add(node: RegexNode): Part | null {
    switch (node.kind) {
      case "chars":
        return this.#position(node.set);
      case "assert":
        return { first: [], last: [], isNullable: true };
      case "capture":
        return this.add(node.part);
      case "sequence":
        return this.#sequence(node.parts.length, (i) => this.add(node.parts[i] as RegexNode));
      case "either":
        return this.#either(node.parts);
      case "repeat":
        return this.#repeat(node.part, node.min, node.max);
    }
  }

  /** Adds the edges; false when one is there already, which makes two runs. */
  link(from: readonly number[], to: readonly number[]): boolean {
    for (const position of from) {
      const next = this.#next[position] as number[];
      for (const other of to) {
        if (next.includes(other)) return false;
        next.push(other);
      }
    }
    return true;
  }

  /** Whether some word leads to one position by two runs (or the search was given up). */
  hasTwoRuns(): boolean {
    const count = this.#sets.length;
    const seen = new Uint8Array(count * count);
    const pending: number[] = [];
    let steps = 0;
    // Answers true when both sides can step to the same position.
    const step = (left: readonly number[], right: readonly number[], isFork: boolean): boolean => {
      for (const a of left) {
        for (const b of right) {
          steps++;
          if (a === b) {
            if (!isFork) return true;
            continue;
          }
          const pair = a < b ? a * count + b : b * count + a;
          if (seen[pair] === 1) continue;
          if (!intersects(this.#sets[a] as CharSet, this.#sets[b] as CharSet)) continue;
          seen[pair] = 1;
          pending.push(pair);
        }
      }
      return steps > stepsMax;
    };
    for (const next of this.#next) if (step(next, next, true)) return true;
    for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
      const left = this.#next[Math.floor(pair / count)] as number[];
      if (step(left, this.#next[pair % count] as number[], false)) return true;
    }
    return false;
  }

  #position(set: CharSet): Part | null {
    const position = this.#sets.length;
    if (position > positionsMax) return null;
    this.#sets.push(set);
    this.#next.push([]);
    return { first: [position], last: [position], isNullable: false };
  }

  #sequence(count: number, part: (index: number) => Part | null): Part | null {
    let whole: Part = { first: [], last: [], isNullable: true };
    for (let i = 0; i < count; i++) {
      const next = part(i);
      if (next === null || !this.link(whole.last, next.first)) return null;
      whole = {
        first: whole.isNullable ? [...whole.first, ...next.first] : whole.first,
        last: next.isNullable ? [...next.last, ...whole.last] : next.last,
        isNullable: whole.isNullable && next.isNullable,
      };
    }
    return whole;
  }

  #either(nodes: readonly RegexNode[]): Part | null {
    const first: number[] = [];
    const last: number[] = [];
    let isNullable = false;
    for (const node of nodes) {
      const part = this.add(node);
      if (part === null || (isNullable && part.isNullable)) return null;
      first.push(...part.first);
      last.push(...part.last);
      isNullable ||= part.isNullable;
    }
    return { first, last, isNullable };
  }

  /** `x{2,4}` is `x x (x (x)?)?`; `x{2,}` is `x x+`. */
  #repeat(node: RegexNode, min: number, max: number): Part | null {
    if (max === -1) {
      const before = Math.max(0, min - 1);
      const whole = this.#sequence(before + 1, (i) =>
        i < before ? this.add(node) : this.#loop(node),
      );
      return whole !== null && min === 0 ? { ...whole, isNullable: true } : whole;
    }
    return this.#sequence(min + (max > min ? 1 : 0), (i) =>
      i < min ? this.add(node) : this.#optional(node, max - min),
    );
  }

  #loop(node: RegexNode): Part | null {
    const part = this.add(node);
    if (part === null || part.isNullable || !this.link(part.last, part.first)) return null;
    return part;
  }

  #optional(node: RegexNode, count: number): Part | null {
    const part = this.add(node);
    if (part === null || part.isNullable) return null;
    if (count === 1) return { ...part, isNullable: true };
    const rest = this.#optional(node, count - 1);
    if (rest === null || !this.link(part.last, rest.first)) return null;
    return { first: part.first, last: [...rest.last, ...part.last], isNullable: true };
  }
}
