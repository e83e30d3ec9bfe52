// From a service port to the cluster that callers run: the other half of the crossing (style
// section 2). A service port has one cluster, and a further one for each service whose routes bring
// other settings.

import type { ProxyProtocolVersion, Service } from "@weft/api";
import { typeUrls } from "@weft/xds";
import {
  Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
} from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import type { OutlierDetection } from "@weft/xds/messages/envoy/config/cluster/v3/outlier_detection.js";
import {
  HttpProtocolOptions,
  HttpProtocolOptions_AutoHttpConfig,
  HttpProtocolOptions_ExplicitHttpConfig,
} from "@weft/xds/messages/envoy/extensions/upstreams/http/v3/http_protocol_options.js";
import {
  Http1ProtocolOptions,
  Http2ProtocolOptions,
} from "@weft/xds/messages/envoy/config/core/v3/protocol.js";
import type { Any } from "@weft/xds/messages/google/protobuf/any.js";
import { membersOf } from "../model/membership.ts";
import { type Model, type ObjectKey, objectKey, splitKey } from "../model/model.ts";
import {
  meshServiceAt,
  type ServicePort,
  servicePortsOf,
  workloadPortFor,
} from "../model/service-ports.ts";
import type { CompileOptions } from "./compile-options.ts";
import { modeOf, serviceModeOf } from "./mtls-mode.ts";
import {
  PASSTHROUGH_CLUSTER,
  serviceFqdn,
  servicePortName,
  spiffeId,
  variantName,
} from "./names.ts";
import { type CompiledResource, compiledResource } from "./resource.ts";
import {
  type ClusterSettings,
  type RequestSettings,
  resolveClusterSettings,
  resolveRequestSettings,
  serviceScopes,
  wideScopes,
} from "./settings.ts";
import { duration, fromAds, socketAddress, typed, weftMetadata } from "./typed-config.ts";
import {
  announcing,
  plaintext,
  type UpstreamExpectations,
  upstreamSockets,
} from "./upstream-tls.ts";

/**
 * The service a caller named, at one of its ports: what a cluster's settings may also come from.
 */
export interface NamedPort {
  readonly service: ObjectKey;
  /** "" when the port has no name. */
  readonly portName: string;
  readonly port: number;
}

/** A cluster that some virtual host sends to. */
export interface ClusterChoice {
  readonly name: string;
  /** The service port that answers. */
  readonly service: ObjectKey;
  readonly port: number;
  readonly settings: EffectiveClusterSettings;
}

export interface EffectiveClusterSettings {
  readonly cluster: ClusterSettings;
  /** Retry budgets belong to the request, but are kept per cluster. */
  readonly request: Pick<RequestSettings, "budgetPercent" | "budgetMinPerSecond">;
}

const STREAM_IDLE_MS = 300_000;
const TCP_IDLE_MS = 3_600_000;
const EJECTION_MAX_MS = 300_000;
const UNLIMITED = 0xffff_ffff;
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

const lbPolicies: Readonly<Record<string, Cluster["lbPolicy"]>> = {
  RoundRobin: Cluster_LbPolicy.ROUND_ROBIN,
  Random: Cluster_LbPolicy.RANDOM,
};

/** The algorithms that proxies run; with any other they do as with LeastRequest. */
export const supportedAlgorithms: readonly string[] = ["LeastRequest", "RoundRobin", "Random"];

/** The cluster of a service port for callers that named `named`. */
export function chooseCluster(
  model: Model,
  service: Service,
  port: ServicePort,
  named: NamedPort,
): ClusterChoice {
  const { namespace = "", name } = service.metadata;
  const key = objectKey(namespace, name);
  const own = { service: key, portName: port.name, port: port.port };
  const base = servicePortName(namespace, name, port.port);
  const settings = settingsFor(model, own, own);
  const choice = { name: base, service: key, port: port.port, settings };
  if (named.service === key) return choice;
  const brought = settingsFor(model, own, named);
  if (fingerprint(brought) === fingerprint(settings)) return choice;
  const from = splitKey(named.service);
  const hasPortPolicy = serviceScopes(model, named.service, named.portName).some(
    ({ origin }) => origin.kind === "TrafficPolicy" && origin.attachedTo === "Port",
  );
  const label = hasPortPolicy
    ? servicePortName(from.namespace, from.name, named.port)
    : serviceFqdn(from.namespace, from.name);
  return { ...choice, name: variantName(base, label), settings: brought };
}

