import assert from "node:assert/strict";
import { test } from "node:test";
import { IdleClose } from "./idle-close.ts";

test("nothing known: no limit", () => {
  assert.equal(new IdleClose(Number.POSITIVE_INFINITY).usableMs, Number.POSITIVE_INFINITY);
});

test("an announced time is believed, with room before it", () => {
  const idleClose = new IdleClose(Number.POSITIVE_INFINITY);
  idleClose.announced(5000);
  assert.equal(idleClose.usableMs, 4000);
});

test("one close teaches nothing, two alike do, and a restart in between does not", () => {
  const idleClose = new IdleClose(Number.POSITIVE_INFINITY);
  idleClose.observed(5010);
  assert.equal(idleClose.usableMs, Number.POSITIVE_INFINITY);
  idleClose.observed(20);
  idleClose.observed(5050);
  assert.equal(idleClose.usableMs, 5010 * 0.8);
  idleClose.observed(2000);
  assert.equal(idleClose.usableMs, 5010 * 0.8);
  idleClose.observed(2100);
  assert.equal(idleClose.usableMs, 2000 * 0.8);
});
