import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "@weft/runtime";
import { Refusal, refusalRows, Refusals } from "./refusals.ts";

test("every refusal has a row, and every code is another", () => {
  assert.deepEqual(
    Object.values(Refusal),
    refusalRows.map((_row, i) => i),
  );
  assert.equal(new Set(refusalRows.map(({ code }) => code)).size, refusalRows.length);
});

test("a flood of one reason is five lines, then a count; other reasons are still heard", () => {
  let nowMs = 0;
  const lines: string[] = [];
  const log = createLogger({
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    write: (line) => lines.push(line),
  });
  const refusals = new Refusals(log, () => nowMs);
  for (let i = 0; i < 1000; i++) refusals.note(Refusal.NotHttp, { peer: "127.0.0.1" });
  refusals.note(Refusal.NothingSaid, {});
  assert.equal(lines.length, 6);
  assert.match(lines[0] ?? "", /warn .*not HTTP.* code=not-http peer=127\.0\.0\.1/);
  nowMs = 9_999;
  refusals.sweep(nowMs);
  assert.equal(lines.length, 6);
  nowMs = 10_000;
  refusals.sweep(nowMs);
  refusals.sweep(nowMs);
  assert.equal(lines.length, 7);
  assert.match(lines[6] ?? "", /code=not-http count=995/);
  refusals.note(Refusal.NotHttp, {});
  assert.equal(lines.length, 8);
});
