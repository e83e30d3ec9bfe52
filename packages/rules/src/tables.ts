// The rows that a request meets: what a snapshot compiles to. One class per row, every field always
// present (null when a policy is off), so that V8 sees one shape and a call site stays monomorphic.
// Rows are immutable and printable: `JSON.stringify` of a row is what `weft proxy` shows (style
// section 4).

import type { AddressRange } from "./address-range.ts";
import type { Pattern } from "./regex.ts";
import type { RouteTable } from "./route-table.ts";

/** The fields of a row, as its constructor takes them. */
export type Fields<Row> = {
  readonly [Key in keyof Row as Row[Key] extends (...args: never) => unknown
    ? never
    : Key]: Row[Key];
};

export type Direction = "inbound" | "outbound";
export type MtlsMode = "Strict" | "Permissive" | "Disable";
/** `auto`: nobody declared it, the first bytes of a connection say. */
export type Protocol = "http" | "http2" | "grpc" | "tcp" | "auto";

export const protocols: readonly Protocol[] = ["http", "http2", "grpc", "tcp", "auto"];

/** A listener: one bound port and the filter chains behind it. */
export class ListenerRow {
  readonly name: string;
  readonly direction: Direction;
  readonly address: string;
  readonly port: number;
  /** What `dev.weft` says about an inbound port; null and "" on the outbound listener. */
  readonly mode: MtlsMode | null;
  readonly service: string;
  readonly namespace: string;
  readonly version: string;
  readonly servicePort: number;
  readonly protocol: Protocol | null;
  /** Whose connections begin with a PROXY protocol header; null: nobody's. */
  readonly proxyProtocolFrom: readonly AddressRange[] | null;
  /** For a connection that starts with a TLS record; null: every connection is taken as plain. */
  readonly tlsChain: ChainRow | null;
  /** For any other connection; null: it is closed. */
  readonly plainChain: ChainRow | null;
  /** How long to wait for a first byte; null: the proxy's default, 0: for ever. */
  readonly detectionTimeoutMs: number | null;
  /** After that time a silent connection goes on as plain, else it is closed. */
  readonly goesOnUndetected: boolean;

  constructor(fields: Fields<ListenerRow>) {
    this.name = fields.name;
    this.direction = fields.direction;
    this.address = fields.address;
    this.port = fields.port;
    this.mode = fields.mode;
    this.service = fields.service;
    this.namespace = fields.namespace;
    this.version = fields.version;
    this.servicePort = fields.servicePort;
    this.protocol = fields.protocol;
    this.proxyProtocolFrom = fields.proxyProtocolFrom;
    this.tlsChain = fields.tlsChain;
    this.plainChain = fields.plainChain;
    this.detectionTimeoutMs = fields.detectionTimeoutMs;
    this.goesOnUndetected = fields.goesOnUndetected;
  }
}

/** A filter chain: exactly one of `http` and `tcp` is set. */
export class ChainRow {
  readonly name: string;
  readonly tls: DownstreamTlsRow | null;
  readonly http: HttpRow | null;
  readonly tcp: TcpRow | null;

  constructor(fields: Fields<ChainRow>) {
    this.name = fields.name;
    this.tls = fields.tls;
    this.http = fields.http;
    this.tcp = fields.tcp;
  }
}

/**
 * TLS towards a downstream. Secrets are names; the agent and the `bundle` resource hold the bytes.
 */
export class DownstreamTlsRow {
  readonly requireClientCertificate: boolean;
  readonly alpn: readonly string[];
  readonly certificateSecret: string;
  /** Secret with the roots that client certificates must chain to; null: none is asked for. */
  readonly rootsSecret: string | null;
  /** SPIFFE IDs allowed; empty: any that chains to the roots. */
  readonly identities: readonly string[];

  constructor(fields: Fields<DownstreamTlsRow>) {
    this.requireClientCertificate = fields.requireClientCertificate;
    this.alpn = fields.alpn;
    this.certificateSecret = fields.certificateSecret;
    this.rootsSecret = fields.rootsSecret;
    this.identities = fields.identities;
  }
}

/** How `x-forwarded-client-cert` is treated on requests from a downstream. */
export type ClientCertificateHeader =
  | "sanitize"
  | "sanitize-set"
  | "forward-only"
  | "append-forward";

