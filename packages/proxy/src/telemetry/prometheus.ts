// The metrics port: every family of design section 6 with its labels, as Prometheus text.

import { type LabelList, MetricsText, requestDurationBounds } from "@weft/runtime";
import type { RequestTotals, Totals } from "./totals.ts";

/** What the main thread knows beside the workers' counts. */
export interface ProxyReadings {
  readonly certExpirySeconds: number | null;
  readonly workers: number;
  readonly workersReplaced: number;
  readonly xds: XdsCounts;
  readonly clusters: readonly ClusterReading[];
  readonly overloadLevel: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
}

export interface XdsCounts {
  isConnected: boolean;
  /** By the type's short name. */
  readonly accepted: Map<string, number>;
  readonly refused: Map<string, number>;
  lastUpdateSeconds: number;
}

export interface ClusterReading {
  readonly cluster: string;
  readonly activeRequests: number;
  readonly pendingRequests: number;
  readonly connections: number;
  readonly activeRetries: number;
  /** By limit: connections, pending, requests, retries. */
  readonly overflow: readonly [string, number][];
  readonly endpoints: number;
  readonly ejected: number;
}

export function metricsText(totals: Totals, readings: ProxyReadings): string {
  const text = new MetricsText();
  writeRequests(text, totals);
  writeGrpcRequests(text, totals);
  writeConnections(text, totals);
  writeUpstream(text, totals, readings);
  writeXds(text, readings.xds);
  if (readings.certExpirySeconds !== null) {
    text.family("weft_cert_expiry_seconds", "gauge", "Seconds until the SVID expires.");
    text.sample("weft_cert_expiry_seconds", [], readings.certExpirySeconds);
  }
  text.family("weft_workers", "gauge", "Worker threads running.");
  text.sample("weft_workers", [], readings.workers);
  text.family("weft_workers_replaced_total", "counter", "Workers that died and were replaced.");
  text.sample("weft_workers_replaced_total", [], readings.workersReplaced);
  writeMemory(text, readings);
  return text.toString();
}

function writeMemory(text: MetricsText, readings: ProxyReadings): void {
  const levels = "0: none, 1: connections are not kept, 2: none are accepted, 3: requests refused.";
  text.family("weft_overload_level", "gauge", `What shortage of memory does; ${levels}`);
  text.sample("weft_overload_level", [], readings.overloadLevel);
  text.family("weft_memory_bytes", "gauge", "Resident memory of the process.");
  text.sample("weft_memory_bytes", [], readings.memoryBytes);
  text.family("weft_memory_limit_bytes", "gauge", "Where the process would run out of it.");
  text.sample("weft_memory_limit_bytes", [], readings.memoryLimitBytes);
}

function writeRequests(text: MetricsText, totals: Totals): void {
  const rows = [...totals.requests.values()].map((row) => {
    return { labels: labelsOf(row, row.labels.code), row };
  });
  text.family("weft_requests_total", "counter", "Requests, by how they ended.");
  for (const { labels, row } of rows) text.sample("weft_requests_total", labels, row.requests);
  const name = "weft_request_duration_seconds";
  text.family(name, "histogram", "Time from the request's head to the response's end.");
  for (const { labels, row } of rows) {
    text.histogram(name, labels, requestDurationBounds, row.buckets, row.sumSeconds);
  }
  text.family("weft_requests_active", "gauge", "Requests under way.");
  text.sample("weft_requests_active", [], totals.activeCount());
}

/** Of gRPC's requests nearly all have code 200: here `code` is their gRPC status. */
function writeGrpcRequests(text: MetricsText, totals: Totals): void {
  const name = "weft_grpc_requests_total";
  text.family(name, "counter", "gRPC requests; the code is the gRPC status.");
  for (const row of totals.grpcRequests.values()) {
    text.sample(name, labelsOf(row, row.grpcStatus), row.requests);
  }
}

function labelsOf(row: RequestTotals, code: number): LabelList {
  const { direction, service, namespace, version, route, peer, flag } = row.labels;
  return [
    ...["direction", direction, "service", service, "namespace", namespace],
    ...["version", version, "route", route, "peer", peer, "code", String(code), "flag", flag],
  ];
}

function writeConnections(text: MetricsText, totals: Totals): void {
  const { inbound, outbound } = totals.connections();
  text.family("weft_connections", "gauge", "Downstream connections open.");
  text.sample("weft_connections", ["direction", "inbound"], inbound);
  text.sample("weft_connections", ["direction", "outbound"], outbound);
}

function writeUpstream(text: MetricsText, totals: Totals, readings: ProxyReadings): void {
  const { clusters } = readings;
  const each = (name: string, help: string, value: (reading: ClusterReading) => number): void => {
    text.family(name, "gauge", help);
    for (const reading of clusters) text.sample(name, ["cluster", reading.cluster], value(reading));
  };
  each("weft_upstream_requests_active", "Requests on connections.", (c) => c.activeRequests);
  each(
    "weft_upstream_requests_pending",
    "Requests without a connection.",
    (c) => c.pendingRequests,
  );
  each("weft_upstream_retries_active", "Retries under way.", (c) => c.activeRetries);
  each("weft_upstream_connections", "Connections that count.", (c) => c.connections);
  each("weft_upstream_endpoints", "Endpoints known.", (c) => c.endpoints);
  each("weft_upstream_endpoints_ejected", "Endpoints that sit out.", (c) => c.ejected);
  text.family("weft_upstream_overflow_total", "counter", "Refusals by a circuit breaking limit.");
  for (const { cluster, overflow } of clusters) {
    for (const [limit, count] of overflow) {
      text.sample("weft_upstream_overflow_total", ["cluster", cluster, "limit", limit], count);
    }
  }
  text.family("weft_upstream_connect_failures_total", "counter", "Connections that failed.");
  for (const [cluster, { connectFailures }] of totals.clusters) {
    text.sample("weft_upstream_connect_failures_total", ["cluster", cluster], connectFailures);
  }
  text.family("weft_upstream_retries_total", "counter", "Attempts after the first.");
  for (const [cluster, { retries }] of totals.clusters) {
    text.sample("weft_upstream_retries_total", ["cluster", cluster], retries);
  }
}

function writeXds(text: MetricsText, xds: XdsCounts): void {
  text.family("weft_xds_connected", "gauge", "1 while the control plane answers.");
  text.sample("weft_xds_connected", [], xds.isConnected ? 1 : 0);
  text.family("weft_xds_updates_total", "counter", "Responses of the control plane, by outcome.");
  for (const [type, count] of xds.accepted) {
    text.sample("weft_xds_updates_total", ["type", type, "outcome", "accepted"], count);
  }
  for (const [type, count] of xds.refused) {
    text.sample("weft_xds_updates_total", ["type", type, "outcome", "refused"], count);
  }
  text.family("weft_xds_last_update_timestamp_seconds", "gauge", "When one was last accepted.");
  text.sample("weft_xds_last_update_timestamp_seconds", [], xds.lastUpdateSeconds);
}
