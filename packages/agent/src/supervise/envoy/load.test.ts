import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProxyWorkload } from "@weft/proxy";
import { boundsMs, emptyReading, loadRows, readLoad } from "./load.ts";

const workload: ProxyWorkload = {
  namespace: "shop",
  workload: "catalog-a",
  service: "catalog",
  version: "v2",
};
const clusters = ["inbound/http", "reviews.shop.svc.cluster.local:80", "passthrough"];

/** A histogram with so many in the buckets of these indices. */
function histogram(counts: Readonly<Record<number, number>>): string {
  return boundsMs.map((bound, i) => `B${bound}(0,${counts[i] ?? 0})`).join(" ");
}

const first = [
  "cluster.inbound/http.external.upstream_rq_200: 6",
  "cluster.inbound/http.upstream_rq_200: 6",
  "cluster.inbound/http.upstream_rq_503: 2",
  `cluster.inbound/http.upstream_rq_time: ${histogram({ 0: 5, 3: 3 })}`,
  "http.inbound/http.downstream_rq_completed: 6",
  "http.inbound/http/plain.downstream_rq_completed: 2",
  "cluster.reviews.shop.svc.cluster.local_80.ssl.handshake: 1",
  "cluster.reviews.shop.svc.cluster.local_80.upstream_rq_200: 4",
  `cluster.reviews.shop.svc.cluster.local_80.upstream_rq_time: ${histogram({ 25: 4 })}`,
  "cluster.agent.upstream_rq_200: 9",
  "",
].join("\n");

test("each status is a row, and what is left of the durations is dealt out", () => {
  const rows = loadRows(emptyReading, readLoad(first), workload, clusters);
  const inbound = rows.filter(({ direction }) => direction === "inbound");
  assert.deepEqual(
    inbound.map(({ code, mtls, requests, success }) => [code, mtls, requests, success]),
    [
      [200, true, 5n, true],
      [200, false, 1n, true],
      [503, true, 2n, false],
    ],
  );
  assert.deepEqual(
    inbound.map(({ durationBuckets }) => [durationBuckets[0], durationBuckets[3]]),
    [
      [5n, 0n],
      [0n, 1n],
      [0n, 2n],
    ],
  );
  assert.ok(inbound.every((row) => row.service === "catalog" && row.version === "v2"));
  const [outbound, ...others] = rows.filter(({ direction }) => direction === "outbound");
  assert.deepEqual(others, []);
  assert.equal(outbound?.service, "reviews");
  assert.equal(outbound.mtls, true);
  // Longer than every bound: the open-ended bucket.
  assert.equal(outbound.durationBuckets.length, 26);
  assert.equal(outbound.durationBuckets[25], 4n);
});

test("only what came since the last reading is reported", () => {
  const before = readLoad(first);
  assert.deepEqual(loadRows(before, before, workload, clusters), []);
  const after = readLoad(
    first
      .replace("inbound/http.upstream_rq_200: 6", "inbound/http.upstream_rq_200: 9")
      .replace("http/plain.downstream_rq_completed: 2", "http/plain.downstream_rq_completed: 5")
      .replace(histogram({ 0: 5, 3: 3 }), histogram({ 0: 5, 3: 6 })),
  );
  const [row, ...others] = loadRows(before, after, workload, clusters);
  assert.deepEqual(others, []);
  assert.deepEqual([row?.code, row?.mtls, row?.requests], [200, false, 3n]);
  assert.equal(row?.durationBuckets[3], 3n);
  // 2 ms to 3 ms, three times.
  assert.ok(Math.abs(row.durationSumSeconds - 0.0075) < 1e-9, String(row.durationSumSeconds));
});
