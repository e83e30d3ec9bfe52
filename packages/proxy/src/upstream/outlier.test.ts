// Ejections: when, for how long, how many, who comes back, and what is told about it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type EndpointHealth, EndpointRow, EndpointTable, OutlierRow } from "@weft/rules";
import { SimClock } from "@weft/runtime";
import { OutlierDetector } from "./outlier.ts";
import { Outcome, outcomeOf, type SlotCounters, slotCounters } from "./outlier-counters.ts";

const settings = {
  consecutiveGatewayErrors: 5,
  consecutive5xx: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  ejectionMaxMs: 300_000,
  ejectionPercentMax: 50,
  ejectAtLeastOne: true,
};
const row = new OutlierRow(settings);

function tableOf(
  names: readonly string[],
  health: Record<string, EndpointHealth> = {},
): EndpointTable {
  const rows = names.map(
    (key) =>
      new EndpointRow({
        key,
        address: "127.0.0.1",
        port: 80,
        health: health[key] ?? "healthy",
        weight: 1,
        region: "",
        zone: "",
        transportMatch: [],
        workload: "",
        identity: "",
        version: "",
      }),
  );
  return new EndpointTable("e", rows, new Uint8Array(0), []);
}

/** A detector, its clock, and a worker that counts for it. */
class Bench {
  readonly clock = new SimClock();
  readonly published: string[] = [];
  readonly detector = new OutlierDetector({
    onEjections: (cluster, ejected) => {
      this.published.push(`${cluster}: ${[...ejected].sort().join(" ")}`);
    },
  });
  row: OutlierRow = row;
  #counters = new Map<string, SlotCounters>();

  set(names: readonly string[], health: Record<string, EndpointHealth> = {}): this {
    const where = this.detector.setCluster(
      "c",
      this.row,
      tableOf(names, health),
      this.clock.nowMs(),
    );
    const counters = slotCounters(where);
    this.#counters = new Map(names.map((name, i) => [name, counters[i] as SlotCounters]));
    return this;
  }

  /** A worker sees outcomes of one endpoint; a count at its limit wakes the detector. */
  see(name: string, outcome: Outcome, times = 1): this {
    for (let i = 0; i < times; i++) {
      const counters = this.#counters.get(name) as SlotCounters;
      if (counters.record(this.row, outcome)) {
        this.detector.limitReached("c", name, this.clock.nowMs());
      }
    }
    return this;
  }

  fail(...names: readonly string[]): this {
    for (const name of names) this.see(name, Outcome.GatewayError, 5);
    return this;
  }

  /** Time passes, with a sweep every second. */
  pass(ms: number): this {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(1000, left));
      this.detector.sweep(this.clock.nowMs());
    }
    return this;
  }

  get ejected(): string[] {
    return [...this.detector.ejected("c")].sort();
  }

  verdict(name: string): ReturnType<OutlierDetector["verdicts"]>[number] {
    const found = this.detector.verdicts("c").find((one) => one.key === name);
    assert.ok(found !== undefined);
    return found;
  }
}

test("what counts as what", () => {
  const outcomes = [200, 404, 499, 500, 501, 502, 503, 504, 505, 0].map(outcomeOf);
  const { Success, ServerError, GatewayError } = Outcome;
  assert.deepEqual(outcomes, [
    ...[Success, Success, Success, ServerError, ServerError],
    ...[GatewayError, GatewayError, GatewayError, ServerError, GatewayError],
  ]);
});

test("the fifth gateway error in a row ejects at once, without a sweep", () => {
  const bench = new Bench().set(["a", "b", "c", "d"]);
  bench.see("a", Outcome.GatewayError, 4);
  assert.deepEqual(bench.ejected, []);
  bench.see("a", Outcome.GatewayError);
  assert.deepEqual(bench.ejected, ["a"]);
  assert.deepEqual(bench.published, ["c: a"]);
  const verdict = bench.verdict("a");
  assert.equal(verdict.isEjected, true);
  assert.equal(verdict.reason, "5 consecutive gateway errors");
  assert.equal(verdict.untilMs, bench.clock.nowMs() + 30_000);
  assert.deepEqual(verdict.history, [
    { atMs: bench.clock.nowMs(), durationMs: 30_000, reason: "5 consecutive gateway errors" },
  ]);
});

