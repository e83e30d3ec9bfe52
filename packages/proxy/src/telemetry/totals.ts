// What all workers counted, added up on the main thread: since the start for Prometheus, since
// the last question for the control plane's load reports.

import { requestDurationBounds } from "@weft/runtime";
import { isSuccess } from "../exchange/grpc.ts";
import type { WorkerReport } from "../messages.ts";
import type { LoadRow } from "../handle.ts";
import type { ClusterDelta, ConnectionCounts, StatsDelta } from "./stats.ts";

export interface RequestTotals {
  readonly labels: Omit<StatsDelta, "requests" | "buckets" | "sumSeconds" | "grpcStatus">;
  /** -1 where they were not gRPC's, or are not told apart by it. */
  readonly grpcStatus: number;
  requests: number;
  readonly buckets: number[];
  sumSeconds: number;
}

export interface ClusterTotals {
  connectFailures: number;
  retries: number;
}

interface WorkerReadings {
  clusters: readonly ClusterDelta[];
  connections: Readonly<ConnectionCounts>;
  activeCount: number;
}

const bucketCount = requestDurationBounds.length + 1;

export class Totals {
  readonly requests: Map<string, RequestTotals> = new Map();
  /** Those of gRPC, by their status as well. */
  readonly grpcRequests: Map<string, RequestTotals> = new Map();
  readonly clusters: Map<string, ClusterTotals> = new Map();
  readonly #sinceTaken = new Map<string, RequestTotals>();
  readonly #readings = new Map<number, WorkerReadings>();

  add(worker: number, report: WorkerReport): void {
    const { clusters, connections, activeCount } = report;
    this.#readings.set(worker, { clusters, connections, activeCount });
    for (const delta of report.requests) {
      const { requests: _requests, buckets: _buckets, sumSeconds: _sum, ...rest } = delta;
      const { grpcStatus, ...labels } = rest;
      const key = Object.values(labels).join("\n");
      const statusKey = `${key}\n${grpcStatus}`;
      addTo(this.requests, key, { labels, grpcStatus: -1 }, delta);
      addTo(this.#sinceTaken, statusKey, { labels, grpcStatus }, delta);
      if (grpcStatus >= 0) addTo(this.grpcRequests, statusKey, { labels, grpcStatus }, delta);
    }
    for (const delta of clusters) {
      const totals = this.clusters.get(delta.cluster) ?? { connectFailures: 0, retries: 0 };
      totals.connectFailures += delta.connectFailures;
      totals.retries += delta.retries;
      this.clusters.set(delta.cluster, totals);
    }
  }

  /** A dead worker's open connections are gone; what it counted stays. */
  forgetWorker(worker: number): void {
    this.#readings.delete(worker);
  }

  connections(): ConnectionCounts {
    const sum = { inbound: 0, outbound: 0 };
    for (const { connections } of this.#readings.values()) {
      sum.inbound += connections.inbound;
      sum.outbound += connections.outbound;
    }
    return sum;
  }

  activeCount(): number {
    let sum = 0;
    for (const reading of this.#readings.values()) sum += reading.activeCount;
    return sum;
  }

  /** Connections open to each cluster, over all workers. */
  openConnections(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { clusters } of this.#readings.values()) {
      for (const { cluster, openConnections } of clusters) {
        sums.set(cluster, (sums.get(cluster) ?? 0) + openConnections);
      }
    }
    return sums;
  }

  takeLoad(): LoadRow[] {
    const rows = Array.from(this.#sinceTaken.values(), loadRow);
    this.#sinceTaken.clear();
    return rows;
  }
}

function addTo(
  totals: Map<string, RequestTotals>,
  key: string,
  of: Pick<RequestTotals, "labels" | "grpcStatus">,
  delta: StatsDelta,
): void {
  let row = totals.get(key);
  if (row === undefined) {
    row = { ...of, requests: 0, buckets: new Array<number>(bucketCount).fill(0), sumSeconds: 0 };
    totals.set(key, row);
  }
  row.requests += delta.requests;
  row.sumSeconds += delta.sumSeconds;
  for (let i = 0; i < bucketCount; i++) {
    row.buckets[i] = (row.buckets[i] as number) + (delta.buckets[i] ?? 0);
  }
}

function loadRow(totals: RequestTotals): LoadRow {
  const { labels } = totals;
  return {
    direction: labels.direction,
    service: labels.service,
    namespace: labels.namespace,
    version: labels.version,
    route: labels.route,
    peer: labels.peer,
    code: labels.code,
    flag: labels.flag,
    mtls: labels.mtls,
    success: isSuccess(labels.code, labels.flag, totals.grpcStatus),
    requests: BigInt(totals.requests),
    durationBuckets: totals.buckets.map((count) => BigInt(count)),
    durationSumSeconds: totals.sumSeconds,
  };
}