/** Design section 6: the backend Service, the one the caller named, the Namespace, MeshConfig. */
export function settingsFor(
  model: Model,
  answering: NamedPort,
  named: NamedPort,
): EffectiveClusterSettings {
  const namedScopes = serviceScopes(model, named.service, named.portName);
  const isSame = answering.service === named.service;
  const cluster = resolveClusterSettings([
    ...serviceScopes(model, answering.service, answering.portName),
    ...(isSame ? [] : namedScopes),
    ...wideScopes(model, splitKey(answering.service).namespace),
  ]);
  const request = requestSettingsFor(model, named);
  return { cluster, request };
}

/** Design section 6: per-request settings come from the Service the caller named. */
export function requestSettingsFor(model: Model, named: NamedPort): RequestSettings {
  return resolveRequestSettings([
    ...serviceScopes(model, named.service, named.portName),
    ...wideScopes(model, splitKey(named.service).namespace),
  ]);
}

/** Without a byte in either direction; 0 for ever. */
export function idleTimeoutMs(
  settings: ClusterSettings,
  protocol: ServicePort["protocol"],
): number {
  return settings.idleTimeoutMs.value ?? (protocol === "tcp" ? TCP_IDLE_MS : STREAM_IDLE_MS);
}

function fingerprint({ cluster, request }: EffectiveClusterSettings): string {
  const values = Object.values(cluster).map((one) => one.value);
  return JSON.stringify([values, request.budgetPercent.value, request.budgetMinPerSecond.value]);
}

/** Null when the service or the port is gone. */
export function compileCluster(
  model: Model,
  choice: ClusterChoice,
  options: CompileOptions,
): CompiledResource | null {
  const service = meshServiceAt(model, choice.service);
  if (service === undefined) return null;
  const port = servicePortsOf(model, service).find((one) => one.port === choice.port);
  if (port === undefined) return null;
  const { namespace = "", name } = service.metadata;
  const endpointsName = servicePortName(namespace, name, port.port);
  const { cluster, request } = choice.settings;
  const expected = expectationsOf(model, service, port, options);
  const { requireMtls, isAllMtls } = expected;
  const idleMs = idleTimeoutMs(cluster, port.protocol);
  const announced = port.protocol === "tcp" ? cluster.proxyProtocol.value : null;
  const message = Cluster.fromPartial({
    name: choice.name,
    clusterDiscoveryType: { $case: "type", type: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: fromAds, serviceName: endpointsName },
    connectTimeout: duration(cluster.connectTimeoutMs.value),
    lbPolicy: lbPolicies[cluster.algorithm.value] ?? Cluster_LbPolicy.LEAST_REQUEST,
    // Ejected endpoints are never used again because there are many of them.
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    circuitBreakers: { thresholds: [thresholds(choice.settings)] },
    ...outlierDetection(cluster),
    ...upstreamSockets(expected, port.protocol, announced),
    typedExtensionProtocolOptions: {
      [HTTP_OPTIONS]: httpOptions(port.protocol, idleMs, requireMtls || isAllMtls),
    },
    metadata: weftMetadata({
      service: name,
      namespace,
      protocol: port.protocol,
      requireMtls,
      retryMinPerSecond: request.budgetMinPerSecond.value,
      lbAlgorithm: cluster.algorithm.value,
    }),
  });
  const bytes = Cluster.encode(message).finish();
  return compiledResource(typeUrls.cluster, choice.name, bytes, [
    { typeUrl: typeUrls.endpoint, name: endpointsName },
  ]);
}

/** Who may answer, and whether only with mutual TLS. */
function expectationsOf(
  model: Model,
  service: Service,
  port: ServicePort,
  options: CompileOptions,
): UpstreamExpectations {
  const { namespace = "", name } = service.metadata;
  const identities = new Set<string>();
  // Slices are of endpoints without a sidecar.
  let isAllMtls = model.slicesByService.get(objectKey(namespace, name)).size === 0;
  let requireMtls = serviceModeOf(model, objectKey(namespace, name), port).value === "Strict";
  for (const workload of membersOf(model, service)) {
    const own = workloadPortFor(port, workload);
    if (own === null) continue;
    const account = workload.spec.serviceAccount ?? "default";
    identities.add(spiffeId(options.trustDomain, namespace, account));
    const mode = modeOf(model, workload, own).value;
    requireMtls ||= mode === "Strict";
    isAllMtls &&= own.meshPort !== undefined && mode !== "Disable";
  }
  // Nobody has the empty account: a cluster without workloads trusts no certificate.
  if (identities.size === 0) identities.add(spiffeId(options.trustDomain, namespace, ""));
  const sni = serviceFqdn(namespace, name);
  return { sni, identities: [...identities].sort(), requireMtls, isAllMtls };
}

