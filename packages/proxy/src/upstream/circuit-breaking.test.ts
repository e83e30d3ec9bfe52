// Limits hold over all workers, and a dead worker's share comes back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { CircuitLimitsRow } from "@weft/rules";
import { CircuitBreaker, createClusterCounters, forgetWorker, Limit } from "./circuit-breaking.ts";

const limits = { connectionsMax: 2, pendingMax: 1, requestsMax: 3, retriesMax: 1 };
const row = new CircuitLimitsRow(limits);

test("each limit is admitted up to its maximum and released again", () => {
  const breaker = new CircuitBreaker(createClusterCounters(1), 0, row);
  assert.deepEqual(
    [1, 2, 3].map(() => breaker.admitConnection()),
    [true, true, false],
  );
  breaker.releaseConnection();
  assert.equal(breaker.admitConnection(), true);
  assert.deepEqual(
    [1, 2].map(() => breaker.admitPending()),
    [true, false],
  );
  assert.deepEqual(
    [1, 2, 3, 4].map(() => breaker.admitRequest()),
    [true, true, true, false],
  );
  assert.equal(breaker.count(Limit.Connections), 2);
  assert.equal(breaker.requestsUnderWay(), 4);
  assert.equal(breaker.refusedCount(Limit.Connections), 1);
  assert.equal(breaker.refusedCount(Limit.Pending), 1);
  breaker.releasePending();
  assert.equal(breaker.requestsUnderWay(), 3);
});

test("a limit counts what all workers do", () => {
  const counters = createClusterCounters(2);
  const first = new CircuitBreaker(counters, 0, row);
  const second = new CircuitBreaker(counters, 1, row);
  assert.ok(first.admitConnection());
  assert.ok(second.admitConnection());
  assert.ok(!first.admitConnection());
  assert.ok(!second.admitConnection());
  first.releaseConnection();
  assert.ok(second.admitConnection());
});

test("a limit of 0 admits nothing, the largest number everything", () => {
  const none = new CircuitLimitsRow({ ...limits, requestsMax: 0 });
  const all = new CircuitLimitsRow({ ...limits, requestsMax: 4_294_967_295 });
  const counters = createClusterCounters(1);
  assert.equal(new CircuitBreaker(counters, 0, none).admitRequest(), false);
  assert.equal(new CircuitBreaker(counters, 0, all).admitRequest(), true);
});

test("what a dead worker held is taken back, and only that", () => {
  const counters = createClusterCounters(2);
  const dying = new CircuitBreaker(counters, 0, row);
  const living = new CircuitBreaker(counters, 1, row);
  dying.admitRequest();
  dying.admitRequest();
  dying.admitConnection();
  living.admitRequest();
  forgetWorker(counters, 0);
  assert.equal(living.count(Limit.Requests), 1);
  assert.equal(living.count(Limit.Connections), 0);
  const successor = new CircuitBreaker(counters, 0, row);
  assert.ok(successor.admitRequest());
  successor.releaseRequest();
  forgetWorker(counters, 0);
  assert.equal(living.count(Limit.Requests), 1);
});

test("a worker number without a row in the counters is a mistake", () => {
  assert.throws(() => new CircuitBreaker(createClusterCounters(2), 2, row), /no row/);
});

test("changed limits count on over the same counters", () => {
  const counters = createClusterCounters(1);
  const old = new CircuitBreaker(counters, 0, row);
  old.admitConnection();
  old.admitConnection();
  const wider = new CircuitLimitsRow({ ...limits, connectionsMax: 3 });
  const renewed = new CircuitBreaker(counters, 0, wider);
  assert.deepEqual(
    [1, 2].map(() => renewed.admitConnection()),
    [true, false],
  );
  old.releaseConnection();
  assert.equal(renewed.count(Limit.Connections), 2);
});

test("threads that race never exceed a limit, and end with nothing held", async () => {
  const counters = createClusterCounters(4);
  const report = new SharedArrayBuffer(8);
  const two = { ...limits, requestsMax: 2 };
  const source = `
    import { workerData } from "node:worker_threads";
    const { CircuitBreaker, Limit } = await import(workerData.module);
    const breaker = new CircuitBreaker(workerData.counters, workerData.worker, workerData.limits);
    const [inside, most] = [0, 1];
    const report = new Int32Array(workerData.report);
    for (let i = 0; i < 20000; i++) {
      if (!breaker.admitRequest()) continue;
      const now = Atomics.add(report, inside, 1) + 1;
      if (now > Atomics.load(report, most)) Atomics.store(report, most, now);
      Atomics.sub(report, inside, 1);
      breaker.releaseRequest();
    }
  `;
  const module = new URL("circuit-breaking.ts", import.meta.url).href;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const ends = [0, 1, 2].map((worker) => {
    const workerData = { module, counters, worker, limits: two, report };
    const thread = new Worker(url, { workerData });
    return new Promise((resolve, reject) => {
      thread.once("exit", resolve);
      thread.once("error", reject);
    });
  });
  await Promise.all(ends);
  const most = new Int32Array(report)[1] as number;
  assert.ok(most >= 1 && most <= 2, `${most} at once`);
  const breaker = new CircuitBreaker(counters, 3, new CircuitLimitsRow(two));
  assert.equal(breaker.count(Limit.Requests), 0);
});
