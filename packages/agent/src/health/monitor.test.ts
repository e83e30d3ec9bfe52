import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, silentLogger, SimClock } from "@weft/runtime";
import { HealthMonitor } from "./monitor.ts";

interface Rig {
  readonly clock: SimClock;
  readonly monitor: HealthMonitor;
  readonly told: string[];
  readonly begunMs: number;
  probes: number;
  isHealthy: boolean;
  message: string;
}

function open(isHealthy = false): Rig {
  const clock = new SimClock();
  const told: string[] = [];
  const rig = { clock, told, probes: 0, isHealthy, message: "refused", begunMs: clock.nowMs() };
  const monitor = new HealthMonitor({
    runtime: { clock, timers: clock, random: seededRandom(1), log: silentLogger },
    run: () => {
      rig.probes++;
      return Promise.resolve({
        isHealthy: rig.isHealthy,
        message: rig.isHealthy ? "" : rig.message,
      });
    },
    onChange: (isReady, message) => told.push(isReady ? "ready" : message),
  });
  return Object.assign(rig, { monitor });
}

test("a program that starts is seen within a moment", async () => {
  const rig = open();
  await rig.clock.advanceAsync(300);
  assert.deepEqual(rig.told, ["refused"]);
  rig.isHealthy = true;
  await rig.clock.advanceAsync(250);
  assert.deepEqual(rig.told, ["refused", "ready"]);
  assert.equal(rig.monitor.isReady, true);
});

test("one that stays away is asked once a second in the end", async () => {
  const rig = open();
  await rig.clock.advanceAsync(30_000);
  const before = rig.probes;
  await rig.clock.advanceAsync(10_000);
  assert.ok(rig.probes - before <= 10, `${rig.probes - before} probes in 10 s`);
  assert.deepEqual(rig.told, ["refused"]);
});

test("one slow answer takes nothing away, three in a row do, within six seconds", async () => {
  const rig = open(true);
  await rig.clock.advanceAsync(200);
  rig.isHealthy = false;
  await rig.clock.advanceAsync(5_000);
  rig.isHealthy = true;
  await rig.clock.advanceAsync(600);
  assert.deepEqual(rig.told, ["ready"]);
  rig.isHealthy = false;
  await rig.clock.advanceAsync(6_500);
  assert.deepEqual(rig.told, ["ready", "refused"]);
  rig.isHealthy = true;
  await rig.clock.advanceAsync(1_000);
  assert.deepEqual(rig.told, ["ready", "refused", "ready"], "and back at the first success");
});

test("another reason for the same is told too", async () => {
  const rig = open();
  await rig.clock.advanceAsync(1_000);
  rig.message = "answered 503";
  await rig.clock.advanceAsync(5_000);
  assert.deepEqual(rig.told, ["refused", "answered 503"]);
});

test("closed, it asks no more", async () => {
  const rig = open();
  await rig.clock.advanceAsync(100);
  rig.monitor.close();
  const before = rig.probes;
  await rig.clock.advanceAsync(10_000);
  assert.equal(rig.probes, before);
  assert.equal(rig.clock.pendingCount, 0);
});
