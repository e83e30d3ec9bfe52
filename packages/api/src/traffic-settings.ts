// The settings that a TrafficPolicy gives a Service or Namespace and a MeshConfig gives the mesh
// (design sections 6 and 7). Nothing here has a default: what is absent comes from the next wider
// scope.

import { duration, parseDurationMs } from "./duration.ts";
import type { Reporter } from "./field-error.ts";
import { choice, integer, intOrString, list, object, type Static, withRules } from "./schema.ts";

export const LOAD_BALANCER_ALGORITHMS = [
  "RoundRobin",
  "Random",
  "LeastRequest",
  "PeakEwma",
  "RingHash",
  "Maglev",
  "WeightedResponseTime",
] as const;

/** What `retry.on` may name beside status codes. */
export const RETRY_CONDITIONS = [
  "connect-failure",
  "refused-stream",
  "reset",
  "reset-before-request",
  "gateway-error",
  "5xx",
  "retriable-4xx",
  "cancelled",
  "deadline-exceeded",
  "internal",
  "resource-exhausted",
  "unavailable",
] as const;

export type LoadBalancerAlgorithm = (typeof LOAD_BALANCER_ALGORITHMS)[number];
export type RetryCondition = (typeof RETRY_CONDITIONS)[number];

const COUNT_MAX = 2 ** 31 - 1;

function count(description: string, minimum = 0): ReturnType<typeof integer> {
  return integer(description, { minimum, maximum: COUNT_MAX });
}

const loadBalancer = object("How an endpoint is picked.", {
  algorithm: choice(
    "The algorithm; LeastRequest where nothing says otherwise.",
    LOAD_BALANCER_ALGORITHMS,
  ),
});

const circuitBreaker = object("What one proxy may have open to the service at a time.", {
  maxConnections: count("Connections; 1024 where nothing says otherwise.", 1),
  maxPendingRequests: count("Requests waiting for a connection; 1024 likewise."),
  maxRequests: count("Requests under way; 1024 likewise.", 1),
  maxRetries: count("Retries under way; 3 likewise."),
});

const outlierDetection = object("When an endpoint that fails is left out for a while.", {
  consecutiveGatewayErrors: count(
    "Gateway errors in a row (502, 503, 504, reset, connect) that eject; " +
      "5 where nothing says otherwise, 0 never.",
  ),
  consecutive5xx: count("Answers of 500 and above in a row that eject; off unless set."),
  interval: duration("How often ejections are looked over; 10s where nothing says otherwise."),
  baseEjectionTime: duration(
    "How long the first ejection lasts; the nth lasts n times that; 30s likewise.",
  ),
  maxEjectionPercent: integer(
    "The share of endpoints that may be ejected at a time; 50 likewise.",
    {
      minimum: 0,
      maximum: 100,
    },
  ),
});

const retryBudget = object("What retries may add to the load.", {
  percent: integer(
    "Retries under way as a share of requests under way; 20 where nothing says otherwise.",
    {
      minimum: 0,
      maximum: 100,
    },
  ),
  minPerSecond: integer("Retries always allowed in a second; 3 likewise.", {
    minimum: 0,
    maximum: COUNT_MAX,
  }),
});

const ATTEMPTS_MAX = 100;

const retry = object("When a request is tried again.", {
  attempts: integer("Retries after the first try; 2 where nothing says otherwise, 0 for none.", {
    minimum: 0,
    maximum: ATTEMPTS_MAX,
  }),
  perTryTimeout: duration("How long one try may take."),
  on: list(
    "What is retried: conditions by name, and status codes as strings or integers.",
    intOrString(""),
    {
      maxItems: 64,
    },
  ),
  budget: retryBudget,
});

const timeout = object("How long things may take; 0s means for ever.", {
  request: duration(
    "From the whole request to the whole answer; none where nothing says otherwise.",
  ),
  idle: duration("Without a byte in either direction; 5m likewise."),
  connect: duration("For a connection with its TLS handshake; 5s likewise."),
});

const PROXY_PROTOCOLS = ["V1", "V2"] as const;
export type ProxyProtocolVersion = (typeof PROXY_PROTOCOLS)[number];

const proxyProtocol = choice(
  "On TCP ports, what each connection to the program begins with: a PROXY protocol header of this " +
    "version, which says who the connection is from. A sidecar beside the program sends it, else " +
    "the caller's. None where nothing says otherwise.",
  PROXY_PROTOCOLS,
);

export const trafficProperties = {
  loadBalancer,
  circuitBreaker,
  outlierDetection: withRules(outlierDetection, checkOutlierDetection),
  retry: withRules(retry, checkRetry),
  timeout: withRules(timeout, checkTimeout),
  proxyProtocol,
} as const;

export type RetrySettings = Static<typeof retry>;
export type TimeoutSettings = Static<typeof timeout>;
export type OutlierDetectionSettings = Static<typeof outlierDetection>;
export type CircuitBreakerSettings = Static<typeof circuitBreaker>;
export type LoadBalancerSettings = Static<typeof loadBalancer>;

/** What TrafficPolicy.spec and MeshConfig.spec.traffic have in common. */
export interface TrafficSettings {
  loadBalancer?: LoadBalancerSettings;
  circuitBreaker?: CircuitBreakerSettings;
  outlierDetection?: OutlierDetectionSettings;
  retry?: RetrySettings;
  timeout?: TimeoutSettings;
  proxyProtocol?: ProxyProtocolVersion;
}

function checkOutlierDetection(value: OutlierDetectionSettings, report: Reporter): void {
  checkPositive(value.interval, "interval", report);
  checkPositive(value.baseEjectionTime, "baseEjectionTime", report);
}

function checkRetry(value: RetrySettings, report: Reporter): void {
  checkPositive(value.perTryTimeout, "perTryTimeout", report);
  const seen = new Set<string>();
  (value.on ?? []).forEach((condition, index) => {
    if (!isRetryCondition(condition)) {
      report.notSupported(`on[${index}]`, condition, [...RETRY_CONDITIONS, "400", "…", "599"]);
    }
    if (seen.has(String(condition))) report.duplicate(`on[${index}]`, condition);
    seen.add(String(condition));
  });
}

function checkTimeout(value: TimeoutSettings, report: Reporter): void {
  checkPositive(value.connect, "connect", report);
}

function checkPositive(text: string | undefined, field: string, report: Reporter): void {
  if (text !== undefined && parseDurationMs(text) === 0) {
    report.invalid(field, text, "must be longer than 0s");
  }
}

function isRetryCondition(condition: string | number): boolean {
  if ((RETRY_CONDITIONS as readonly (string | number)[]).includes(condition)) return true;
  return /^[45][0-9][0-9]$/.test(String(condition));
}
