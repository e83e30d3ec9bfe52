// The field names Weft knows, one row each: what may be done with the field. A name is matched from
// its bytes by a hash and a comparison, so that a known name never costs a new string. The rows
// with a NameId come first: the parser acts on those fields itself.

import { tokenFold, UNDERSCORE } from "./bytes.ts";

const nameIds = {
  ContentLength: 0,
  TransferEncoding: 1,
  Host: 2,
  Connection: 3,
  Expect: 4,
  KeepAlive: 5,
  Upgrade: 6,
  Te: 7,
  ProxyConnection: 8,
  Http2Settings: 9,
  ProxyAuthenticate: 10,
  ProxyAuthorization: 11,
} as const;

/** Names the parser itself acts on; each is the index of its row. */
export const NameId: typeof nameIds = Object.freeze(nameIds);

/** Names with an id below this are the parser's own. */
export const ownNameCount = 12;

const nameFlags = {
  None: 0,
  /** Connection must not remove it (RFC 9110 §7.6.1, http-cases H16). */
  Pinned: 1,
  /** Dropped from trailers (RFC 9110 §6.5.1, H12). */
  NotInTrailers: 2,
} as const;

export const NameFlag: typeof nameFlags = Object.freeze(nameFlags);

const P = nameFlags.Pinned;
const T = nameFlags.NotInTrailers;

const rows: readonly (readonly [name: string, flags: number])[] = [
  ["content-length", P | T],
  ["transfer-encoding", T],
  ["host", P | T],
  ["connection", T],
  ["expect", P | T],
  ["keep-alive", T],
  ["upgrade", T],
  ["te", T],
  ["proxy-connection", T],
  ["http2-settings", T],
  ["proxy-authenticate", T],
  ["proxy-authorization", T],
  ["accept", T],
  ["accept-charset", T],
  ["accept-encoding", T],
  ["accept-language", T],
  ["accept-ranges", T],
  ["access-control-allow-credentials", T],
  ["access-control-allow-headers", T],
  ["access-control-allow-methods", T],
  ["access-control-allow-origin", T],
  ["access-control-expose-headers", T],
  ["access-control-max-age", T],
  ["access-control-request-headers", T],
  ["access-control-request-method", T],
  ["age", T],
  ["allow", T],
  ["alt-svc", T],
  ["authorization", P | T],
  ["baggage", T],
  ["cache-control", P | T],
  ["content-disposition", T],
  ["content-encoding", P | T],
  ["content-language", T],
  ["content-location", T],
  ["content-range", P | T],
  ["content-security-policy", T],
  ["content-type", P | T],
  ["cookie", P | T],
  ["date", P | T],
  ["dnt", T],
  ["etag", 0],
  ["expires", T],
  ["forwarded", P | T],
  ["from", T],
  ["grpc-accept-encoding", T],
  ["grpc-encoding", T],
  ["grpc-message", 0],
  ["grpc-status", 0],
  ["grpc-status-details-bin", 0],
  ["grpc-timeout", P | T],
  ["if-match", T],
  ["if-modified-since", T],
  ["if-none-match", T],
  ["if-range", T],
  ["if-unmodified-since", T],
  ["last-modified", T],
  ["link", T],
  ["location", P | T],
  ["max-forwards", P | T],
  ["origin", P | T],
  ["pragma", T],
  ["priority", T],
  ["range", T],
  ["referer", T],
  ["referrer-policy", T],
  ["retry-after", T],
  ["sec-ch-ua", T],
  ["sec-ch-ua-mobile", T],
  ["sec-ch-ua-platform", T],
  ["sec-fetch-dest", T],
  ["sec-fetch-mode", T],
  ["sec-fetch-site", T],
  ["sec-fetch-user", T],
  ["sec-websocket-accept", P | T],
  ["sec-websocket-extensions", P | T],
  ["sec-websocket-key", P | T],
  ["sec-websocket-protocol", P | T],
  ["sec-websocket-version", P | T],
  ["server", T],
  ["server-timing", 0],
  ["set-cookie", P | T],
  ["strict-transport-security", P | T],
  ["traceparent", P | T],
  ["tracestate", P | T],
  ["trailer", T],
  ["upgrade-insecure-requests", T],
  ["user-agent", T],
  ["vary", T],
  ["via", T],
  ["www-authenticate", P | T],
  ["x-content-type-options", T],
  ["x-forwarded-client-cert", P | T],
  ["x-forwarded-for", P | T],
  ["x-forwarded-host", P | T],
  ["x-forwarded-port", P | T],
  ["x-forwarded-proto", P | T],
  ["x-frame-options", T],
  ["x-powered-by", T],
  ["x-real-ip", P | T],
  ["x-request-id", P | T],
  ["x-requested-with", T],
  ["x-xss-protection", T],
];

/** Known names in the order of their ids. */
export const knownNames: readonly string[] = rows.map((row) => row[0]);

/**
 * Fields that a writer makes from the head's members, in either protocol, or that belong to one
 * hop: in a list they are passed over.
 */
export const writtenFromHead: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);
const flagsById = Uint8Array.from(rows, (row) => row[1]);

/** All names one after another, and where each starts; one more start closes the last. */
const nameBytes = Buffer.from(knownNames.join(""), "latin1");
const nameStarts = new Int32Array(knownNames.length + 1);

const slotMask = 1023;
/** Open addressing: id of the name in each slot, -1 for an empty one. */
const slots = new Int16Array(slotMask + 1).fill(-1);

/** Adds one lower-case byte to the hash of a name. */
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash, 33) ^ byte;
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 10) ^ (hash >>> 20)) & slotMask;
}

for (const [id, name] of knownNames.entries()) {
  nameStarts[id + 1] = (nameStarts[id] as number) + name.length;
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = hashByte(hash, name.charCodeAt(i));
  let slot = slotOf(hash);
  while (slots[slot] !== -1) slot = (slot + 1) & slotMask;
  slots[slot] = id;
}

/** Id of the name in [start, end), whose folded bytes gave `hash`; -1 when it is not known. */
export function findName(bytes: Uint8Array, start: number, end: number, hash: number): number {
  let slot = slotOf(hash);
  for (;;) {
    const id = slots[slot] as number;
    if (id === -1) return -1;
    let known = nameStarts[id] as number;
    if ((nameStarts[id + 1] as number) - known === end - start) {
      let at = start;
      while (at < end && tokenFold[bytes[at] as number] === nameBytes[known]) {
        at++;
        known++;
      }
      if (at === end) return id;
    }
    slot = (slot + 1) & slotMask;
  }
}

/** Flags of a known name. */
export function flagsOfId(id: number): number {
  return flagsById[id] as number;
}

/** Flags of any lower-case name, with `_` read as `-` and the reserved prefixes understood. */
export function flagsOfName(name: string): number {
  const dashed = name.replaceAll("_", "-");
  if (dashed.startsWith("x-weft-") || dashed.startsWith("x-envoy-")) return P | T;
  const id = knownNames.indexOf(dashed);
  if (id !== -1) return flagsOfId(id);
  return dashed.startsWith("x-forwarded-") ? P | T : 0;
}

/** Whether the name in [start, end) holds an underscore (H17). */
export function hasUnderscore(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === UNDERSCORE) return true;
  return false;
}
