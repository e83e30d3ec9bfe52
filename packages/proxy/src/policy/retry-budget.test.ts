// The retry budget under a clock that the test moves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CircuitLimitsRow, RetryBudgetRow } from "@weft/rules";
import { SimClock } from "@weft/runtime";
import { CircuitBreaker, createClusterCounters, Limit } from "../upstream/circuit-breaking.ts";
import { admitRetry } from "./retry-budget.ts";

const limits = new CircuitLimitsRow({
  connectionsMax: 1000,
  pendingMax: 1000,
  requestsMax: 1000,
  retriesMax: 3,
});

function account(requestCount: number, workers = 1): CircuitBreaker[] {
  const counters = createClusterCounters(workers);
  const breakers = Array.from(
    { length: workers },
    (_, worker) => new CircuitBreaker(counters, worker, limits),
  );
  for (let i = 0; i < requestCount; i++) breakers[i % workers]?.admitRequest();
  return breakers;
}

/** How many of `count` retries are admitted, without any of them ending. */
function admitted(
  row: RetryBudgetRow | null,
  breaker: CircuitBreaker,
  count: number,
  nowMs: number,
): number {
  let sum = 0;
  for (let i = 0; i < count; i++) if (admitRetry(row, breaker, nowMs)) sum++;
  return sum;
}

test("without a budget the circuit breaker's limit holds", () => {
  const [breaker] = account(500);
  assert.ok(breaker !== undefined);
  assert.equal(admitted(null, breaker, 10, 0), 3);
  assert.equal(breaker.refusedCount(Limit.Retries), 7);
});

test("retries are a share of the requests under way, whichever worker they are on", () => {
  const [first, second] = account(100, 2);
  assert.ok(first !== undefined && second !== undefined);
  const row = new RetryBudgetRow(20, 0, 0);
  assert.equal(admitted(row, first, 15, 0), 15);
  assert.equal(admitted(row, second, 15, 0), 5);
  first.releaseRetry();
  assert.equal(admitted(row, second, 5, 0), 1);
});

test("at least so many may be under way at once", () => {
  const [breaker] = account(1);
  assert.ok(breaker !== undefined);
  assert.equal(admitted(new RetryBudgetRow(20, 3, 0), breaker, 10, 0), 3);
});

test("at least so many a second, however little is under way", () => {
  const clock = new SimClock();
  const [breaker] = account(1);
  assert.ok(breaker !== undefined);
  const row = new RetryBudgetRow(20, 0, 3);
  assert.equal(admitted(row, breaker, 10, clock.nowMs()), 3);
  assert.equal(breaker.refusedCount(Limit.Retries), 7);
  clock.advance(300);
  assert.equal(admitted(row, breaker, 10, clock.nowMs()), 0);
  clock.advance(40);
  assert.equal(admitted(row, breaker, 10, clock.nowMs()), 1);
  clock.advance(10_000);
  assert.equal(
    admitted(row, breaker, 10, clock.nowMs()),
    3,
    "a pause saves up one second, no more",
  );
  for (let held = breaker.count(Limit.Retries); held > 0; held--) breaker.releaseRetry();
  let sum = 0;
  for (let i = 0; i < 1000; i++) {
    clock.advance(10);
    const taken = admitted(row, breaker, 2, clock.nowMs());
    for (let j = 0; j < taken; j++) breaker.releaseRetry();
    sum += taken;
  }
  assert.ok(sum >= 29 && sum <= 31, `${sum} in ten seconds`);
});

test("the rate is shared by the workers", () => {
  const [first, second] = account(0, 2);
  assert.ok(first !== undefined && second !== undefined);
  const row = new RetryBudgetRow(20, 0, 3);
  assert.equal(admitted(row, first, 2, 5000), 2);
  assert.equal(admitted(row, second, 5, 5000), 1);
});

test("rates of 1, 7 and 10,000 a second are kept", () => {
  for (const perSecond of [1, 7, 10_000]) {
    const [breaker] = account(0);
    assert.ok(breaker !== undefined);
    const row = new RetryBudgetRow(0, 0, perSecond);
    assert.equal(admitted(row, breaker, 20_000, 1_700_000_000_000), perSecond);
  }
});

test("a wall clock that jumps neither blocks nor opens the budget for long", () => {
  const [breaker] = account(0);
  assert.ok(breaker !== undefined);
  const row = new RetryBudgetRow(0, 0, 3);
  const nowMs = 1_700_000_000_000;
  assert.equal(admitted(row, breaker, 9, nowMs), 3);
  assert.equal(admitted(row, breaker, 9, nowMs - 100_000), 3, "minutes back");
  assert.equal(admitted(row, breaker, 9, nowMs + 50 * 3_600_000), 3, "days on");
  assert.equal(admitted(row, breaker, 9, nowMs + 50 * 3_600_000), 0);
});
