// Envoy's counters as the load reports of any proxy. Envoy counts per cluster: statuses one by one,
// durations (whole milliseconds) over all of them, callers not at all. So a row's peer is "", its
// durations are dealt out over the statuses, and the share of mutual TLS is that of the filter
// chains that took the requests.

import type { LoadRow, ProxyWorkload } from "@weft/proxy";
import { requestDurationBounds } from "@weft/runtime";

/** One reading of Envoy's counters, all since its start. */
export interface Reading {
  /** By cluster, as statistics write its name. */
  readonly clusters: ReadonlyMap<string, ClusterCounts>;
  /** Requests that each HTTP listener completed, by its statistics' prefix. */
  readonly completed: ReadonlyMap<string, number>;
}

interface ClusterCounts {
  readonly byCode: ReadonlyMap<number, number>;
  /** Over the bounds of the load report, the last one open-ended. */
  readonly buckets: readonly number[];
  readonly handshakes: number;
}

const counted: string = [
  "^cluster\\..*\\.(upstream_rq_[1-5][0-9][0-9]|upstream_rq_time|ssl\\.handshake)$",
  "^http\\.inbound/.*\\.downstream_rq_completed$",
].join("|");
const query: string = new URLSearchParams({ filter: counted }).toString();
/** What is read: histograms as disjoint buckets. */
export const loadTarget: string = `/stats?usedonly&histogram_buckets=disjoint&${query}`;

/** Envoy lists no open-ended bucket: this stands for it. */
const longestMs = 1e9;
/** The bounds Envoy counts in. */
export const boundsMs: readonly number[] = [
  ...requestDurationBounds.map((seconds) => seconds * 1_000),
  longestMs,
];

/** What the statistics of a listener's plaintext chain add to its prefix. */
const plainSuffix = "/plain";

export const emptyReading: Reading = { clusters: new Map(), completed: new Map() };

interface Counts {
  byCode: Map<number, number>;
  buckets: readonly number[];
  handshakes: number;
}

export function readLoad(text: string): Reading {
  const clusters = new Map<string, Counts>();
  const completed = new Map<string, number>();
  const of = (name: string): Counts => {
    let counts = clusters.get(name);
    if (counts === undefined) {
      counts = { byCode: new Map(), buckets: boundsMs.map(() => 0), handshakes: 0 };
      clusters.set(name, counts);
    }
    return counts;
  };
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf(": ");
    const [name, value] = [line.slice(0, at), line.slice(at + 2)];
    const listener = /^http\.(.+)\.downstream_rq_completed$/.exec(name)?.[1];
    if (listener !== undefined) completed.set(listener, Number(value));
    const [, cluster, what = ""] =
      /^cluster\.(.+)\.(upstream_rq_\w+|ssl\.handshake)$/.exec(name) ?? [];
    if (cluster === undefined) continue;
    if (what === "ssl.handshake") of(cluster).handshakes = Number(value);
    else if (what === "upstream_rq_time") of(cluster).buckets = bucketsIn(value);
    else of(cluster).byCode.set(Number(what.slice("upstream_rq_".length)), Number(value));
  }
  return { clusters, completed };
}

/** `B0.5(1,7) B1(0,2) …`: since the last flush, and since the start. */
function bucketsIn(text: string): number[] {
  return Array.from(text.matchAll(/B[\d.e+]+\(\d+,(\d+)\)/g), ([, count]) => Number(count));
}

/**
 * What came between two readings of the same Envoy; after a restart `before` is the empty one.
 * `clusterNames` are those Envoy has: statistics hold names of their own beside them.
 */
export function loadRows(
  before: Reading,
  after: Reading,
  workload: ProxyWorkload,
  clusterNames: Iterable<string>,
): LoadRow[] {
  const rows: LoadRow[] = [];
  for (const clusterName of clusterNames) {
    const name = clusterName.replaceAll(":", "_");
    const counts = after.clusters.get(name);
    if (counts === undefined) continue;
    const isInbound = clusterName.startsWith("inbound/");
    const { namespace, service, version } = isInbound ? workload : calleeOf(clusterName);
    if (service === "") continue;
    const direction = isInbound ? "inbound" : "outbound";
    const dialled = counts.handshakes > 0 ? 1 : 0;
    const share = isInbound ? mtlsShare(before, after, name) : dialled;
    const labels = { direction, service, namespace, version };
    rows.push(...rowsOf(before.clusters.get(name), counts, labels, share));
  }
  return rows;
}

/** `<service>.<namespace>.svc.<domain>:<port>`; "" for what is no service's. */
function calleeOf(cluster: string): Pick<LoadRow, "service" | "namespace" | "version"> {
  const [, service = "", namespace = ""] = /^([^.]+)\.([^.]+)\.svc\./.exec(cluster) ?? [];
  return { service, namespace, version: "" };
}

/** 0 to 1, of the requests of one inbound listener. */
function mtlsShare(before: Reading, after: Reading, name: string): number {
  const count = (key: string): number =>
    (after.completed.get(key) ?? 0) - (before.completed.get(key) ?? 0);
  const tls = count(name);
  const total = tls + count(name + plainSuffix);
  return total <= 0 ? 1 : tls / total;
}

function rowsOf(
  before: ClusterCounts | undefined,
  after: ClusterCounts,
  labels: Pick<LoadRow, "direction" | "service" | "namespace" | "version">,
  share: number,
): LoadRow[] {
  const left = after.buckets.map((count, i) => count - (before?.buckets[i] ?? 0));
  const rows: LoadRow[] = [];
  for (const [code, count] of [...after.byCode].sort(([a], [b]) => a - b)) {
    const requests = count - (before?.byCode.get(code) ?? 0);
    if (requests <= 0) continue;
    const withMtls = Math.round(requests * share);
    for (const [mtls, part] of [
      [true, withMtls],
      [false, requests - withMtls],
    ] as const) {
      if (part > 0) rows.push(rowOf(labels, code, mtls, part, take(left, part)));
    }
  }
  return rows;
}

/** So many of what is left, the shortest first. */
function take(left: number[], wanted: number): number[] {
  let missing = wanted;
  return left.map((count, i) => {
    const taken = Math.max(0, Math.min(count, missing));
    missing -= taken;
    left[i] = count - taken;
    return taken;
  });
}

function rowOf(
  labels: Pick<LoadRow, "direction" | "service" | "namespace" | "version">,
  code: number,
  mtls: boolean,
  requests: number,
  buckets: readonly number[],
): LoadRow {
  // Envoy tells no sum: each request stands in the middle of its bucket.
  const durationSumSeconds = buckets.reduce((sum, count, i) => sum + count * middleSeconds(i), 0);
  return {
    ...labels,
    route: "",
    peer: "",
    code,
    flag: "",
    mtls,
    success: code < 500,
    requests: BigInt(requests),
    durationBuckets: buckets.map(BigInt),
    durationSumSeconds,
  };
}

function middleSeconds(bucket: number): number {
  const from = requestDurationBounds[bucket - 1] ?? 0;
  return (from + (requestDurationBounds[bucket] ?? from)) / 2;
}
