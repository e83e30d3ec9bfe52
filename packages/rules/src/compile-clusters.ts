// `Cluster`: limits, balancing, outlier detection and how endpoints are dialled.

import {
  type CircuitBreakers,
  type CircuitBreakers_Thresholds,
} from "@weft/xds/messages/envoy/config/cluster/v3/circuit_breaker.js";
import {
  Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
} from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import type { OutlierDetection } from "@weft/xds/messages/envoy/config/cluster/v3/outlier_detection.js";
import {
  type Algorithm,
  CircuitLimitsRow,
  type ClusterKind,
  ClusterRow,
  OutlierRow,
  RetryBudgetRow,
  TransportRow,
} from "./cluster-table.ts";
import { compileInlineEndpoints, textPairs } from "./compile-endpoints.ts";
import { compileProtocolOptions } from "./compile-protocol-options.ts";
import { compileUpstreamSocket } from "./compile-tls.ts";
import { durationMs, limitMs } from "./duration.ts";
import type { Scope } from "./scope.ts";
import { type Protocol, protocols } from "./tables.ts";
import { type WeftMetadata, weftMetadata } from "./weft-metadata.ts";

const clusterFields: ReadonlySet<string> = new Set([
  "name",
  "altStatName",
  "clusterDiscoveryType",
  "edsClusterConfig",
  "connectTimeout",
  "lbPolicy",
  "lbConfig",
  "commonLbConfig",
  "loadAssignment",
  "circuitBreakers",
  "outlierDetection",
  "transportSocket",
  "transportSocketMatches",
  "typedExtensionProtocolOptions",
  "metadata",
]);

// Envoy's when the cluster does not say.
const connectTimeoutMsDefault = 5000;

/** Null when something was refused. */
export function compileCluster(bytes: Uint8Array, scope: Scope): ClusterRow | null {
  const errorsBefore = scope.errorCount;
  const message = Cluster.decode(bytes);
  scope.refuseOthers(message, clusterFields);
  const weft = weftMetadata(message.metadata, scope);
  const kind = clusterKind(message, scope);
  const endpoints =
    kind === "static" && message.loadAssignment !== undefined
      ? compileInlineEndpoints(message.loadAssignment, scope.at("load_assignment"))
      : null;
  const spoken = compileProtocolOptions(message, scope);
  const protocol = weft.oneOf<Protocol>("protocol", protocols);
  const row = new ClusterRow({
    name: message.name,
    kind,
    endpointsName: kind === "eds" ? endpointsName(message, scope) : null,
    endpoints,
    connectTimeoutMs:
      limitMs(message.connectTimeout, connectTimeoutMsDefault, scope.at("connect_timeout")) ??
      connectTimeoutMsDefault,
    ...compileBalancing(message, weft, scope),
    ...compileLimits(message.circuitBreakers, weft, scope.at("circuit_breakers")),
    outlier: compileOutlier(message.outlierDetection, scope.at("outlier_detection")),
    transports: compileTransports(message, protocol, scope),
    ...spoken,
    service: weft.text("service"),
    namespace: weft.text("namespace"),
    protocol,
    requireMtls: weft.flag("requireMtls"),
  });
  weft.finish();
  return scope.errorCount > errorsBefore ? null : row;
}

function clusterKind(message: Cluster, scope: Scope): ClusterKind {
  const discovery = message.clusterDiscoveryType;
  const type = discovery?.$case === "clusterType" ? null : (discovery?.type ?? 0);
  if (type !== Cluster_DiscoveryType.STATIC && message.loadAssignment !== undefined) {
    scope.at("load_assignment").refuse("only a static cluster has its own endpoints");
  }
  switch (type) {
    case Cluster_DiscoveryType.EDS:
      return "eds";
    case Cluster_DiscoveryType.STATIC:
      return "static";
    case Cluster_DiscoveryType.ORIGINAL_DST:
      return "original-dst";
    default:
      scope.at("type").refuse("must be EDS, STATIC or ORIGINAL_DST for the built-in proxy");
      return "static";
  }
}

function endpointsName(message: Cluster, scope: Scope): string {
  const { edsConfig, serviceName = "" } = message.edsClusterConfig ?? {};
  if (edsConfig?.configSourceSpecifier?.$case !== "ads") {
    scope.at("eds_cluster_config").at("eds_config").refuse("must be ads");
  }
  return serviceName === "" ? message.name : serviceName;
}