test("a success, or an error of the program itself, begins the count anew", () => {
  const bench = new Bench().set(["a", "b"]);
  bench.see("a", Outcome.GatewayError, 4).see("a", Outcome.Success);
  bench.see("a", Outcome.GatewayError, 4).see("a", Outcome.ServerError);
  bench.see("a", Outcome.GatewayError, 4);
  assert.deepEqual(bench.ejected, []);
});

test("only the count that reaches the limit wakes the main thread", () => {
  const where = new OutlierDetector({ onEjections() {} }).setCluster("c", row, tableOf(["a"]), 0);
  const [counters] = slotCounters(where);
  assert.ok(counters !== undefined);
  const woke = Array.from({ length: 8 }, () => counters.record(row, Outcome.GatewayError));
  assert.deepEqual(woke, [false, false, false, false, true, false, false, false]);
});

test("consecutive 5xx counts every server error, when it is on", () => {
  const bench = new Bench();
  bench.row = new OutlierRow({ ...settings, consecutiveGatewayErrors: 0, consecutive5xx: 3 });
  bench.set(["a", "b"]);
  bench.see("a", Outcome.ServerError).see("a", Outcome.GatewayError).see("a", Outcome.ServerError);
  assert.deepEqual(bench.ejected, ["a"]);
  assert.equal(bench.verdict("a").reason, "3 consecutive 5xx");
});

test("an endpoint returns on the sweep after its time, with a clean count", () => {
  const bench = new Bench().set(["a", "b"]).fail("a").pass(29_000);
  assert.deepEqual(bench.ejected, ["a"]);
  bench.pass(2000);
  assert.deepEqual(bench.ejected, []);
  assert.deepEqual(bench.published, ["c: a", "c: "]);
  assert.equal(bench.verdict("a").reason, "");
  bench.see("a", Outcome.GatewayError, 4);
  assert.deepEqual(bench.ejected, []);
});

test("a wall clock that is put back keeps nobody out", () => {
  const bench = new Bench().set(["a", "b"]).fail("a");
  const hourBackMs = bench.clock.nowMs() - 3_600_000;
  bench.detector.sweep(hourBackMs);
  assert.deepEqual(bench.ejected, []);
});

test("errors of requests still under way do not eject again after the return", () => {
  const bench = new Bench().set(["a", "b"]).fail("a");
  bench.see("a", Outcome.GatewayError, 20).pass(31_000);
  assert.deepEqual(bench.ejected, []);
  bench.pass(20_000);
  assert.deepEqual(bench.ejected, []);
  assert.equal(bench.verdict("a").ejectionCount, 1);
});

test("ejections in a row grow longer, up to a maximum; good intervals shorten them again", () => {
  const bench = new Bench();
  bench.row = new OutlierRow({ ...settings, ejectionMaxMs: 80_000 });
  bench.set(["a", "b"]);
  const durations = (): number[] => bench.verdict("a").history.map((one) => one.durationMs);
  bench.fail("a").pass(31_000).fail("a").pass(70_000).fail("a");
  assert.deepEqual(durations(), [30_000, 60_000, 80_000]);
  bench.pass(90_000);
  assert.deepEqual(bench.ejected, []);
  bench.pass(20_000).fail("a");
  assert.equal(durations().at(-1), 60_000, "two good intervals took two away");
  for (let i = 0; i < 20; i++) bench.pass(91_000).fail("a");
  assert.equal(durations().length, 8, "history is bounded");
  assert.equal(bench.verdict("a").ejectionCount, 24);
});

