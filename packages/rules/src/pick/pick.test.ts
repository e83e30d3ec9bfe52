// Pickers: shares, spread, skipping, avoiding what was tried.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Algorithm } from "../cluster-table.ts";
import { seededDice } from "../dice.ts";
import { type EndpointHealth, EndpointRow } from "../endpoint-table.ts";
import { createPicker } from "./index.ts";
import type { Candidate, Picker } from "./picker.ts";
import { indexOnLine, weightLine } from "./weighted.ts";

class TestEndpoint implements Candidate {
  readonly row: EndpointRow;
  activeCount = 0;

  constructor(name: string, weight: number, health: EndpointHealth) {
    const place = { address: "127.0.0.1", port: 80, region: "", zone: "" };
    const labels = { transportMatch: [], workload: "", identity: "", version: "" };
    this.row = new EndpointRow({ key: name, ...place, ...labels, health, weight });
  }
}

function endpoints(weights: Record<string, number>): TestEndpoint[] {
  return Object.entries(weights).map(([name, weight]) => new TestEndpoint(name, weight, "healthy"));
}

function pickerOf(
  algorithm: Algorithm,
  candidates: readonly TestEndpoint[],
  ejected: readonly string[] = [],
  seed = 1,
): Picker<TestEndpoint> {
  const settings = { algorithm, choiceCount: 2 };
  return createPicker(settings, candidates, new Set(ejected), seededDice(seed));
}

function countsOf(picker: Picker<TestEndpoint>, picks: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < picks; i++) {
    const name = picker.pick()?.row.key ?? "none";
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const algorithms: readonly Algorithm[] = ["round-robin", "random", "least-request"];

test("without a usable endpoint there is nothing to pick", () => {
  const candidates = [
    new TestEndpoint("a", 1, "unhealthy"),
    new TestEndpoint("b", 1, "draining"),
    new TestEndpoint("c", 1, "healthy"),
  ];
  for (const algorithm of algorithms) {
    const picker = pickerOf(algorithm, candidates, ["c"]);
    assert.equal(picker.size, 0);
    assert.equal(picker.pick(), null);
    assert.equal(picker.pickOther([]), null);
  }
});

test("ejected and unhealthy endpoints are skipped, degraded ones are not", () => {
  const candidates = [
    ...endpoints({ a: 1, b: 1 }),
    new TestEndpoint("c", 1, "degraded"),
    new TestEndpoint("d", 1, "unhealthy"),
  ];
  for (const algorithm of algorithms) {
    const counts = countsOf(pickerOf(algorithm, candidates, ["b"]), 200);
    assert.deepEqual(Object.keys(counts).sort(), ["a", "c"], algorithm);
  }
});

test("round robin is exact over a turn and starts anywhere", () => {
  const equal = endpoints({ a: 5, b: 5, c: 5 });
  assert.deepEqual(countsOf(pickerOf("round-robin", equal), 30), { a: 10, b: 10, c: 10 });
  const weighted = endpoints({ a: 1, b: 2, c: 7 });
  const counts = countsOf(pickerOf("round-robin", weighted), 50);
  assert.deepEqual({ ...counts }, { a: 5, b: 10, c: 35 });
  const starts = new Set<string | undefined>();
  for (let seed = 1; seed < 40; seed++) {
    starts.add(pickerOf("round-robin", equal, [], seed).pick()?.row.key);
  }
  assert.equal(starts.size, 3);
});

test("round robin spreads a heavy endpoint instead of bunching it", () => {
  const picker = pickerOf("round-robin", endpoints({ heavy: 10, a: 1, b: 1, c: 1, d: 1 }));
  let run = 0;
  let longest = 0;
  for (let i = 0; i < 140; i++) {
    run = picker.pick()?.row.key === "heavy" ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  assert.ok(longest <= 4, `heavy was picked ${longest} times in a row`);
});

test("random and an idle least request follow the weights", () => {
  for (const algorithm of ["random", "least-request"] as const) {
    const counts = countsOf(pickerOf(algorithm, endpoints({ a: 1, b: 3 })), 20_000);
    const share = (counts["b"] ?? 0) / 20_000;
    assert.ok(Math.abs(share - 0.75) < 0.015, `${algorithm}: ${share}`);
  }
});

test("least request prefers the endpoint with less under way for its weight", () => {
  const [a, b] = endpoints({ a: 1, b: 1 });
  assert.ok(a !== undefined && b !== undefined);
  a.activeCount = 3;
  b.activeCount = 2;
  assert.deepEqual(countsOf(pickerOf("least-request", [a, b]), 100), { b: 100 });
  const [light, heavy] = endpoints({ light: 1, heavy: 4 });
  assert.ok(light !== undefined && heavy !== undefined);
  light.activeCount = 1;
  heavy.activeCount = 3;
  assert.deepEqual(countsOf(pickerOf("least-request", [light, heavy]), 100), { heavy: 100 });
});

test("least request keeps the busiest of many endpoints near the average", () => {
  const candidates = endpoints(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [i, 1])));
  const least = pickerOf("least-request", candidates);
  for (let i = 0; i < 5000; i++) {
    const picked = least.pick();
    if (picked !== null) picked.activeCount++;
  }
  const most = Math.max(...candidates.map((one) => one.activeCount));
  assert.ok(most <= 104, `100 on average, ${most} on one`);
});

test("a retry goes to an endpoint that was not tried, where there is one", () => {
  const candidates = endpoints({ a: 1000, b: 1, c: 1 });
  const [a, b, c] = candidates;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  for (const algorithm of algorithms) {
    const picker = pickerOf(algorithm, candidates);
    for (let i = 0; i < 50; i++) {
      assert.equal(picker.pickOther([a, b])?.row.key, "c", algorithm);
      assert.notEqual(picker.pickOther([a])?.row.key, "a", algorithm);
      assert.notEqual(picker.pickOther([a, b, c]), null, algorithm);
    }
    const renewed = new TestEndpoint("a", 1, "healthy");
    assert.notEqual(picker.pickOther([renewed])?.row.key, "a", "keys count, not objects");
  }
});

test("a line of weights is as short as it can be, and null when all are equal", () => {
  assert.equal(weightLine([100, 100]), null);
  assert.equal(weightLine([]), null);
  const line = weightLine([100, 300, 50]);
  assert.deepEqual([...(line ?? [])], [2, 8, 9]);
  assert.ok(line !== null);
  assert.deepEqual(
    [0, 1.9, 2, 7.9, 8, 8.9].map((point) => indexOnLine(line, point)),
    [0, 0, 1, 1, 2, 2],
  );
});