function thresholds({ cluster, request }: EffectiveClusterSettings) {
  return {
    maxConnections: cluster.maxConnections.value,
    maxPendingRequests: cluster.maxPendingRequests.value,
    maxRequests: cluster.maxRequests.value,
    maxRetries: cluster.maxRetries.value,
    retryBudget: {
      budgetPercent: { value: request.budgetPercent.value },
      minRetryConcurrency: request.budgetMinPerSecond.value,
    },
  };
}

/**
 * Both detectors off: no outlier detection at all. Detectors Envoy turns on by itself are turned
 * off.
 */
function outlierDetection(settings: ClusterSettings): {
  outlierDetection?: Partial<OutlierDetection>;
} {
  const gateway = settings.consecutiveGatewayErrors.value;
  const errors = settings.consecutive5xx.value ?? 0;
  if (gateway === 0 && errors === 0) return {};
  const baseMs = settings.baseEjectionMs.value;
  return {
    outlierDetection: {
      consecutiveGatewayFailure: gateway === 0 ? undefined : gateway,
      enforcingConsecutiveGatewayFailure: gateway === 0 ? 0 : 100,
      consecutive5xx: errors === 0 ? undefined : errors,
      enforcingConsecutive5xx: errors === 0 ? 0 : 100,
      enforcingSuccessRate: 0,
      interval: duration(settings.intervalMs.value),
      baseEjectionTime: duration(baseMs),
      maxEjectionTime: duration(Math.max(baseMs, EJECTION_MAX_MS)),
      maxEjectionPercent: settings.maxEjectionPercent.value,
      alwaysEjectOneHost: false,
    },
  };
}

/** `isNegotiated`: every endpoint is asked by ALPN whether it speaks HTTP/2. */
function httpOptions(
  protocol: ServicePort["protocol"],
  idleMs: number,
  isNegotiated: boolean,
): Any {
  const message = HttpProtocolOptions.fromPartial({
    commonHttpProtocolOptions: { idleTimeout: duration(idleMs) },
  });
  if ((protocol === "http" || protocol === "auto") && isNegotiated) {
    const autoConfig = HttpProtocolOptions_AutoHttpConfig.create();
    message.upstreamProtocolOptions = { $case: "autoConfig", autoConfig };
  } else {
    const isHttp2 = protocol === "http2" || protocol === "grpc";
    const explicitHttpConfig = HttpProtocolOptions_ExplicitHttpConfig.create();
    explicitHttpConfig.protocolConfig = isHttp2
      ? { $case: "http2ProtocolOptions", http2ProtocolOptions: Http2ProtocolOptions.create() }
      : { $case: "httpProtocolOptions", httpProtocolOptions: Http1ProtocolOptions.create() };
    message.upstreamProtocolOptions = { $case: "explicitHttpConfig", explicitHttpConfig };
  }
  return typed(HTTP_OPTIONS, HttpProtocolOptions.encode(message));
}

/** Where requests to names outside the mesh go: to the address they name. */
export function compilePassthrough(): CompiledResource {
  const message = Cluster.fromPartial({
    name: PASSTHROUGH_CLUSTER,
    clusterDiscoveryType: { $case: "type", type: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: duration(5_000),
  });
  const bytes = Cluster.encode(message).finish();
  return compiledResource(typeUrls.cluster, PASSTHROUGH_CLUSTER, bytes, []);
}

/** The program behind a sidecar: one endpoint, no limits of the mesh's making. */
export function compileInboundCluster(
  name: string,
  port: number,
  protocol: ServicePort["protocol"],
  proxyProtocol: ProxyProtocolVersion | null,
): CompiledResource {
  const limits = {
    maxConnections: UNLIMITED,
    maxPendingRequests: UNLIMITED,
    maxRequests: UNLIMITED,
    maxRetries: UNLIMITED,
  };
  const endpoint = { address: socketAddress("127.0.0.1", port) };
  const message = Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: "type", type: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(5_000),
    circuitBreakers: { thresholds: [limits] },
    ...(proxyProtocol !== null && { transportSocket: announcing(proxyProtocol, plaintext()) }),
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { $case: "endpoint", endpoint } }] }],
    },
    typedExtensionProtocolOptions: { [HTTP_OPTIONS]: httpOptions(protocol, TCP_IDLE_MS, false) },
  });
  return compiledResource(typeUrls.cluster, name, Cluster.encode(message).finish(), []);
}
