// Both engines must agree on every pattern that V8 may run, and backtracking over such a pattern
// must stay within the bound that the proof promises, also on subjects made to hurt.

import assert from "node:assert/strict";
import { RE2JS } from "re2js";
import type { CharSet } from "./char-set.ts";
import { type Dice, oneOf } from "./dice.ts";
import { compileRegex, Pattern } from "./regex.ts";
import { parseRegex, type RegexNode } from "./regex-syntax.ts";

const atoms = (
  "a b c / . - ab \\. \\d \\w \\s \\S \\W [abc] [^/] [^a] [a-c] [[:alpha:]] [\\d.-] [^\\w] " +
  "^ $ \\b \\x61 é [é-ü] 1"
).split(" ");
const counts = ["*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "*?", "+?", "??"];
const letters = [
  "a",
  "b",
  "c",
  "A",
  "/",
  ".",
  "-",
  "1",
  "9",
  " ",
  "\n",
  "é",
  "_",
  "k",
  "ſ",
  "x",
  "😀",
];

export function fuzz(dice: Dice, steps: number): void {
  for (let i = 0; i < steps; i++) {
    const flags = oneOf(dice, ["", "", "", "(?i)", "(?s)", "(?is)"]);
    const text = flags + randomPattern(dice, 3);
    const pattern = compileRegex(text);
    if (!(pattern instanceof Pattern)) continue;
    const linear = RE2JS.compile(text);
    const node = parseRegex(text);
    for (let j = 0; j < 6; j++) {
      const subject = randomSubject(dice);
      const where: string = `${JSON.stringify(text)} (${pattern.engine}) on ${JSON.stringify(subject)}`;
      const bytes = Buffer.from(subject, "utf8").toString("latin1");
      assert.equal(pattern.matches(bytes), linear.testExact(subject), where);
      if (pattern.engine === "re2" || node === null) continue;
      const bound = 4 * stepBound(node) * (subject.length + 1);
      assert.ok(countSteps(node, Array.from(subject), bound) <= bound, `too many steps: ${where}`);
      checkReplace(pattern, linear, bytes, where);
    }
  }
}

function checkReplace(pattern: Pattern, linear: RE2JS, subject: string, where: string): void {
  const substitution = pattern.groupCount > 0 ? "<\\1>" : "<\\0>";
  const alone = new Pattern(pattern.text, linear, null);
  const expected = alone.replaceAll(subject, substitution);
  assert.equal(pattern.replaceAll(subject, substitution), expected, `replace: ${where}`);
}

function randomPattern(dice: Dice, depth: number): string {
  let text = "";
  const count = 1 + dice.integer(4);
  for (let i = 0; i < count; i++) {
    const part = depth > 0 && dice.integer(3) === 0 ? group(dice, depth) : oneOf(dice, atoms);
    text += part;
    if (dice.integer(2) === 0) text += oneOf(dice, counts);
  }
  return text;
}

function group(dice: Dice, depth: number): string {
  const parts = [randomPattern(dice, depth - 1)];
  while (dice.integer(2) === 0)
    parts.push(dice.integer(8) === 0 ? "" : randomPattern(dice, depth - 1));
  return `${oneOf(dice, ["(", "(?:", "(?P<n>"])}${parts.join("|")})`;
}

/** Mostly a short piece many times over, which is what makes backtracking explode. */
function randomSubject(dice: Dice): string {
  let piece = "";
  for (let i = dice.integer(4); i >= 0; i--) piece += oneOf(dice, letters);
  let subject = piece.repeat(dice.integer(dice.integer(4) === 0 ? 30 : 3));
  for (let i = dice.integer(4); i > 0; i--) subject += oneOf(dice, letters);
  return subject;
}

/** Positions of the expression once repetitions are written out. */
function stepBound(node: RegexNode): number {
  switch (node.kind) {
    case "chars":
    case "assert":
      return 1;
    case "capture":
      return 1 + stepBound(node.part);
    case "sequence":
    case "either":
      return 1 + node.parts.reduce((sum, part) => sum + stepBound(part), 0);
    case "repeat":
      return 1 + (1 + stepBound(node.part)) * Math.max(1, node.min, node.max);
  }
}

type Rest = (at: number) => boolean;

/**
 * A backtracking matcher as V8's, which counts its steps and never succeeds early: the worst case.
 */
function countSteps(node: RegexNode, subject: readonly string[], stop: number): number {
  let steps = 0;
  const walk = (part: RegexNode, at: number, rest: Rest): boolean => {
    if (++steps > stop) return true;
    switch (part.kind) {
      case "chars":
        return at < subject.length && holds(part.set, subject[at] as string) && rest(at + 1);
      case "assert":
        return rest(at);
      case "capture":
        return walk(part.part, at, rest);
      case "sequence":
        return sequence(part.parts, 0, at, rest);
      case "either":
        return part.parts.some((other) => walk(other, at, rest));
      case "repeat":
        return repeat(part, 0, at, rest);
    }
  };
  const sequence = (parts: readonly RegexNode[], i: number, at: number, rest: Rest): boolean =>
    i === parts.length
      ? rest(at)
      : walk(parts[i] as RegexNode, at, (next) => sequence(parts, i + 1, next, rest));
  const repeat = (
    part: RegexNode & { kind: "repeat" },
    done: number,
    at: number,
    rest: Rest,
  ): boolean => {
    const mayGoOn = part.max === -1 || done < part.max;
    const onward = (): boolean =>
      mayGoOn && walk(part.part, at, (next) => repeat(part, done + 1, next, rest));
    return onward() || (done >= part.min && rest(at));
  };
  walk(node, 0, () => false);
  return steps;
}

function holds(set: CharSet, char: string): boolean {
  const code = char.codePointAt(0) as number;
  for (let i = 0; i < set.length; i += 2) {
    if (code >= (set[i] as number) && code <= (set[i + 1] as number)) return true;
  }
  return false;
}
