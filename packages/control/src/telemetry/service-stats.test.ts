import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationBucket, requestDurationBounds, SimClock } from "@weft/runtime";
import { LoadReport, LoadRow } from "@weft/xds/messages/weft/v1/agent.js";
import { takeLoadReport } from "./load-reports.ts";
import { quantileMs, ServiceStats, type StatRow } from "./service-stats.ts";

const catalog = { namespace: "shop", service: "catalog" };

function row(fields: { seconds: number; count: number } & Partial<LoadRow>): LoadRow {
  const buckets = new Array<bigint>(requestDurationBounds.length + 1).fill(0n);
  buckets[durationBucket(fields.seconds)] = BigInt(fields.count);
  return LoadRow.fromPartial({
    direction: "inbound",
    ...catalog,
    code: fields.code ?? 200,
    success: fields.success ?? true,
    mtls: fields.mtls ?? true,
    requests: BigInt(fields.count),
    durationBuckets: buckets,
    durationSumSeconds: fields.seconds * fields.count,
    ...(fields.service === undefined ? {} : { service: fields.service }),
    ...(fields.namespace === undefined ? {} : { namespace: fields.namespace }),
    ...(fields.direction === undefined ? {} : { direction: fields.direction }),
  });
}

function setUp(): { stats: ServiceStats; clock: SimClock; only: () => StatRow } {
  const clock = new SimClock();
  const stats = new ServiceStats({ clock, windowMs: 30_000 });
  const only = (): StatRow => {
    const [first, ...rest] = stats.rows("inbound", null, []);
    assert.ok(first !== undefined && rest.length === 0);
    return first;
  };
  return { stats, clock, only };
}

describe("service statistics", () => {
  it("have the fixed fields only, whatever else the reporter is", () => {
    const { only, stats } = setUp();
    const reporter = { ...catalog, workload: "catalog-x", isEphemeral: false };
    const rows = [row({ seconds: 0.01, count: 1 })];
    takeLoadReport(stats, reporter, LoadReport.fromPartial({ intervalMs: 2_000, rows }));
    const fields = ["namespace", "service", "requestsPerSecond", "successRate", "latencyMs"];
    assert.deepEqual(Object.keys(only()), [...fields, "mtlsShare"]);
  });

  it("are rates and shares of the last 30 s", () => {
    const { stats, clock, only } = setUp();
    for (let second = 0; second < 120; second += 2) {
      clock.advance(2_000);
      stats.add("inbound", catalog, row({ seconds: 0.004, count: 90 }), 2_000);
      stats.add("inbound", catalog, row({ seconds: 0.004, count: 6, mtls: false }), 2_000);
      const failed = row({ seconds: 0.04, count: 4, success: false, code: 503 });
      stats.add("inbound", catalog, failed, 2_000);
    }
    const one = only();
    assert.equal(one.requestsPerSecond, 50);
    assert.equal(one.successRate, 0.96);
    assert.equal(one.mtlsShare, 0.94);
    const { p50, p95, p99 } = one.latencyMs;
    assert.ok(p50 !== null && p50 > 3 && p50 < 5, `p50 ${p50}`);
    assert.ok(p95 !== null && p95 > 4.9 && p95 <= 5, `p95 ${p95}`);
    assert.ok(p99 !== null && p99 > 30 && p99 < 50, `p99 ${p99}`);
  });

  it("of a young service are averaged over its age", () => {
    const { stats, clock, only } = setUp();
    clock.advance(500_000);
    stats.add("inbound", catalog, row({ seconds: 0.001, count: 20 }), 2_000);
    assert.equal(only().requestsPerSecond, 10);
    clock.advance(2_000);
    stats.add("inbound", catalog, row({ seconds: 0.001, count: 20 }), 2_000);
    assert.equal(only().requestsPerSecond, 10);
  });

  it("forget what is older than the window, and say null without requests", () => {
    const { stats, clock, only } = setUp();
    stats.add("inbound", catalog, row({ seconds: 0.001, count: 20 }), 2_000);
    clock.advance(29_000);
    assert.equal(only().successRate, 1);
    clock.advance(2_000);
    assert.deepEqual(stats.rows("inbound", "shop", []), []);
    assert.deepEqual(stats.rows("inbound", "shop", [catalog]), [
      {
        namespace: "shop",
        service: "catalog",
        requestsPerSecond: 0,
        successRate: null,
        latencyMs: { p50: null, p95: null, p99: null },
        mtlsShare: null,
      },
    ]);
  });

  it("are kept apart by direction and namespace, and an agent speaks for itself", () => {
    const { stats } = setUp();
    const rows = [
      row({ seconds: 0.001, count: 5, service: "another", namespace: "elsewhere" }),
      row({ seconds: 0.001, count: 7, direction: "outbound", service: "cart" }),
      row({ seconds: 0.001, count: 9, direction: "outbound", service: "" }),
    ];
    takeLoadReport(stats, catalog, LoadReport.fromPartial({ intervalMs: 1_000, rows }));
    const shown = (direction: "inbound" | "outbound", namespace: string | null): string[] =>
      stats
        .rows(direction, namespace, [])
        .map((one) => `${one.namespace}/${one.service} ${one.requestsPerSecond}`);
    assert.deepEqual(shown("inbound", null), ["shop/catalog 5"]);
    assert.deepEqual(shown("outbound", null), ["shop/cart 7"]);
    assert.deepEqual(shown("inbound", "elsewhere"), []);
  });

  it("put a quantile where the durations are", () => {
    const buckets = new Array<number>(requestDurationBounds.length + 1).fill(0);
    assert.equal(quantileMs(buckets, 0.5), null);
    buckets[0] = 10;
    assert.equal(quantileMs(buckets, 0.5), 0.25);
    buckets[buckets.length - 1] = 1000;
    assert.equal(quantileMs(buckets, 0.99), 30_000);
  });
});
