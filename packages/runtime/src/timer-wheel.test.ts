import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "./sim/clock.ts";
import { seededRandom } from "./sim/random.ts";
import { TimerWheel, type WheelOwner, WheelTimer } from "./timer-wheel.ts";

class Waiter implements WheelOwner {
  readonly timer: WheelTimer;
  firedAtMs = -1;
  readonly clock: SimClock;
  constructor(clock: SimClock, kind = 0) {
    this.clock = clock;
    this.timer = new WheelTimer(this, kind);
  }
  onTimeout(): void {
    this.firedAtMs = this.clock.monotonicMs();
  }
}

test("a short timeout fires never early and at most two ticks late", () => {
  const clock = new SimClock(5000);
  const wheel = new TimerWheel(clock, clock);
  const random = seededRandom(7);
  for (let round = 0; round < 500; round++) {
    const waiter = new Waiter(clock);
    const delayMs = 1 + random.integer(4000);
    clock.advance(random.integer(37));
    const setAtMs = clock.monotonicMs();
    wheel.set(waiter.timer, delayMs);
    clock.advance(delayMs + 25);
    const tookMs = waiter.firedAtMs - setAtMs;
    assert.ok(tookMs >= delayMs && tookMs <= delayMs + 20, `${delayMs} fired after ${tookMs}`);
  }
  assert.equal(wheel.size, 0);
  assert.equal(clock.pendingCount, 0, "an empty wheel sets no system timer");
});

test("a long timeout fires within a second and one tick of its time, also beyond a revolution", () => {
  const clock = new SimClock(1234);
  const wheel = new TimerWheel(clock, clock);
  for (const delayMs of [5000, 9_999, 60_000, 300_000]) {
    const waiter = new Waiter(clock);
    const setAtMs = clock.monotonicMs();
    wheel.set(waiter.timer, delayMs);
    clock.advance(delayMs + 1100);
    const tookMs = waiter.firedAtMs - setAtMs;
    assert.ok(tookMs >= delayMs && tookMs <= delayMs + 1020, `${delayMs} fired after ${tookMs}`);
  }
});

test("a cancelled timeout never fires and a reset one fires once at its new time", () => {
  const clock = new SimClock(0);
  const wheel = new TimerWheel(clock, clock);
  const cancelled = new Waiter(clock);
  const reset = new Waiter(clock);
  wheel.set(cancelled.timer, 50);
  wheel.set(reset.timer, 50);
  clock.advance(30);
  wheel.cancel(cancelled.timer);
  wheel.set(reset.timer, 200);
  clock.advance(100);
  assert.equal(reset.firedAtMs, -1);
  clock.advance(150);
  assert.equal(cancelled.firedAtMs, -1);
  assert.ok(reset.firedAtMs >= 230);
});

test("an owner may set and cancel other timeouts of the same tick while it fires", () => {
  const clock = new SimClock(0);
  const wheel = new TimerWheel(clock, clock);
  const waiters = Array.from({ length: 5 }, () => new Waiter(clock));
  let fired = 0;
  const killer: WheelOwner = {
    onTimeout() {
      fired++;
      for (const waiter of waiters) wheel.cancel(waiter.timer);
      if (fired < 3) wheel.set(timer, 10);
    },
  };
  const timer = new WheelTimer(killer, 0);
  for (const waiter of waiters) wheel.set(waiter.timer, 40);
  wheel.set(timer, 40);
  clock.advance(200);
  assert.equal(fired, 3);
  assert.ok(waiters.every((waiter) => waiter.firedAtMs === -1));
});

test("after a stall longer than a revolution everything due fires", () => {
  const clock = new SimClock(0);
  const stalled = { nowMs: () => clock.nowMs(), monotonicMs: () => offsetMs + clock.monotonicMs() };
  let offsetMs = 0;
  const wheel = new TimerWheel(stalled, clock);
  const waiters = Array.from({ length: 200 }, () => new Waiter(clock));
  waiters.forEach((waiter, i) => {
    wheel.set(waiter.timer, 10 + i * 40);
  });
  offsetMs = 30_000;
  clock.advance(30);
  assert.ok(waiters.every((waiter) => waiter.firedAtMs >= 0));
});
