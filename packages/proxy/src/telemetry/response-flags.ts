// Why a response is what it is: one row per reason that the proxy itself gives one. Codes follow
// Envoy's letters where Envoy has the reason; the others are ours. `docs/reference` is generated
// from this table.

const flags = {
  None: 0,
  NoRoute: 1,
  NoCluster: 2,
  NoHealthyUpstream: 3,
  UpstreamConnectFailure: 4,
  UpstreamReset: 5,
  UpstreamProtocol: 6,
  UpstreamIdentity: 7,
  UpstreamTimeout: 8,
  Overflow: 9,
  RetryLimit: 10,
  DownstreamClosed: 11,
  DownstreamProtocol: 12,
  DownstreamTimeout: 13,
  StreamIdle: 14,
  NoPort: 15,
  RegistryOnly: 16,
  PlaintextForbidden: 17,
  NoService: 18,
  NoConfiguration: 19,
  Loop: 20,
  Draining: 21,
  Internal: 22,
  UpstreamRefused: 23,
  UpstreamStreamReset: 24,
  Overload: 25,
  NoWebSocket: 26,
  HeadTooLarge: 27,
} as const;

/** Numbers on the hot path; `flagRows` says what they mean. */
export const Flag: typeof flags = Object.freeze(flags);
export type Flag = (typeof Flag)[keyof typeof Flag];

export interface FlagRow {
  /** The value of the label `flag` and of the header `x-weft-flag`. */
  readonly code: string;
  /** Status of the proxy's own answer; 0 where there is none. */
  readonly status: number;
  readonly text: string;
}

/** In the order of `Flag`. */
export const flagRows: readonly FlagRow[] = Object.freeze([
  { code: "", status: 0, text: "nothing to say" },
  { code: "NR", status: 404, text: "no route matches the request" },
  { code: "NC", status: 503, text: "the route names a cluster that does not exist" },
  { code: "UH", status: 503, text: "the cluster has no healthy endpoint" },
  { code: "UF", status: 503, text: "no connection to the endpoint could be made" },
  { code: "UC", status: 503, text: "the endpoint ended the connection before its response" },
  { code: "UPE", status: 502, text: "the endpoint's response is malformed" },
  { code: "UID", status: 503, text: "the endpoint did not prove the expected identity" },
  { code: "UT", status: 504, text: "the endpoint did not respond in time" },
  { code: "UO", status: 503, text: "a circuit breaking limit of the cluster is reached" },
  { code: "URX", status: 503, text: "every attempt failed" },
  { code: "DC", status: 0, text: "the downstream closed the connection first" },
  { code: "DPE", status: 400, text: "the request is malformed" },
  { code: "DT", status: 408, text: "the request did not arrive in time" },
  { code: "SI", status: 504, text: "nothing moved within the idle timeout" },
  { code: "NP", status: 404, text: "the service has no such port" },
  { code: "RO", status: 502, text: "the mesh allows calls to registered services only" },
  {
    code: "PM",
    status: 503,
    text: "the service demands mutual TLS and the endpoint is not meshed",
  },
  { code: "NS", status: 503, text: "the service of this upstream listener does not exist (yet)" },
  { code: "NX", status: 503, text: "the proxy has no configuration yet" },
  { code: "LP", status: 508, text: "the request would come back to this listener" },
  { code: "DR", status: 503, text: "the proxy is stopping" },
  { code: "IE", status: 500, text: "the proxy met a state it should never be in" },
  { code: "URF", status: 503, text: "the endpoint refused the request without acting on it" },
  { code: "UR", status: 503, text: "the endpoint reset the request's stream" },
  { code: "OM", status: 503, text: "the proxy is short of memory" },
  { code: "NW", status: 502, text: "the endpoint speaks HTTP/2 and takes no WebSockets" },
  { code: "HL", status: 431, text: "the head is larger than its receiver says it takes" },
]);

const byCode: ReadonlyMap<string, Flag> = new Map(
  flagRows.map((row, flag): [string, Flag] => [row.code, flag as Flag]),
);

export function flagRow(flag: Flag): FlagRow {
  return flagRows[flag] as FlagRow;
}

/** The flag a route's metadata names; None for "" and unknown ones. */
export function flagOfCode(code: string): Flag {
  return byCode.get(code) ?? Flag.None;
}
