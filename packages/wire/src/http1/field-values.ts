// Values that steer a connection, read from their bytes: lengths, token lists, idle times. None
// makes a string.

import { byteAt, COMMA, equalsToken, SP, TAB } from "../bytes.ts";

/**
 * A Content-Length: digits only, at most 2^53-1 (RFC 9110 §8.6, http-cases H04); -1 for anything
 * else.
 */
export function scanLength(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = byteAt(bytes, at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}

/** Whether a comma-separated list has an element that is exactly this lower-case token. */
export function listHasToken(
  bytes: Uint8Array,
  start: number,
  end: number,
  token: string,
): boolean {
  let at = start;
  while (at < end) {
    const next = elementEnd(bytes, at, end);
    const from = skipBlank(bytes, at, next);
    if (equalsToken(bytes, from, trimBlank(bytes, from, next), token)) return true;
    at = next + 1;
  }
  return false;
}

/**
 * `timeout=N` of a Keep-Alive field in milliseconds (RFC 2068 §19.7.1.1), -1 when there is none.
 */
export function scanIdleTimeoutMs(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const next = elementEnd(bytes, at, end);
    const from = skipBlank(bytes, at, next);
    const valueAt = from + "timeout=".length;
    if (
      valueAt < next &&
      equalsToken(bytes, from, valueAt - 1, "timeout") &&
      byteAt(bytes, valueAt - 1) === 0x3d
    ) {
      const seconds = scanLength(bytes, valueAt, trimBlank(bytes, valueAt, next));
      return seconds === -1 || seconds > 86_400 ? -1 : seconds * 1000;
    }
    at = next + 1;
  }
  return -1;
}

function elementEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && byteAt(bytes, at) !== COMMA) at++;
  return at;
}

function skipBlank(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (byteAt(bytes, at) === SP || byteAt(bytes, at) === TAB)) at++;
  return at;
}

function trimBlank(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (byteAt(bytes, at - 1) === SP || byteAt(bytes, at - 1) === TAB)) at--;
  return at;
}
