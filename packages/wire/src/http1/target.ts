// The bytes of a request target (RFC 3986 §2, http-cases H27): one scan refuses what only serves to
// get past a check and tells where the query starts and whether the path is normal. Both codecs
// use it.

import { DOT, hexValue, LF, CR, PERCENT, QUESTION, SLASH } from "../bytes.ts";

/** Bytes of a target by what they need: 0 forbidden, 1 nothing, else a look. */
const targetClass = new Uint8Array(256);
const PLAIN = 1;
targetClass.fill(PLAIN, 0x21, 0x7f);
targetClass["#".charCodeAt(0)] = 0;
targetClass["\\".charCodeAt(0)] = 0;
targetClass[SLASH] = 2;
targetClass[QUESTION] = 3;
targetClass[PERCENT] = 4;

/** What the last scan found; read it before the next. */
export interface TargetFacts {
  /** Position of the question mark, -1 when there is none. */
  queryStart: number;
  /** No escape, no empty and no dot segment: normalising would change nothing. */
  isPathNormal: boolean;
}

export const targetFacts: TargetFacts = { queryStart: -1, isPathNormal: true };

/** Position of the first byte after the target, or of the one that must not be in it. */
export function scanTarget(
  bytes: Buffer,
  start: number,
  end: number,
  strictQuery: boolean,
): number {
  let at = start;
  let escape = -1;
  let escapeEnd = -1;
  let isPathNormal = true;
  let queryStart = -1;
  scan: for (;;) {
    while (at < end && targetClass[bytes[at] as number] === PLAIN) at++;
    if (at >= end) break;
    const inPath = queryStart === -1;
    switch (bytes[at]) {
      case SLASH:
        if (inPath && at + 1 < end && (bytes[at + 1] === SLASH || bytes[at + 1] === DOT)) {
          isPathNormal = false;
        }
        at++;
        break;
      case QUESTION:
        if (inPath) queryStart = at;
        at++;
        break;
      case PERCENT: {
        const value = escapedByte(bytes, at, end);
        if (value === -1) break scan;
        const before = escapeEnd === at ? escape : -1;
        if ((inPath || strictQuery) && isForbiddenEscape(value, before, inPath)) break scan;
        if (inPath) isPathNormal = false;
        escape = value;
        at += 3;
        escapeEnd = at;
        break;
      }
      default:
        break scan;
    }
  }
  targetFacts.queryStart = queryStart;
  targetFacts.isPathNormal = isPathNormal;
  return at;
}

/** No escape, no empty and no dot segment: normalising would change nothing. */
export function isPlainPath(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] === PERCENT) return false;
    if (bytes[at] === SLASH && (bytes[at + 1] === SLASH || bytes[at + 1] === DOT)) return false;
  }
  return true;
}

/** The byte that %xx at `at` stands for; -1 when it is malformed or not whole. */
function escapedByte(bytes: Buffer, at: number, end: number): number {
  if (at + 2 >= end) return -1;
  const high = hexValue[bytes[at + 1] as number] as number;
  const low = hexValue[bytes[at + 2] as number] as number;
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/**
 * Escapes that only serve to get past a check (H27): NUL, CRLF, overlong UTF-8, controls in a path.
 */
function isForbiddenEscape(value: number, before: number, inPath: boolean): boolean {
  if (value === 0 || (value === LF && before === CR)) return true;
  if (inPath && (value < 0x20 || value === 0x7f)) return true;
  if (value === 0xc0 || value === 0xc1 || value > 0xf4) return true;
  if (before === 0xe0) return value >= 0x80 && value < 0xa0;
  return before === 0xf0 && value >= 0x80 && value < 0x90;
}
