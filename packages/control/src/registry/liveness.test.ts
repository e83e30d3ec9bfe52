import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SimClock, seededRandom, silentLogger } from "@weft/runtime";
import { Liveness } from "./liveness.ts";

const settings = { lostStreamMs: 10_000, startGraceMs: 60_000, removalWindowMs: 60_000 };

/** A namespace `n` whose workloads are all endpoints of one service. */
function world(...names: string[]): {
  liveness: Liveness;
  clock: SimClock;
  stored: Set<string>;
  kept: string[];
  failing: { isFailing: boolean };
} {
  const clock = new SimClock();
  const runtime = { clock, timers: clock, random: seededRandom(1), log: silentLogger };
  const stored = new Set(names);
  const kept: string[] = [];
  const failing = { isFailing: false };
  const liveness = new Liveness(runtime, settings, {
    services: async () => [{ service: "n/s", workloads: [...stored] }],
    remove: async (key, isStillLost) => {
      if (failing.isFailing) throw new Error("the disk is full");
      return isStillLost() && stored.delete(key);
    },
    keep: async (key) => void kept.push(key),
  });
  return { liveness, clock, stored, kept, failing };
}

describe("liveness", () => {
  it("removes a workload 10 s after its stream ended, not before", async () => {
    const { liveness, clock, stored } = world("n/a", "n/b", "n/c");
    for (const key of stored) liveness.attached(key);
    liveness.streamEnded("n/b");
    await clock.advanceAsync(9_990);
    assert.equal(stored.has("n/b"), true);
    await clock.advanceAsync(20);
    assert.deepEqual([...stored], ["n/a", "n/c"]);
  });

  it("removes nothing of one that returned in time, or that left in order", async () => {
    const { liveness, clock, stored } = world("n/a", "n/b", "n/c");
    for (const key of stored) liveness.attached(key);
    liveness.streamEnded("n/a");
    liveness.streamEnded("n/b");
    await clock.advanceAsync(9_000);
    liveness.attached("n/a");
    liveness.forget("n/b");
    await clock.advanceAsync(60_000);
    assert.equal(stored.size, 3);
    assert.equal(clock.pendingCount, 0);
  });

  it("takes a return while a removal is being written into account", async () => {
    const { liveness, clock, stored } = world("n/a", "n/b", "n/c", "n/d");
    for (const key of stored) liveness.attached(key);
    liveness.streamEnded("n/a");
    liveness.streamEnded("n/b");
    clock.advance(10_000);
    liveness.attached("n/b");
    await clock.advanceAsync(100);
    assert.deepEqual([...stored], ["n/b", "n/c", "n/d"]);
    assert.equal(liveness.isAlive("n/b"), true);
  });

  it("counts stored workloads as alive for 60 s after a start", async () => {
    const { liveness, clock, stored } = world("n/a", "n/b", "n/c");
    liveness.attached("n/a");
    liveness.started(stored);
    await clock.advanceAsync(59_000, 100);
    liveness.attached("n/b");
    await clock.advanceAsync(60_000, 100);
    assert.deepEqual([...stored], ["n/a", "n/b"]);
  });

  it("removes half of a service at once, the next after a minute, the last never", async () => {
    const { liveness, clock, stored, kept } = world("n/a", "n/b", "n/c", "n/d");
    for (const key of stored) liveness.attached(key);
    for (const key of stored) liveness.streamEnded(key);
    await clock.advanceAsync(11_000, 100);
    assert.deepEqual([...stored], ["n/c", "n/d"]);
    assert.deepEqual(kept, ["n/c", "n/d"]);
    await clock.advanceAsync(50_000, 100);
    assert.equal(stored.size, 2);
    await clock.advanceAsync(15_000, 100);
    assert.deepEqual([...stored], ["n/d"]);
    await clock.advanceAsync(600_000, 1_000);
    assert.deepEqual([...stored], ["n/d"]);
    assert.deepEqual(kept, ["n/c", "n/d"], "marked once each");
  });

  it("lets the last one go once another has joined", async () => {
    const { liveness, clock, stored } = world("n/a");
    liveness.attached("n/a");
    liveness.streamEnded("n/a");
    await clock.advanceAsync(30_000, 100);
    assert.equal(stored.has("n/a"), true);
    stored.add("n/b");
    liveness.attached("n/b");
    await clock.advanceAsync(6_000, 100);
    assert.deepEqual([...stored], ["n/b"]);
  });

  it("tries again, without haste, when the store takes no writes", async () => {
    const { liveness, clock, stored, failing } = world("n/a", "n/b");
    for (const key of stored) liveness.attached(key);
    failing.isFailing = true;
    liveness.streamEnded("n/a");
    await clock.advanceAsync(20_000, 100);
    assert.equal(stored.size, 2);
    failing.isFailing = false;
    await clock.advanceAsync(5_000, 100);
    assert.deepEqual([...stored], ["n/b"]);
  });

  it("does nothing after close", async () => {
    const { liveness, clock, stored } = world("n/a", "n/b");
    for (const key of stored) liveness.attached(key);
    liveness.streamEnded("n/a");
    liveness.close();
    await clock.advanceAsync(20_000, 100);
    assert.equal(stored.size, 2);
  });
});