/**
 * What a TrafficPolicy may ask for. Those without an `lb_policy` of their own run as least request.
 */
const algorithmLabels = [
  "RoundRobin",
  "Random",
  "LeastRequest",
  "PeakEwma",
  "RingHash",
  "Maglev",
  "WeightedResponseTime",
] as const;

const choiceCountDefault = 2;
const choiceCountMax = 16;

function compileBalancing(
  message: Cluster,
  weft: WeftMetadata,
  scope: Scope,
): { algorithm: Algorithm; choiceCount: number } {
  weft.oneOf("lbAlgorithm", algorithmLabels);
  const common = message.commonLbConfig;
  if (common !== undefined) {
    const at = scope.at("common_lb_config");
    at.refuseOthers(common, new Set(["healthyPanicThreshold"]));
    if ((common.healthyPanicThreshold?.value ?? 0) !== 0) {
      at.at("healthy_panic_threshold").refuse("must be 0 for the built-in proxy");
    }
  }
  const { lbConfig } = message;
  let choiceCount = choiceCountDefault;
  if (lbConfig?.$case === "leastRequestLbConfig") {
    const at = scope.at("least_request_lb_config");
    at.refuseOthers(lbConfig.leastRequestLbConfig, new Set(["choiceCount"]));
    choiceCount = lbConfig.leastRequestLbConfig.choiceCount ?? choiceCountDefault;
    if (choiceCount < 2 || choiceCount > choiceCountMax) {
      at.at("choice_count").refuse(`must be 2 to ${choiceCountMax}`);
    }
  } else if (lbConfig !== undefined) {
    scope.at("lb_config").refuse("not supported by the built-in proxy");
  }
  return { algorithm: algorithmOf(message, scope), choiceCount };
}

function algorithmOf(message: Cluster, scope: Scope): Algorithm {
  switch (message.lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
      return "round-robin";
    case Cluster_LbPolicy.LEAST_REQUEST:
      return "least-request";
    case Cluster_LbPolicy.RANDOM:
      return "random";
    case Cluster_LbPolicy.CLUSTER_PROVIDED:
      return "none";
    default:
      scope.at("lb_policy").refuse("not supported by the built-in proxy");
      return "none";
  }
}

const thresholdFields: ReadonlySet<string> = new Set([
  "maxConnections",
  "maxPendingRequests",
  "maxRequests",
  "maxRetries",
  "retryBudget",
  "trackRemaining",
]);

const defaultLimits = new CircuitLimitsRow({
  connectionsMax: 1024,
  pendingMax: 1024,
  requestsMax: 1024,
  retriesMax: 3,
});

/** Envoy's when a budget does not say. */
const budgetPercentDefault = 20;
const budgetConcurrencyDefault = 3;

function compileLimits(
  message: CircuitBreakers | undefined,
  weft: WeftMetadata,
  scope: Scope,
): { limits: CircuitLimitsRow; retryBudget: RetryBudgetRow | null } {
  const hasRate = weft.has("retryMinPerSecond");
  const perSecondMin = weft.count("retryMinPerSecond");
  if (message !== undefined) scope.refuseOthers(message, new Set(["thresholds"]));
  const thresholds = message?.thresholds ?? [];
  if (thresholds.length > 1) {
    scope.at("thresholds").refuse("the built-in proxy has one priority");
  }
  const first = thresholds[0];
  if (first === undefined) return { limits: defaultLimits, retryBudget: null };
  scope.item("thresholds", 0).refuseOthers(first, thresholdFields);
  const limits = new CircuitLimitsRow({
    connectionsMax: first.maxConnections ?? defaultLimits.connectionsMax,
    pendingMax: first.maxPendingRequests ?? defaultLimits.pendingMax,
    requestsMax: first.maxRequests ?? defaultLimits.requestsMax,
    retriesMax: first.maxRetries ?? defaultLimits.retriesMax,
  });
  return { limits, retryBudget: compileBudget(first, hasRate, perSecondMin, scope) };
}

/**
 * `min_retry_concurrency` is as near as Envoy comes to a rate; where the rate itself is given, it
 * counts.
 */
