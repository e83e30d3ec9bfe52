// The values of traffic settings in force, each with where it comes from (design section 6,
// "Nothing written means" and "Attachment"). One table says what exists, what holds by default and
// whom it is taken from.

import {
  formatDuration,
  type LoadBalancerAlgorithm,
  MESH_CONFIG_NAME,
  type MeshConfig,
  parseDurationMs,
  type ProxyProtocolVersion,
  type TrafficSettings,
} from "@weft/api";
import { type Model, objectKey, type ObjectKey, splitKey } from "../model/model.ts";
import { policyOn } from "../model/policy-targets.ts";

/** Where a value was written; `Default` is what holds when nothing is. */
export type ValueOrigin =
  | { readonly kind: "Default" }
  | { readonly kind: "MeshConfig"; readonly name: string }
  | {
      readonly kind: "TrafficPolicy" | "PeerAuthentication";
      readonly namespace: string;
      readonly name: string;
      /** What it is attached to: the Service, its Namespace, or a port. */
      readonly attachedTo: "Service" | "Namespace" | "Port";
    };

type RetryOn = readonly (string | number)[];

interface Setting<T> {
  /** As in YAML. */
  readonly name: string;
  readonly read: (settings: TrafficSettings) => T | undefined;
  readonly fallback: T;
}

function setting<T>(
  name: string,
  read: (settings: TrafficSettings) => T | undefined,
  fallback: T,
): Setting<T> {
  return { name, read, fallback };
}

const durationOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : (parseDurationMs(text) ?? undefined);

/**
 * Taken from the service that answers, then from the one the caller named, then from wider scopes.
 */
interface ClusterValues {
  readonly algorithm: LoadBalancerAlgorithm;
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  readonly consecutiveGatewayErrors: number;
  readonly consecutive5xx: number | null;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly connectTimeoutMs: number;
  /** 0: for ever. Null: 5 minutes for a stream, an hour for a TCP connection. */
  readonly idleTimeoutMs: number | null;
  readonly proxyProtocol: ProxyProtocolVersion | null;
}

/** Taken from the service the caller named, then from wider scopes. */
interface RequestValues {
  readonly attempts: number;
  readonly perTryTimeoutMs: number | null;
  /** Null: connection failures for every method, 503 for methods that only read. */
  readonly retryOn: RetryOn | null;
  readonly budgetPercent: number;
  readonly budgetMinPerSecond: number;
  /** 0 and null: none. */
  readonly requestTimeoutMs: number | null;
}

type Table<Values> = { readonly [K in keyof Values]: Setting<Values[K]> };

const clusterTable: Table<ClusterValues> = {
  algorithm: setting<LoadBalancerAlgorithm>(
    "loadBalancer.algorithm",
    (s) => s.loadBalancer?.algorithm,
    "LeastRequest",
  ),
  maxConnections: setting(
    "circuitBreaker.maxConnections",
    (s) => s.circuitBreaker?.maxConnections,
    1024,
  ),
  maxPendingRequests: setting(
    "circuitBreaker.maxPendingRequests",
    (s) => s.circuitBreaker?.maxPendingRequests,
    1024,
  ),
  maxRequests: setting("circuitBreaker.maxRequests", (s) => s.circuitBreaker?.maxRequests, 1024),
  maxRetries: setting("circuitBreaker.maxRetries", (s) => s.circuitBreaker?.maxRetries, 3),
  consecutiveGatewayErrors: setting(
    "outlierDetection.consecutiveGatewayErrors",
    (s) => s.outlierDetection?.consecutiveGatewayErrors,
    5,
  ),
  consecutive5xx: setting<number | null>(
    "outlierDetection.consecutive5xx",
    (s) => s.outlierDetection?.consecutive5xx,
    null,
  ),
  intervalMs: setting(
    "outlierDetection.interval",
    (s) => durationOf(s.outlierDetection?.interval),
    10_000,
  ),
  baseEjectionMs: setting(
    "outlierDetection.baseEjectionTime",
    (s) => durationOf(s.outlierDetection?.baseEjectionTime),
    30_000,
  ),
  maxEjectionPercent: setting(
    "outlierDetection.maxEjectionPercent",
    (s) => s.outlierDetection?.maxEjectionPercent,
    50,
  ),
  connectTimeoutMs: setting("timeout.connect", (s) => durationOf(s.timeout?.connect), 5_000),
  idleTimeoutMs: setting<number | null>("timeout.idle", (s) => durationOf(s.timeout?.idle), null),
  proxyProtocol: setting<ProxyProtocolVersion | null>(
    "proxyProtocol",
    (s) => s.proxyProtocol,
    null,
  ),
};