/** An HTTP connection manager. Exactly one of `routesName` and `routes` is set. */
export class HttpRow {
  readonly statPrefix: string;
  readonly routesName: string | null;
  readonly routes: RouteTable | null;
  /** Lower-case upgrade types that are let through, e.g. `websocket`. */
  readonly upgrades: readonly string[];
  /** Requests of gRPC-Web are translated to gRPC, and answers back. */
  readonly grpcWeb: boolean;
  readonly clientCertificateHeader: ClientCertificateHeader;
  readonly normalizePath: boolean;
  readonly mergeSlashes: boolean;
  /** Null: no limit. */
  readonly idleTimeoutMs: number | null;
  readonly streamIdleTimeoutMs: number | null;
  /** A connection that is older is told to go; null: no limit. */
  readonly connectionAgeMaxMs: number | null;
  readonly requestTimeoutMs: number | null;
  readonly requestHeadersTimeoutMs: number | null;
  /** Null: the codec's default. */
  readonly requestHeadersBytesMax: number | null;

  constructor(fields: Fields<HttpRow>) {
    this.statPrefix = fields.statPrefix;
    this.routesName = fields.routesName;
    this.routes = fields.routes;
    this.upgrades = fields.upgrades;
    this.grpcWeb = fields.grpcWeb;
    this.clientCertificateHeader = fields.clientCertificateHeader;
    this.normalizePath = fields.normalizePath;
    this.mergeSlashes = fields.mergeSlashes;
    this.idleTimeoutMs = fields.idleTimeoutMs;
    this.streamIdleTimeoutMs = fields.streamIdleTimeoutMs;
    this.connectionAgeMaxMs = fields.connectionAgeMaxMs;
    this.requestTimeoutMs = fields.requestTimeoutMs;
    this.requestHeadersTimeoutMs = fields.requestHeadersTimeoutMs;
    this.requestHeadersBytesMax = fields.requestHeadersBytesMax;
  }
}

/** A TCP proxy: bytes go to one of the clusters. */
export class TcpRow {
  readonly statPrefix: string;
  readonly clusters: readonly WeightedClusterRow[];
  readonly weightTotal: number;
  readonly idleTimeoutMs: number | null;

  constructor(fields: Fields<TcpRow>) {
    this.statPrefix = fields.statPrefix;
    this.clusters = fields.clusters;
    this.weightTotal = fields.weightTotal;
    this.idleTimeoutMs = fields.idleTimeoutMs;
  }
}

/** A share of a route's requests. */
export class WeightedClusterRow {
  readonly cluster: string;
  readonly weight: number;
  /** Every edit that a request meets on its way to this cluster, of all levels, in order. */
  readonly requestEdits: readonly HeaderEdit[] | null;
  readonly responseEdits: readonly HeaderEdit[] | null;
  /** Replaces the request's authority; null: the route's own rewrite decides. */
  readonly authorityLiteral: string | null;

  constructor(fields: Fields<WeightedClusterRow>) {
    this.cluster = fields.cluster;
    this.weight = fields.weight;
    this.requestEdits = fields.requestEdits;
    this.responseEdits = fields.responseEdits;
    this.authorityLiteral = fields.authorityLiteral;
  }
}

/** `add` appends, `set` replaces, `set-existing` only replaces, `add-absent` only adds. */
export type HeaderEditAction = "add" | "set" | "set-existing" | "add-absent" | "remove";

export class HeaderEdit {
  readonly action: HeaderEditAction;
  /** Lower case. */
  readonly name: string;
  /** "" for `remove`. */
  readonly value: string;

  constructor(action: HeaderEditAction, name: string, value: string) {
    this.action = action;
    this.name = name;
    this.value = value;
  }
}

export type PathMatchKind = "exact" | "prefix" | "segment-prefix" | "regex" | "connect";

/** What a request must look like. An empty list or null matches anything. */
export class RouteMatchRow {
  readonly path: PathMatchKind;
  /** The path, the prefix, or the pattern's text; "" for `connect`. */
  readonly value: string;
  readonly ignoreCase: boolean;
  readonly regex: Pattern | null;
  /** The method, where it is matched exactly; then it is not among `headers`. */
  readonly method: string | null;
  readonly headers: readonly HeaderMatchRow[];
  readonly query: readonly QueryMatchRow[];

