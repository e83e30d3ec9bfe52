// Host and port (RFC 3986 §3.2, RFC 9110 §4.2, http-cases H22). Stricter than the grammar on
// purpose: a name holds letters, digits, `-`, `.`, `_` and `~` only, user information and an empty
// host or port are refused.

import { byteAt, COLON, DOT, hexValue } from "../bytes.ts";

/** A domain name has at most 253 bytes, an IPv6 literal far fewer. */
const hostBytesMax = 255;

const nameByte = new Uint8Array(128);
for (const sign of "-._~") nameByte[sign.charCodeAt(0)] = 1;
for (let i = 0; i < 26; i++) nameByte[0x41 + i] = nameByte[0x61 + i] = 1;
for (let i = 0; i < 10; i++) nameByte[0x30 + i] = 1;

/**
 * Reads `host[:port]` from [start, end). The answer packs what was found, so that nothing is
 * allocated: see `hostLength`, `portOf`, `hasUpperCase`. -1 when it is malformed.
 */
export function scanAuthority(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  let at = start;
  let upper = 0;
  if (byteAt(bytes, at) === 0x5b) {
    at = scanAddressLiteral(bytes, start, end);
    if (at === -1) return -1;
    // Hexadecimal digits may be upper case; folding them always is cheap because literals are rare.
    upper = 1;
  } else {
    while (at < end) {
      const byte = byteAt(bytes, at);
      if (byte > 127 || nameByte[byte] === 0) break;
      if (byte >= 0x41 && byte <= 0x5a) upper = 1;
      at++;
    }
  }
  const length = at - start;
  if (length === 0 || length > hostBytesMax) return -1;
  const port = at === end ? 0 : scanPort(bytes, at, end);
  return port === -1 ? -1 : (length << 17) | (upper << 16) | port;
}

/** Bytes of the host in a packed authority. */
export function hostLength(packed: number): number {
  return packed >>> 17;
}

/** Port of a packed authority, -1 when it has none. */
export function portOf(packed: number): number {
  const port = packed & 0xffff;
  return port === 0 ? -1 : port;
}

export function hasUpperCase(packed: number): boolean {
  return (packed & 0x10000) !== 0;
}

/** `:port` from `at` to `end`: 1 to 65535 without sign or blank; -1 otherwise. */
function scanPort(bytes: Uint8Array, at: number, end: number): number {
  if (byteAt(bytes, at) !== COLON || end - at < 2 || end - at > 6) return -1;
  let port = 0;
  for (let i = at + 1; i < end; i++) {
    const digit = byteAt(bytes, i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port === 0 || port > 65535 ? -1 : port;
}

/**
 * Position after the `]` of an IPv6 literal, or -1 (RFC 3986 §3.2.2, without IPvFuture and zones).
 */
function scanAddressLiteral(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  let groups = 0;
  let gapAt = -1;
  let digits = 0;
  while (at < end) {
    const byte = byteAt(bytes, at);
    if (byte === 0x5d) {
      if (digits > 0) groups++;
      else if (gapAt !== at) return -1;
      const isWhole = gapAt === -1 ? groups === 8 : groups <= 7;
      return isWhole ? at + 1 : -1;
    }
    if (byte === COLON) {
      if (digits > 0) groups++;
      const isGap = at + 1 < end && byteAt(bytes, at + 1) === COLON;
      if (isGap) {
        if (gapAt !== -1) return -1;
        at += 2;
        gapAt = at;
      } else {
        if (digits === 0) return -1;
        at++;
      }
      digits = 0;
    } else if (byte === DOT) {
      return scanEmbeddedIpv4(bytes, at - digits, end, groups, gapAt !== -1);
    } else {
      if ((hexValue[byte] as number) < 0 || ++digits > 4) return -1;
      at++;
    }
  }
  return -1;
}

/** The last 32 bits of a literal in dotted form, closed by `]`. */
function scanEmbeddedIpv4(
  bytes: Uint8Array,
  start: number,
  end: number,
  groups: number,
  hasGap: boolean,
): number {
  if (hasGap ? groups > 5 : groups !== 6) return -1;
  let at = start;
  for (let part = 0; part < 4; part++) {
    let value = 0;
    const from = at;
    while (at < end && at - from < 3) {
      const digit = byteAt(bytes, at) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    const isPadded = at - from > 1 && byteAt(bytes, from) === 0x30;
    if (at === from || at >= end || value > 255 || isPadded) return -1;
    if (byteAt(bytes, at) !== (part === 3 ? 0x5d : DOT)) return -1;
    at++;
  }
  return at;
}