const requestTable: Table<RequestValues> = {
  attempts: setting("retry.attempts", (s) => s.retry?.attempts, 2),
  perTryTimeoutMs: setting<number | null>(
    "retry.perTryTimeout",
    (s) => durationOf(s.retry?.perTryTimeout),
    null,
  ),
  retryOn: setting<RetryOn | null>("retry.on", (s) => s.retry?.on, null),
  budgetPercent: setting("retry.budget.percent", (s) => s.retry?.budget?.percent, 20),
  budgetMinPerSecond: setting("retry.budget.minPerSecond", (s) => s.retry?.budget?.minPerSecond, 3),
  requestTimeoutMs: setting<number | null>(
    "timeout.request",
    (s) => durationOf(s.timeout?.request),
    null,
  ),
};

export interface Sourced<T> {
  readonly value: T;
  readonly origin: ValueOrigin;
}

type Resolved<Values> = { readonly [K in keyof Values]: Sourced<Values[K]> };

export type ClusterSettings = Resolved<ClusterValues>;
export type RequestSettings = Resolved<RequestValues>;

/** A scope that says something, nearest first in a list of them. */
export interface Scope {
  readonly origin: ValueOrigin;
  readonly settings: TrafficSettings;
}

const DEFAULT: ValueOrigin = { kind: "Default" };

export function resolveClusterSettings(scopes: readonly Scope[]): ClusterSettings {
  return resolve(clusterTable, scopes);
}

export function resolveRequestSettings(scopes: readonly Scope[]): RequestSettings {
  return resolve(requestTable, scopes);
}

/** A value as it would be written in YAML; null: off. */
export interface ListedSetting {
  readonly name: string;
  readonly value: string | number | RetryOn | null;
  readonly origin: ValueOrigin;
}

/** Every value in the table's order. */
export function listSettings(cluster: ClusterSettings, request: RequestSettings): ListedSetting[] {
  const rows: ListedSetting[] = [];
  const list = <Values>(table: Table<Values>, values: Resolved<Values>): void => {
    for (const key of Object.keys(table) as (keyof Values & string)[]) {
      const { value, origin } = values[key] as Sourced<ListedSetting["value"]>;
      const isDuration = key.endsWith("Ms") && typeof value === "number";
      rows.push({
        name: table[key].name,
        value: isDuration ? formatDuration(value) : value,
        origin,
      });
    }
  };
  list(clusterTable, cluster);
  list(requestTable, request);
  return rows;
}

function resolve<Values>(table: Table<Values>, scopes: readonly Scope[]): Resolved<Values> {
  const out: Record<string, Sourced<unknown>> = {};
  for (const [key, { read, fallback }] of Object.entries<Setting<unknown>>(table)) {
    out[key] = { value: fallback, origin: DEFAULT };
    for (const { origin, settings } of scopes) {
      const value = read(settings);
      if (value === undefined || value === null) continue;
      out[key] = { value, origin };
      break;
    }
  }
  return out as unknown as Resolved<Values>;
}

/** What is attached to a service itself: to one of its ports (by name), then to all of it. */
export function serviceScopes(model: Model, service: ObjectKey, portName: string | null): Scope[] {
  const { namespace, name } = splitKey(service);
  const sections = portName === null || portName === "" ? [null] : [portName, null];
  const scopes: Scope[] = [];
  for (const section of sections) {
    const policy = policyOn(model, "TrafficPolicy", namespace, { kind: "Service", name, section });
    if (policy === null) continue;
    const attachedTo = section === null ? "Service" : "Port";
    scopes.push({
      origin: { kind: "TrafficPolicy", namespace, name: policy.metadata.name, attachedTo },
      settings: policy.spec,
    });
  }
  return scopes;
}

/** What holds for a namespace, then for the mesh. */
export function wideScopes(model: Model, namespace: string): Scope[] {
  const scopes: Scope[] = [];
  const target = { kind: "Namespace", name: namespace, section: null } as const;
  const policy = policyOn(model, "TrafficPolicy", namespace, target);
  if (policy !== null) {
    const { name } = policy.metadata;
    const origin = { kind: "TrafficPolicy", namespace, name, attachedTo: "Namespace" } as const;
    scopes.push({ origin, settings: policy.spec });
  }
  const mesh = meshConfigOf(model)?.spec.traffic;
  if (mesh !== undefined) {
    scopes.push({ origin: { kind: "MeshConfig", name: MESH_CONFIG_NAME }, settings: mesh });
  }
  return scopes;
}

/** The one MeshConfig. */
export function meshConfigOf(model: Model): MeshConfig | undefined {
  return model.objects.MeshConfig.get(objectKey("", MESH_CONFIG_NAME));
}
