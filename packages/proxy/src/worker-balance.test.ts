import assert from "node:assert/strict";
import { test } from "node:test";
import { relieve, type SharedConnection, WorkerBalance } from "./worker-balance.ts";

function relieved(workerCount: number, served: readonly number[]): number[] {
  const told: number[] = [];
  const balance = new WorkerBalance(workerCount, (worker) => told.push(worker));
  for (let second = 0; second < 5; second++) {
    for (const [worker, count] of served.entries()) balance.heard(worker, count);
    balance.sweep();
  }
  return told;
}

test("the worker far above the mean is relieved, once in five seconds", () => {
  assert.deepEqual(relieved(4, [1000, 100, 100, 100]), [0]);
  assert.deepEqual(relieved(4, [100, 100, 700, 400]), [2]);
});

test("nobody is relieved of what is even, little, or all there is", () => {
  assert.deepEqual(relieved(4, [400, 300, 300, 300]), []);
  assert.deepEqual(relieved(4, [100, 0, 0, 0]), []);
  assert.deepEqual(relieved(1, [5000]), []);
});

test("each judgement looks at its own five seconds", () => {
  const told: number[] = [];
  const balance = new WorkerBalance(2, (worker) => told.push(worker));
  balance.heard(0, 5000);
  for (let second = 0; second < 5; second++) balance.sweep();
  for (let second = 0; second < 5; second++) {
    balance.heard(0, 500);
    balance.heard(1, 500);
    balance.sweep();
  }
  assert.deepEqual(told, [0]);
});

class Connection implements SharedConnection {
  count: number;
  isDrained = false;

  constructor(count: number) {
    this.count = count;
  }

  takeRequestCount(): number {
    const { count } = this;
    this.count = 0;
    return count;
  }

  drain(): void {
    this.isDrained = true;
  }
}

test("the busiest connection goes, unless it is the only busy one", () => {
  const connections = [10, 500, 30].map((count) => new Connection(count));
  relieve(connections);
  assert.deepEqual(
    connections.map(({ isDrained }) => isDrained),
    [false, true, false],
  );
  const alone = [0, 500].map((count) => new Connection(count));
  relieve(alone);
  assert.ok(alone.every(({ isDrained }) => !isDrained));
});