function compileBudget(
  message: CircuitBreakers_Thresholds,
  hasRate: boolean,
  perSecondMin: number,
  scope: Scope,
): RetryBudgetRow | null {
  const { retryBudget: budget } = message;
  if (budget === undefined) return null;
  const percent = budget.budgetPercent?.value ?? budgetPercentDefault;
  if (!(percent >= 0 && percent <= 100)) {
    scope.item("thresholds", 0).at("retry_budget").at("budget_percent").refuse("must be 0 to 100");
  }
  const concurrencyMin = hasRate ? 0 : (budget.minRetryConcurrency ?? budgetConcurrencyDefault);
  return new RetryBudgetRow(percent, concurrencyMin, perSecondMin);
}

const outlierFields: ReadonlySet<string> = new Set([
  "consecutive5xx",
  "enforcingConsecutive5xx",
  "consecutiveGatewayFailure",
  "enforcingConsecutiveGatewayFailure",
  "enforcingSuccessRate",
  "interval",
  "baseEjectionTime",
  "maxEjectionTime",
  "maxEjectionPercent",
  "alwaysEjectOneHost",
]);

function compileOutlier(message: OutlierDetection | undefined, scope: Scope): OutlierRow | null {
  if (message === undefined) return null;
  scope.refuseOthers(message, outlierFields);
  if (message.enforcingSuccessRate !== 0) {
    scope.at("enforcing_success_rate").refuse("must be 0 for the built-in proxy");
  }
  const baseEjectionMs = durationMs(
    message.baseEjectionTime,
    30_000,
    scope.at("base_ejection_time"),
  );
  const maxMs = durationMs(message.maxEjectionTime, 300_000, scope.at("max_ejection_time"));
  const ejectionPercentMax = message.maxEjectionPercent ?? 10;
  if (ejectionPercentMax > 100) scope.at("max_ejection_percent").refuse("must be at most 100");
  return new OutlierRow({
    consecutiveGatewayErrors: enforced(
      message.consecutiveGatewayFailure,
      message.enforcingConsecutiveGatewayFailure ?? 0,
      scope.at("enforcing_consecutive_gateway_failure"),
    ),
    consecutive5xx: enforced(
      message.consecutive5xx,
      message.enforcingConsecutive5xx ?? 100,
      scope.at("enforcing_consecutive_5xx"),
    ),
    intervalMs: Math.max(1, durationMs(message.interval, 10_000, scope.at("interval"))),
    baseEjectionMs,
    ejectionMaxMs: Math.max(baseEjectionMs, maxMs),
    ejectionPercentMax,
    ejectAtLeastOne: message.alwaysEjectOneHost ?? true,
  });
}

/** The count where it is enforced, else 0. */
function enforced(count: number | undefined, percent: number, scope: Scope): number {
  if (percent !== 0 && percent !== 100) scope.refuse("must be 0 or 100 for the built-in proxy");
  return percent === 0 ? 0 : (count ?? 5);
}

/**
 * Matches in order; after them, or without any, the cluster's own socket, for every other endpoint.
 */
function compileTransports(
  message: Cluster,
  protocol: Protocol | null,
  scope: Scope,
): readonly TransportRow[] {
  const alpn = protocol === null ? null : protocolAlpn[protocol];
  const transports = message.transportSocketMatches.map((one, i) => {
    const at = scope.item("transport_socket_matches", i);
    const socket = compileUpstreamSocket(one.transportSocket, alpn, at.at("transport_socket"));
    return new TransportRow(one.name, textPairs(one.match, at.at("match")), socket);
  });
  if (transports.some((transport) => transport.match.length === 0)) return transports;
  const socket = compileUpstreamSocket(message.transportSocket, alpn, scope.at("transport_socket"));
  return [...transports, new TransportRow("default", [], socket)];
}

const httpAlpn = ["h2", "http/1.1"];

/**
 * What a cluster of the mesh offers. Its message cannot always say so: Envoy chooses by the answer
 * only where no endpoint is plaintext.
 */
const protocolAlpn: Readonly<Record<Protocol, readonly string[]>> = {
  http: httpAlpn,
  http2: httpAlpn,
  grpc: httpAlpn,
  tcp: [],
  auto: httpAlpn,
};
