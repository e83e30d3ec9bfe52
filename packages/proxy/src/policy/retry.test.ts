import assert from "node:assert/strict";
import { test } from "node:test";
import { RetryRow } from "@weft/rules";
import { backoffMs } from "./retry.ts";

test("backoff is full jitter over an exponential, and bounded", () => {
  const row = new RetryRow({
    attempts: 9,
    on: [],
    bits: 0,
    statuses: [],
    methods: null,
    unavailableMethods: null,
    perTryTimeoutMs: null,
    backoffBaseMs: 25,
    backoffMaxMs: 250,
    avoidTried: true,
  });
  assert.equal(backoffMs(row, 1, 0), 0);
  assert.equal(backoffMs(row, 1, 1), 25);
  assert.equal(backoffMs(row, 2, 1), 75);
  assert.equal(backoffMs(row, 3, 0.5), 87.5);
  assert.equal(backoffMs(row, 8, 1), 250);
});
