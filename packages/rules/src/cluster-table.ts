// What a request meets upstream: a cluster, its limits, how it watches its endpoints and how it
// dials them.

import type { EndpointRow, EndpointTable } from "./endpoint-table.ts";
import type { Fields, Protocol } from "./tables.ts";

/** `original-dst` dials the request's own authority. */
export type ClusterKind = "eds" | "static" | "original-dst";
export type Algorithm = "round-robin" | "least-request" | "random" | "none";

export class ClusterRow {
  readonly name: string;
  readonly kind: ClusterKind;
  /** Name of its ClusterLoadAssignment; null unless `eds`. */
  readonly endpointsName: string | null;
  /** Its own endpoints; null unless `static`. */
  readonly endpoints: EndpointTable | null;
  readonly connectTimeoutMs: number;
  readonly algorithm: Algorithm;
  /** How many endpoints a least-request pick compares. */
  readonly choiceCount: number;
  readonly limits: CircuitLimitsRow;
  /** Null: `limits.retriesMax` alone limits retries. */
  readonly retryBudget: RetryBudgetRow | null;
  readonly outlier: OutlierRow | null;
  /** In order; the first whose `match` an endpoint satisfies. Never empty. */
  readonly transports: readonly TransportRow[];
  /** Its endpoints speak HTTP/2 (with prior knowledge), else HTTP/1.1. */
  readonly isHttp2: boolean;
  /** Idle time of a pooled connection; null: no limit. */
  readonly idleTimeoutMs: number | null;
  /** Null: no limit. */
  readonly requestsPerConnectionMax: number | null;
  /** A connection that is older takes no more requests; null: no limit. */
  readonly connectionAgeMaxMs: number | null;
  /** Null: as the proxy does it by itself. */
  readonly keepalive: KeepaliveRow | null;
  /** What `dev.weft` says; "" and null when it does not. */
  readonly service: string;
  readonly namespace: string;
  readonly protocol: Protocol | null;
  /** Never dial an endpoint in plaintext. */
  readonly requireMtls: boolean;

  constructor(fields: Fields<ClusterRow>) {
    this.name = fields.name;
    this.kind = fields.kind;
    this.endpointsName = fields.endpointsName;
    this.endpoints = fields.endpoints;
    this.connectTimeoutMs = fields.connectTimeoutMs;
    this.algorithm = fields.algorithm;
    this.choiceCount = fields.choiceCount;
    this.limits = fields.limits;
    this.retryBudget = fields.retryBudget;
    this.outlier = fields.outlier;
    this.transports = fields.transports;
    this.isHttp2 = fields.isHttp2;
    this.idleTimeoutMs = fields.idleTimeoutMs;
    this.requestsPerConnectionMax = fields.requestsPerConnectionMax;
    this.connectionAgeMaxMs = fields.connectionAgeMaxMs;
    this.keepalive = fields.keepalive;
    this.service = fields.service;
    this.namespace = fields.namespace;
    this.protocol = fields.protocol;
    this.requireMtls = fields.requireMtls;
  }
}

/** PINGs on HTTP/2 connections whose peer is silent. */
export class KeepaliveRow {
  readonly intervalMs: number;
  readonly timeoutMs: number;

  constructor(fields: Fields<KeepaliveRow>) {
    this.intervalMs = fields.intervalMs;
    this.timeoutMs = fields.timeoutMs;
  }
}

/** Circuit breaking: how much may be under way at once, over all workers of the proxy. */
export class CircuitLimitsRow {
  readonly connectionsMax: number;
  readonly pendingMax: number;
  readonly requestsMax: number;
  readonly retriesMax: number;

  constructor(fields: Fields<CircuitLimitsRow>) {
    this.connectionsMax = fields.connectionsMax;
    this.pendingMax = fields.pendingMax;
    this.requestsMax = fields.requestsMax;
    this.retriesMax = fields.retriesMax;
  }
}

/**
 * Retries may be `percent` of the requests under way, at least so many at once, at least so many a
 * second.
 */
export class RetryBudgetRow {
  readonly percent: number;
  readonly concurrencyMin: number;
  readonly perSecondMin: number;

  constructor(percent: number, concurrencyMin: number, perSecondMin: number) {
    this.percent = percent;
    this.concurrencyMin = concurrencyMin;
    this.perSecondMin = perSecondMin;
  }
}

/** Outlier detection. A consecutive count of 0 is off. */
export class OutlierRow {
  readonly consecutiveGatewayErrors: number;
  readonly consecutive5xx: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly ejectionMaxMs: number;
  readonly ejectionPercentMax: number;
  /** A cluster too small for the percentage may still lose one. */
  readonly ejectAtLeastOne: boolean;

  constructor(fields: Fields<OutlierRow>) {
    this.consecutiveGatewayErrors = fields.consecutiveGatewayErrors;
    this.consecutive5xx = fields.consecutive5xx;
    this.intervalMs = fields.intervalMs;
    this.baseEjectionMs = fields.baseEjectionMs;
    this.ejectionMaxMs = fields.ejectionMaxMs;
    this.ejectionPercentMax = fields.ejectionPercentMax;
    this.ejectAtLeastOne = fields.ejectAtLeastOne;
  }
}

/** How an endpoint is dialled; `tls` null is plaintext. */
export type ProxyProtocolVersion = "V1" | "V2";

export interface UpstreamSocket {
  readonly tls: UpstreamTlsRow | null;
  readonly proxyProtocol: ProxyProtocolVersion | null;
}

export class TransportRow {
  readonly name: string;
  /** [name, value, …] that an endpoint's `transportMatch` must contain. */
  readonly match: readonly string[];
  readonly tls: UpstreamTlsRow | null;
  /** A connection begins with a header of this version; null: with none. */
  readonly proxyProtocol: ProxyProtocolVersion | null;

  constructor(name: string, match: readonly string[], socket: UpstreamSocket) {
    this.name = name;
    this.match = match;
    this.tls = socket.tls;
    this.proxyProtocol = socket.proxyProtocol;
  }
}

export class UpstreamTlsRow {
  readonly sni: string;
  readonly alpn: readonly string[];
  /** Null: no client certificate. */
  readonly certificateSecret: string | null;
  readonly rootsSecret: string;
  /** SPIFFE IDs the endpoint may have. */
  readonly identities: readonly string[];

  constructor(fields: Fields<UpstreamTlsRow>) {
    this.sni = fields.sni;
    this.alpn = fields.alpn;
    this.certificateSecret = fields.certificateSecret;
    this.rootsSecret = fields.rootsSecret;
    this.identities = fields.identities;
  }
}

/** A trust bundle: every root, as PEM. */
export class SecretRow {
  readonly name: string;
  readonly rootsPem: string;

  constructor(name: string, rootsPem: string) {
    this.name = name;
    this.rootsPem = rootsPem;
  }
}

/**
 * How this cluster dials that endpoint: the first transport all of whose pairs the endpoint has.
 */
export function transportFor(cluster: ClusterRow, endpoint: EndpointRow): TransportRow | null {
  for (const transport of cluster.transports) {
    if (hasPairs(endpoint.transportMatch, transport.match)) return transport;
  }
  return null;
}

function hasPairs(pairs: readonly string[], wanted: readonly string[]): boolean {
  for (let i = 0; i < wanted.length; i += 2) {
    let found = false;
    for (let j = 0; j < pairs.length; j += 2) {
      if (pairs[j] === wanted[i] && pairs[j + 1] === wanted[i + 1]) found = true;
    }
    if (!found) return false;
  }
  return true;
}
