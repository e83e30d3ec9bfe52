// What RE2's syntax and meaning demand, which engine a pattern gets, and that published attacks
// end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seededDice } from "./dice.ts";
import { fuzz } from "./regex.fuzz.ts";
import {
  compileRegex,
  Pattern,
  patternLengthMax,
  refuseSubstitution,
  subjectLengthMax,
} from "./regex.ts";

function pattern(text: string): Pattern {
  const compiled = compileRegex(text);
  assert.ok(compiled instanceof Pattern, `${text}: ${JSON.stringify(compiled)}`);
  return compiled;
}

function refusal(text: string): string {
  const compiled = compileRegex(text);
  assert.ok(!(compiled instanceof Pattern), `${text} was accepted`);
  return compiled.refusal;
}

test("the whole subject must match", () => {
  assert.equal(pattern("/items").matches("/items"), true);
  assert.equal(pattern("/items").matches("/items/1"), false);
  assert.equal(pattern("a|ab").matches("ab"), true);
  assert.equal(pattern("^/v[0-9]+/.*$").matches("/v2/x"), true);
});

test("what routes usually hold runs on V8", () => {
  const usual = [
    "/api/v[0-9]+/users/[^/]+",
    "/items/.*",
    ".*\\.(png|jpg|jpeg)",
    "^/(?:items|images)/\\d{1,6}(?:/edit)?$",
    "(GET|HEAD|POST)",
    "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
    "v[12]",
    "(?i)bearer [a-z0-9._-]+",
    "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
  ];
  for (const text of usual) assert.equal(pattern(text).engine, "v8", text);
});

// OWASP, regexlib, the outage reports of Stack Overflow (2016) and Cloudflare (2019), and CVE
// records.
const attacks: readonly (readonly [pattern: string, piece: string])[] = [
  ["(a+)+$", "a"],
  ["([a-zA-Z]+)*", "a"],
  ["(a|aa)+", "a"],
  ["(a|a?)+", "a"],
  ["(.*a){12}", "a"],
  ["(x+x+)+y", "x"],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", "a"],
  ["(?:a?){30}a{30}", "a"],
  ["^([0-9a-zA-Z]([-.\\w]*[0-9a-zA-Z])*@([0-9a-zA-Z][-\\w]*[0-9a-zA-Z]\\.)+[a-zA-Z]{2,9})$", "a"],
  ["^(\\w+\\s?)*$", "aa "],
  ["(?:\\s|-|~|!|\\{\\}|\\|\\||\\+)*.*(?:.*=.*)", "x="],
  ["^(\\s+\\w*)*\\s*;$", " "],
  [".*.*=.*", "x"],
  ["^(?:.?.?.?.?.?.?.?)*$", "a"],
  ["(?:(?:\\d+)?\\.?\\d+)+ *(ms|s|m)?", "1"],
];

test("published attacks run on the linear engine and end", () => {
  for (const [text, piece] of attacks) {
    const attacked = pattern(text);
    assert.equal(attacked.engine, "re2", text);
    attacked.matches(`${piece.repeat(subjectLengthMax / piece.length - 1)}\n`);
  }
});

test("an invalid pattern is refused with the reason", () => {
  assert.match(refusal("a(b"), /not RE2 syntax: .*missing closing \)/);
  for (const text of ["(?=a)", "(a)\\1", "a**", "[b-a]", "[[:foo:]]", "x{1001}"]) {
    assert.match(refusal(text), /not RE2 syntax/, text);
  }
});

test("pattern, program and subject are bounded", () => {
  assert.match(refusal("a".repeat(patternLengthMax + 1)), /longer than/);
  assert.match(refusal("[a-z]{500}".repeat(3)), /instructions, more than/);
  assert.equal(pattern("a*").matches("a".repeat(subjectLengthMax)), true);
  assert.equal(pattern("a*").matches("a".repeat(subjectLengthMax + 1)), false);
});

test("bytes beyond ASCII are read as UTF-8", () => {
  const bytes = Buffer.from("grün", "utf8").toString("latin1");
  assert.equal(pattern("gr.n").matches(bytes), true);
  assert.equal(pattern("grün").matches(bytes), true);
  assert.equal(pattern("gr..n").matches(bytes), false);
  assert.equal(pattern("^(gr)ü").replaceAll(bytes, "\\1"), "grn");
  assert.equal(pattern("n").replaceAll(bytes, "m"), Buffer.from("grüm").toString("latin1"));
});

test("every match is replaced, on both engines alike", () => {
  assert.equal(pattern("/+").replaceAll("/a//b", "-"), "-a-b");
  assert.equal(pattern("^/foo/?(.*)$").replaceAll("/foo/bar", "/\\1"), "/bar");
  assert.equal(pattern("^/foo/?(.*)$").replaceAll("/other", "/\\1"), "/other");
  assert.equal(pattern(".*").replaceAll("/abc", "/new"), "/new");
  assert.equal(pattern("^.*$").replaceAll("/abc", "/new"), "/new");
  assert.equal(pattern("^/(a|b)+").replaceAll("/ab", "<\\1\\0\\\\>"), "<b/ab\\>");
  assert.equal(pattern("x*").replaceAll("axb", "-"), "-a-b-");
});

test("a substitution must fit its pattern", () => {
  assert.equal(refuseSubstitution("/\\1\\\\", pattern("(a)")), null);
  assert.match(refuseSubstitution("\\2", pattern("(a)")) ?? "", /no group 2/);
  assert.match(refuseSubstitution("a\\", pattern("a")) ?? "", /no digit/);
  assert.match(refuseSubstitution("\\x", pattern("a")) ?? "", /no digit/);
});

test("a pattern prints as its text and engine", () => {
  assert.equal(JSON.stringify(pattern("a+")), '{"text":"a+","engine":"v8"}');
});

test("fuzz: both engines agree and the bound holds", () => fuzz(seededDice(7), 1500));