  constructor(fields: Fields<RouteMatchRow>) {
    this.path = fields.path;
    this.value = fields.value;
    this.ignoreCase = fields.ignoreCase;
    this.regex = fields.regex;
    this.method = fields.method;
    this.headers = fields.headers;
    this.query = fields.query;
  }
}

export type TextMatchKind =
  | "exact"
  | "prefix"
  | "suffix"
  | "contains"
  | "regex"
  | "present"
  | "range";

export class TextMatchRow {
  readonly kind: TextMatchKind;
  /** Lower case where `ignoreCase`; the pattern's text for `regex`. */
  readonly value: string;
  readonly ignoreCase: boolean;
  readonly regex: Pattern | null;
  /** For `range`: from (inclusive) and to (exclusive). */
  readonly from: number;
  readonly to: number;

  constructor(fields: Fields<TextMatchRow>) {
    this.kind = fields.kind;
    this.value = fields.value;
    this.ignoreCase = fields.ignoreCase;
    this.regex = fields.regex;
    this.from = fields.from;
    this.to = fields.to;
  }
}

export class HeaderMatchRow {
  /** Lower case; `:method`, `:path`, `:authority` and `:scheme` read the request line. */
  readonly name: string;
  readonly text: TextMatchRow;
  readonly invert: boolean;
  readonly missingIsEmpty: boolean;

  constructor(fields: Fields<HeaderMatchRow>) {
    this.name = fields.name;
    this.text = fields.text;
    this.invert = fields.invert;
    this.missingIsEmpty = fields.missingIsEmpty;
  }
}

export class QueryMatchRow {
  readonly name: string;
  readonly text: TextMatchRow;
  /** For `present`: whether the parameter must be there. */
  readonly present: boolean;

  constructor(fields: Fields<QueryMatchRow>) {
    this.name = fields.name;
    this.text = fields.text;
    this.present = fields.present;
  }
}

/** A policy that shaped a route, for explanations. */
export class PolicyLabel {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;

  constructor(kind: string, namespace: string, name: string) {
    this.kind = kind;
    this.namespace = namespace;
    this.name = name;
  }
}

/** A route. Exactly one of `clusters`, `redirect` and `direct` is set. */
export class RouteRow {
  readonly name: string;
  /** Place in its virtual host; first match wins. */
  readonly index: number;
  readonly match: RouteMatchRow;
  readonly clusters: readonly WeightedClusterRow[] | null;
  readonly weightTotal: number;
  /** Answer when the chosen cluster does not exist. */
  readonly clusterMissingStatus: number;
  readonly redirect: RedirectRow | null;
  readonly direct: DirectResponseRow | null;
  readonly rewrite: RewriteRow | null;
  /** Edits of responses made here (redirect, direct response, local replies). */
  readonly responseEdits: readonly HeaderEdit[] | null;
  /** Whole request with all its attempts; null: none. */
  readonly timeoutMs: number | null;
  /** Stream idle; 0: none; null: the connection manager's. */
  readonly idleTimeoutMs: number | null;
  readonly retry: RetryRow | null;
  readonly mirrors: readonly MirrorRow[];
  /** Upgrade types of this route, `connect` among them; null: the connection manager's. */
  readonly upgrades: readonly string[] | null;
  /**
   * Of a byte stream: the server names (SNI, lower case, `*.x` for every name below) of the TLS
   * connections it takes; null: it takes any stream. `match-stream.ts` reads it.
   */
  readonly serverNames: readonly string[] | null;
  /** What `dev.weft` says: the object this route was compiled from, "" when there is none. */
  readonly kind: string;
  readonly namespace: string;
  readonly object: string;
  readonly rule: string;
  /** Response flag of the answers this route makes itself (`NP`, `RO`), else "". */
  readonly flag: string;
  readonly policies: readonly PolicyLabel[];

