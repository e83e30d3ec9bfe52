// The memory a slow connection can hold (http-cases H35).

import assert from "node:assert/strict";
import { test } from "node:test";
import { PartialLine } from "./partial-line.ts";

test("H35 held bytes take at most twice their length, and little once the line is done", () => {
  const line = new PartialLine();
  assert.equal(line.bytes.length, 0);
  const letter = Buffer.from("x");
  for (let i = 1; i <= 32 * 1024; i++) {
    line.add(letter, 0, 1);
    assert.ok(line.bytes.length <= Math.max(256, 2 * i));
  }
  assert.equal(line.length, 32 * 1024);
  line.clear();
  assert.equal(line.length, 0);
  assert.equal(line.bytes.length, 0);
  line.add(letter, 0, 1);
  line.clear();
  assert.equal(line.bytes.length, 256);
});

test("bytes are held in the order they came, from any part of a chunk", () => {
  const line = new PartialLine();
  line.add(Buffer.from("..abc.."), 2, 5);
  line.add(Buffer.from("d".repeat(600)), 0, 600);
  line.add(Buffer.from("e"), 0, 1);
  assert.equal(line.bytes.toString("latin1", 0, line.length), `abc${"d".repeat(600)}e`);
});
