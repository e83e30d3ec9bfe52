// What a field's value means and whether it may stand in a message (RFC 9113 §8.2, §8.3, http-cases
// H38): decided from its bytes, once, as two numbers, so that a field out of a table costs nothing.
// The strictness is that of HTTP/1.

import { equalsText, fieldContent, SLASH, SP, tokenFold, UNDERSCORE } from "../bytes.ts";
import { NameId } from "../header-names.ts";
import { scanAuthority } from "../http1/authority.ts";
import { scanLength } from "../http1/field-values.ts";
import { findMethod, isForeignMethod } from "../http1/request-line.ts";
import { scanTarget, targetFacts } from "../http1/target.ts";
import { Http2Reason } from "./error.ts";

const pseudoIds = {
  /** A name that is not known. */
  None: -1,
  Method: -2,
  Path: -3,
  Scheme: -4,
  Authority: -5,
  Status: -6,
  Protocol: -7,
  /** Starts with a colon and is none of the above. */
  Unknown: -8,
  /** No field name at all. */
  Invalid: -9,
} as const;

/** In place of the index of a known name. */
export const PseudoId: typeof pseudoIds = Object.freeze(pseudoIds);

/** What `judgeField` found; read it before the next. */
export interface Judgement {
  /**
   * Method: its index in `methods`, or -1. Path: twice the offset of its query plus one (0: none),
   * plus 1 when it is normal. Scheme: 1 for https. Authority and host: packed (authority.ts).
   * Status and content-length: the number. A name that is not known: set by `judgeName`.
   */
  fact: number;
  fault: Http2Reason;
}

const judgement: Judgement = { fact: 0, fault: Http2Reason.None };

/** Id of a pseudo-header's name in [start, end), which starts with a colon. */
export function findPseudo(bytes: Buffer, start: number, end: number): number {
  if (equalsText(bytes, start, end, ":path")) return PseudoId.Path;
  if (equalsText(bytes, start, end, ":authority")) return PseudoId.Authority;
  if (equalsText(bytes, start, end, ":status")) return PseudoId.Status;
  if (equalsText(bytes, start, end, ":method")) return PseudoId.Method;
  if (equalsText(bytes, start, end, ":scheme")) return PseudoId.Scheme;
  return equalsText(bytes, start, end, ":protocol") ? PseudoId.Protocol : PseudoId.Unknown;
}

/** Offset of the query in a path that was judged, -1 without one. */
export function queryOffset(pathFact: number): number {
  return (pathFact >> 1) - 1;
}

export function isNormalPath(pathFact: number): boolean {
  return (pathFact & 1) !== 0;
}

/** Judges the value in [start, end) of the name with that id. */
export function judgeField(
  id: number,
  bytes: Buffer,
  start: number,
  end: number,
  strictQuery: boolean,
): Judgement {
  judgement.fact = 0;
  judgement.fault = Http2Reason.None;
  if (id < PseudoId.None) judgePseudo(id, bytes, start, end, strictQuery);
  else if (!isFieldValue(bytes, start, end)) judgement.fault = Http2Reason.BadFieldValue;
  else if (id >= 0 && id <= NameId.ProxyConnection) judgeOwn(id, bytes, start, end);
  return judgement;
}

/** No control characters, no white space at the edges (RFC 9113 §8.2.1). */
function isFieldValue(bytes: Buffer, start: number, end: number): boolean {
  if (start === end) return true;
  for (let at = start; at < end; at++) if (fieldContent[bytes[at] as number] === 0) return false;
  return (bytes[start] as number) > SP && (bytes[end - 1] as number) > SP;
}

function judgePseudo(
  id: number,
  bytes: Buffer,
  start: number,
  end: number,
  strictQuery: boolean,
): void {
  switch (id) {
    case PseudoId.Path:
      judgePath(bytes, start, end, strictQuery);
      break;
    case PseudoId.Method:
      judgement.fact = findMethod(bytes, start, end);
      if (judgement.fact === -1 && !isForeignMethod(bytes, start, end)) {
        judgement.fault = Http2Reason.BadMethod;
      }
      break;
    case PseudoId.Scheme:
      judgement.fact = equalsText(bytes, start, end, "https") ? 1 : 0;
      if (judgement.fact === 0 && !equalsText(bytes, start, end, "http")) {
        judgement.fault = Http2Reason.BadPseudoField;
      }
      break;
    case PseudoId.Authority:
      judgement.fact = scanAuthority(bytes, start, end);
      if (judgement.fact === -1) judgement.fault = Http2Reason.BadAuthority;
      break;
    case PseudoId.Status:
      judgement.fact = end - start === 3 ? scanLength(bytes, start, end) : -1;
      if (judgement.fact < 100) judgement.fault = Http2Reason.BadStatus;
      break;
    case PseudoId.Protocol:
      if (!isToken(bytes, start, end)) judgement.fault = Http2Reason.BadPseudoField;
      break;
    case PseudoId.Invalid:
      judgement.fault = Http2Reason.BadFieldName;
      break;
    default:
      judgement.fault = Http2Reason.BadPseudoField;
  }
}

/** A path with its query, or "*" (RFC 9113 §8.3.1). */
function judgePath(bytes: Buffer, start: number, end: number, strictQuery: boolean): void {
  const isAsterisk = equalsText(bytes, start, end, "*");
  const isPath = start < end && bytes[start] === SLASH;
  if (!isPath && !isAsterisk) {
    judgement.fault = Http2Reason.BadPath;
    return;
  }
  const stop = scanTarget(bytes, start, end, strictQuery);
  if (stop !== end) judgement.fault = Http2Reason.BadPath;
  const { queryStart, isPathNormal } = targetFacts;
  const query = queryStart === -1 ? 0 : queryStart - start + 1;
  judgement.fact = (query << 1) | (isPathNormal ? 1 : 0);
}

/** The fields that a codec acts on itself. */
function judgeOwn(id: number, bytes: Buffer, start: number, end: number): void {
  switch (id) {
    case NameId.ContentLength:
      judgement.fact = scanLength(bytes, start, end);
      if (judgement.fact === -1) judgement.fault = Http2Reason.BadContentLength;
      break;
    case NameId.Host:
      judgement.fact = scanAuthority(bytes, start, end);
      if (judgement.fact === -1) judgement.fault = Http2Reason.BadAuthority;
      break;
    case NameId.Te:
      // RFC 9113 §8.2.2: nothing but "trailers".
      if (!equalsText(bytes, start, end, "trailers")) judgement.fault = Http2Reason.ConnectionField;
      break;
    case NameId.Expect:
      judgement.fact = equalsText(bytes, start, end, "100-continue") ? 1 : 0;
      break;
    default:
      judgement.fault = Http2Reason.ConnectionField;
  }
}

function isToken(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (tokenFold[bytes[at] as number] === 0) return false;
  return start < end;
}

/** 1 when a name that is not known holds an underscore: its `fact`. */
export function underscoreFact(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === UNDERSCORE) return 1;
  return 0;
}