  constructor(fields: Fields<RouteRow>) {
    this.name = fields.name;
    this.index = fields.index;
    this.match = fields.match;
    this.clusters = fields.clusters;
    this.weightTotal = fields.weightTotal;
    this.clusterMissingStatus = fields.clusterMissingStatus;
    this.redirect = fields.redirect;
    this.direct = fields.direct;
    this.rewrite = fields.rewrite;
    this.responseEdits = fields.responseEdits;
    this.timeoutMs = fields.timeoutMs;
    this.idleTimeoutMs = fields.idleTimeoutMs;
    this.retry = fields.retry;
    this.mirrors = fields.mirrors;
    this.upgrades = fields.upgrades;
    this.serverNames = fields.serverNames;
    this.kind = fields.kind;
    this.namespace = fields.namespace;
    this.object = fields.object;
    this.rule = fields.rule;
    this.flag = fields.flag;
    this.policies = fields.policies;
  }
}

/** Changes of the request line on the way up. */
export class RewriteRow {
  /** Replaces the matched exact path or prefix; null: off. */
  readonly prefix: string | null;
  readonly regex: Pattern | null;
  /** RE2 substitution text (`\0` to `\9`) for `regex`. */
  readonly substitution: string;
  readonly authorityLiteral: string | null;
  /** The authority is taken from this header where the request has it. */
  readonly authorityHeader: string | null;
  readonly authorityRegex: Pattern | null;
  readonly authoritySubstitution: string;

  constructor(fields: Fields<RewriteRow>) {
    this.prefix = fields.prefix;
    this.regex = fields.regex;
    this.substitution = fields.substitution;
    this.authorityLiteral = fields.authorityLiteral;
    this.authorityHeader = fields.authorityHeader;
    this.authorityRegex = fields.authorityRegex;
    this.authoritySubstitution = fields.authoritySubstitution;
  }
}

export class RedirectRow {
  readonly status: number;
  readonly scheme: string | null;
  readonly authority: string | null;
  /** 0: not given. */
  readonly port: number;
  /** Whole new path, with its own query where it has one; null: off. */
  readonly path: string | null;
  readonly prefix: string | null;
  readonly regex: Pattern | null;
  readonly substitution: string;
  readonly stripQuery: boolean;

  constructor(fields: Fields<RedirectRow>) {
    this.status = fields.status;
    this.scheme = fields.scheme;
    this.authority = fields.authority;
    this.port = fields.port;
    this.path = fields.path;
    this.prefix = fields.prefix;
    this.regex = fields.regex;
    this.substitution = fields.substitution;
    this.stripQuery = fields.stripQuery;
  }
}

export class DirectResponseRow {
  readonly status: number;
  /** Text; "" for none. */
  readonly body: string;

  constructor(status: number, body: string) {
    this.status = status;
    this.body = body;
  }
}

export class MirrorRow {
  readonly cluster: string;
  /** 0 to 1. */
  readonly fraction: number;

  constructor(cluster: string, fraction: number) {
    this.cluster = cluster;
    this.fraction = fraction;
  }
}

/** When an attempt is followed by another. See `retryable.ts`. */
export class RetryRow {
  /** Retries after the first try. */
  readonly attempts: number;
  /** Names as they were written, for printing. */
  readonly on: readonly string[];
  /** The same as bits, see `retryable.ts`. */
  readonly bits: number;
  readonly statuses: readonly number[];
  /** Methods that are retried on anything; null: every method. */
  readonly methods: readonly string[] | null;
  /** Methods that are retried on status 503; null: as `methods`. */
  readonly unavailableMethods: readonly string[] | null;
  /** Null: only the request's timeout. */
  readonly perTryTimeoutMs: number | null;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** Prefer an endpoint that was not tried yet. */
  readonly avoidTried: boolean;

  constructor(fields: Fields<RetryRow>) {
    this.attempts = fields.attempts;
    this.on = fields.on;
    this.bits = fields.bits;
    this.statuses = fields.statuses;
    this.methods = fields.methods;
    this.unavailableMethods = fields.unavailableMethods;
    this.perTryTimeoutMs = fields.perTryTimeoutMs;
    this.backoffBaseMs = fields.backoffBaseMs;
    this.backoffMaxMs = fields.backoffMaxMs;
    this.avoidTried = fields.avoidTried;
  }
}