test("at most the share sits out; who may not go says so and goes when there is room", () => {
  const bench = new Bench().set(["a", "b", "c", "d"]).fail("a", "b", "c");
  assert.deepEqual(bench.ejected, ["a", "b"]);
  assert.match(bench.verdict("c").reason, /5 consecutive gateway errors, kept: too many/);
  bench.set(["a", "b", "c", "d", "e", "f"]).pass(10_000);
  assert.deepEqual(bench.ejected, ["a", "b", "c"]);
});

test("never the last endpoint, and never the last usable one", () => {
  assert.deepEqual(new Bench().set(["a"]).fail("a").pass(20_000).ejected, []);
  assert.deepEqual(new Bench().set(["a", "b"]).fail("a", "b").pass(20_000).ejected, ["a"]);
  const bench = new Bench().set(["a", "b", "c"], { b: "unhealthy", c: "draining" });
  assert.deepEqual(bench.fail("a").pass(20_000).ejected, []);
});

test("a cluster too small for the share loses one, unless it must not", () => {
  const three = new Bench().set(["a", "b", "c"]).fail("a", "b");
  assert.deepEqual(three.ejected, ["a"]);
  const strict = new Bench();
  strict.row = new OutlierRow({ ...settings, ejectionPercentMax: 10, ejectAtLeastOne: false });
  assert.deepEqual(strict.set(["a", "b", "c"]).fail("a").ejected, []);
  const none = new Bench();
  none.row = new OutlierRow({ ...settings, ejectionPercentMax: 0 });
  assert.deepEqual(none.set(["a", "b", "c"]).fail("a").ejected, []);
});

test("when the others leave, the ejected come back: those first that were due first", () => {
  const bench = new Bench().set(["a", "b", "c", "d"]).fail("a").pass(5000).fail("b");
  assert.deepEqual(bench.ejected, ["a", "b"]);
  bench.set(["a", "b", "c"]);
  assert.deepEqual(bench.ejected, ["b"]);
  bench.set(["b"]);
  assert.deepEqual(bench.ejected, []);
});

test("an update keeps counts, ejections and slots of endpoints that stay", () => {
  const bench = new Bench().set(["a", "b", "c", "d"]).fail("a").see("b", Outcome.GatewayError, 4);
  bench.set(["d", "b", "a", "e"]);
  assert.deepEqual(bench.ejected, ["a"]);
  bench.see("b", Outcome.GatewayError);
  assert.deepEqual(bench.ejected, ["a", "b"]);
});

test("a slot rests for an interval before a new endpoint counts in it", () => {
  const bench = new Bench();
  const { detector, clock } = bench;
  const slotsOf = (...names: string[]): number[] => [
    ...detector.setCluster("c", row, tableOf(names), clock.nowMs()).slots,
  ];
  assert.deepEqual(slotsOf("a", "b"), [0, 1]);
  assert.deepEqual(slotsOf("b"), [1]);
  assert.deepEqual(slotsOf("b", "c"), [1, 2]);
  bench.pass(11_000);
  assert.deepEqual(slotsOf("b", "c", "d"), [1, 2, 0]);
});

test("a cluster that grows keeps the counters it had", () => {
  const { detector } = new Bench();
  const names = Array.from({ length: 200 }, (_, i) => `e${i}`);
  const few = slotCounters(detector.setCluster("c", row, tableOf(names.slice(0, 1)), 0));
  few[0]?.record(row, Outcome.GatewayError);
  const many = detector.setCluster("c", row, tableOf(names), 0);
  assert.equal(many.pages.length, 4);
  assert.equal(slotCounters(many)[0]?.gatewayErrors(), 1);
  assert.equal(new Set(many.slots).size, 200);
});

test("without settings nobody is ejected, and who was comes back", () => {
  const bench = new Bench().set(["a", "b"]).fail("a");
  bench.detector.setCluster("c", null, tableOf(["a", "b"]), bench.clock.nowMs());
  assert.deepEqual(bench.ejected, []);
  bench.detector.removeCluster("c");
  assert.deepEqual(bench.detector.verdicts("c"), []);
  bench.detector.limitReached("c", "a", 0);
});
