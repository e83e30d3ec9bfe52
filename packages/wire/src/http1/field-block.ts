// Reads the field lines of a head or of trailers (RFC 9112 §5) and gathers what framing and
// connection handling need. Bytes are scanned once, into offsets; then all strings of a region are
// cut from one decoded string, which is several times cheaper than decoding each value. Lines are
// judged when their LF is there (partial-line.ts).

import {
  byteAt,
  COLON,
  COMMA,
  CR,
  equalsToken,
  fieldContent,
  latin1Text,
  LF,
  SP,
  TAB,
  tokenFold,
} from "../bytes.ts";
import { ErrorCode } from "../error-code.ts";
import {
  findName,
  flagsOfId,
  flagsOfName,
  hashByte,
  hasUnderscore,
  knownNames,
  NameFlag,
  NameId,
  ownNameCount,
} from "../header-names.ts";
import { type HeaderList, removeHeader } from "../header-list.ts";
import type { Http1Limits } from "../limits.ts";
import { hasUpperCase, scanAuthority } from "./authority.ts";
import { listHasToken, scanIdleTimeoutMs, scanLength } from "./field-values.ts";
import { findLineStop, lineFault, PartialLine } from "./partial-line.ts";

/** Whose fields a block reads; each side acts on other names. */
export type FieldSide = "request" | "response";

/** What becomes of names with an underscore (H17). */
export type UnderscoreNames = "keep" | "drop" | "reject";

/** No limit lets a message have more fields than this. */
const fieldsCeiling = 4096;
/** Fields that one Connection field may name for removal; real ones name two or three. */
const nominatedMax = 32;

/** Offsets of the fields of one region: [id, nameStart, nameEnd, valueStart, valueEnd] each. */
const markSize = 5;
const marks = new Int32Array(markSize * fieldsCeiling);
/**
 * In place of an id: a name that is not known, in lower case, or with upper-case letters to fold.
 */
const unknownName = -1;
const unknownUpperName = -2;

export class FieldBlock {
  readonly #limits: Http1Limits;
  readonly #isRequest: boolean;
  readonly #underscoreNames: UnderscoreNames;
  readonly #partial = new PartialLine();
  #inTrailers = false;
  /** Bytes and lines that head and trailers together may still have (H12, H34). */
  #bytesLeft = 0;
  #linesLeft = 0;
  #markCount = 0;
  #hostStart = 0;
  #hostEnd = 0;

  error: ErrorCode = ErrorCode.None;
  /** The empty line has been read. */
  isComplete = false;
  headers: HeaderList = [];
  /** The region of the last `read` as text, from `textFrom` on. */
  text = "";

  contentLength = -1;
  isChunked = false;
  /** Packed authority of the Host field (authority.ts), -1 when there was none. */
  hostPacked = -1;
  hostText = "";
  hasClose = false;
  hasKeepAlive = false;
  hasUpgradeOption = false;
  offersWebsocket = false;
  acceptsTrailers = false;
  expectsContinue = false;
  idleTimeoutMs = -1;
  /** Fields that Connection names besides those that are always removed. */
  nominated: string[] | null = null;

  constructor(limits: Http1Limits, side: FieldSide, underscoreNames: UnderscoreNames) {
    this.#limits = limits;
    this.#isRequest = side === "request";
    this.#underscoreNames = underscoreNames;
  }

  /** Before the fields of a head whose start line had `lineBytes`. */
  begin(lineBytes: number): void {
    this.#inTrailers = false;
    this.#bytesLeft = this.#limits.headBytesMax - lineBytes;
    this.#linesLeft = Math.min(this.#limits.fieldsMax, fieldsCeiling);
    this.isComplete = false;
    this.headers = [];
    this.contentLength = -1;
    this.isChunked = false;
    this.hostPacked = -1;
    this.hostText = "";
    this.hasClose = false;
    this.hasKeepAlive = false;
    this.hasUpgradeOption = false;
    this.offersWebsocket = false;
    this.acceptsTrailers = false;
    this.expectsContinue = false;
    this.idleTimeoutMs = -1;
    this.nominated = null;
  }

  /** Before the trailers of the message whose head was read last. */
  beginTrailers(): void {
    this.#inTrailers = true;
    this.isComplete = false;
    this.headers = [];
  }

  /** Nothing of the fields has arrived since `begin`. */
  get isEmpty(): boolean {
    return this.#partial.length === 0 && this.headers.length === 0;
  }

  /**
   * Reads lines from [start, end) and answers the position after the last byte used: `end`, unless
   * the block became complete or failed before. `textFrom` lets the caller have earlier bytes in
   * `text` too.
   */
  read(bytes: Buffer, start: number, end: number, textFrom: number): number {
    let at = start;
    if (this.#partial.length > 0) {
      at = this.#readHeldLine(bytes, start, end);
      if (at === end || this.isComplete || this.error !== ErrorCode.None) return at;
    }
    const stop = this.#scan(bytes, at, end);
    if (this.error !== ErrorCode.None) return stop;
    this.#cut(bytes, at === start ? textFrom : at, stop);
    if (this.isComplete) {
      this.#removeNominated();
      return stop;
    }
    if (stop < end) this.#partial.add(bytes, stop, end);
    return end;
  }

  /** Completes the line that began in earlier chunks, and reads it alone. */
  #readHeldLine(bytes: Buffer, start: number, end: number): number {
    const partial = this.#partial;
    const lineStop = partial.findStop(bytes, start, end);
    const stop = lineStop === -1 ? end : lineStop;
    const lineBytes = partial.length + stop - start;
    if (lineBytes > this.#bytesLeft || (lineStop === -1 && lineBytes === this.#bytesLeft)) {
      return this.#fail(ErrorCode.HeadTooLarge, stop);
    }
    partial.add(bytes, start, stop);
    if (lineStop === -1) return end;
    this.#scan(partial.bytes, 0, partial.length);
    if (this.error !== ErrorCode.None) return stop;
    this.#cut(partial.bytes, 0, partial.length);
    partial.clear();
    if (this.isComplete) this.#removeNominated();
    return stop;
  }

  /** Scans whole lines into `marks`; answers the position after the last whole line. */
  #scan(bytes: Buffer, start: number, end: number): number {
    const limit = start + this.#bytesLeft;
    let lineStart = start;
    let at = start;
    this.#markCount = 0;
    for (;;) {
      let hash = 0;
      let upper = 0;
      let folded = 0;
      while (at < end && (folded = tokenFold[bytes[at] as number] as number) !== 0) {
        // hashByte, written out: a loop this hot must not wait for the compiler to inline it.
        hash = Math.imul(hash, 33) ^ folded;
        upper |= folded ^ (bytes[at] as number);
        at++;
      }
      if (at >= end) break;
      const nameEnd = at;
      if (bytes[at] !== COLON || at === lineStart) {
        if (at === lineStart && bytes[at] === CR && at + 1 < end && bytes[at + 1] === LF) {
          return this.#complete(start, at + 2, limit);
        }
        return this.#judge(bytes, start, lineStart, at, end, ErrorCode.BadFieldName);
      }
      at++;
      while (at < end && (bytes[at] === SP || bytes[at] === TAB)) at++;
      const valueStart = at;
      while (at < end && fieldContent[bytes[at] as number] !== 0) at++;
      if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) {
        return this.#judge(bytes, start, lineStart, at, end, ErrorCode.BadFieldValue);
      }
      let valueEnd = at;
      while (valueEnd > valueStart && (bytes[valueEnd - 1] as number) <= SP) valueEnd--;
      at += 2;
      if (at > limit) return this.#fail(ErrorCode.HeadTooLarge, at);
      const code = this.#take(bytes, lineStart, nameEnd, valueStart, valueEnd, hash, upper);
      if (code !== ErrorCode.None) return this.#fail(code, at);
      lineStart = at;
    }
    return this.#pause(start, lineStart, end);
  }

  #complete(start: number, stop: number, limit: number): number {
    if (stop > limit) return this.#fail(ErrorCode.HeadTooLarge, stop);
    this.#bytesLeft -= stop - start;
    this.isComplete = true;
    return stop;
  }

  #fail(code: ErrorCode, stop: number): number {
    this.error = code;
    return stop;
  }

  /** The region ends inside a line, or just before one. */
  #pause(start: number, lineStart: number, end: number): number {
    if (end - start >= this.#bytesLeft) return this.#fail(ErrorCode.HeadTooLarge, end);
    this.#bytesLeft -= lineStart - start;
    return lineStart;
  }

  /** Scanning stopped at `at`, inside a line: says why, as soon as the line is decided. */
  #judge(
    bytes: Buffer,
    start: number,
    lineStart: number,
    at: number,
    end: number,
    otherwise: ErrorCode,
  ): number {
    const stop = findLineStop(bytes, at, end, false);
    if (stop === -1) return this.#pause(start, lineStart, end);
    if (stop - start > this.#bytesLeft) return this.#fail(ErrorCode.HeadTooLarge, stop);
    const fault = lineFault(bytes, at, stop);
    // A control character right where scanning stopped says what it was part of.
    if (fault !== ErrorCode.None && (fault !== ErrorCode.BadFieldValue || stop - at > 1)) {
      return this.#fail(fault, stop);
    }
    const isFolded = at === lineStart && (bytes[at] === SP || bytes[at] === TAB);
    return this.#fail(isFolded ? ErrorCode.FoldedField : otherwise, stop);
  }

  /** One whole field line: acts on it, or marks it for the header list. */
  #take(
    bytes: Buffer,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    hash: number,
    upper: number,
  ): ErrorCode {
    if (--this.#linesLeft < 0) return ErrorCode.TooManyFields;
    let id = findName(bytes, nameStart, nameEnd, hash);
    if (id >= 0) {
      if (this.#inTrailers) {
        if ((flagsOfId(id) & NameFlag.NotInTrailers) !== 0) return ErrorCode.None;
      } else if (id < ownNameCount && (this.#isRequest || !isRequestName(id))) {
        return this.#takeOwn(id, bytes, valueStart, valueEnd);
      }
    } else {
      if (this.#underscoreNames !== "keep" && hasUnderscore(bytes, nameStart, nameEnd)) {
        return this.#underscoreNames === "reject" ? ErrorCode.UnderscoreName : ErrorCode.None;
      }
      id = upper === 0 ? unknownName : unknownUpperName;
    }
    const mark = this.#markCount * markSize;
    marks[mark] = id;
    marks[mark + 1] = nameStart;
    marks[mark + 2] = nameEnd;
    marks[mark + 3] = valueStart;
    marks[mark + 4] = valueEnd;
    this.#markCount++;
    return ErrorCode.None;
  }

  /** A field that only this connection is concerned with, or that frames the message. */
  #takeOwn(id: number, bytes: Buffer, start: number, end: number): ErrorCode {
    switch (id) {
      case NameId.ContentLength:
        // RFC 9112 §6.3 item 5; equal repetitions and lists are refused too (H03).
        if (this.contentLength !== -1) return ErrorCode.RepeatedContentLength;
        this.contentLength = scanLength(bytes, start, end);
        return this.contentLength === -1 ? ErrorCode.BadContentLength : ErrorCode.None;
      case NameId.TransferEncoding:
        // RFC 9112 §6.1: once, and nothing but chunked (H05).
        if (this.isChunked || !equalsToken(bytes, start, end, "chunked")) {
          return ErrorCode.BadTransferEncoding;
        }
        this.isChunked = true;
        return ErrorCode.None;
      case NameId.Host:
        // RFC 9112 §3.2: exactly one (H22).
        if (this.hostPacked !== -1) return ErrorCode.HostRepeated;
        this.hostPacked = scanAuthority(bytes, start, end);
        this.#hostStart = start;
        this.#hostEnd = end;
        return this.hostPacked === -1 ? ErrorCode.BadHost : ErrorCode.None;
      case NameId.Connection:
        return this.#takeConnection(bytes, start, end);
      case NameId.Expect:
        // RFC 9110 §10.1.1 (H18).
        if (this.expectsContinue || !equalsToken(bytes, start, end, "100-continue")) {
          return ErrorCode.ExpectationFailed;
        }
        this.expectsContinue = true;
        return ErrorCode.None;
      case NameId.KeepAlive:
        this.idleTimeoutMs = scanIdleTimeoutMs(bytes, start, end);
        return ErrorCode.None;
      case NameId.Upgrade:
        this.offersWebsocket ||= listHasToken(bytes, start, end, "websocket");
        return ErrorCode.None;
      case NameId.Te:
        this.acceptsTrailers ||= listHasToken(bytes, start, end, "trailers");
        return ErrorCode.None;
      default:
        return ErrorCode.None;
    }
  }

  /**
   * Connection: a list of options, each perhaps the name of a field to remove (RFC 9110 §7.6.1).
   */
  #takeConnection(bytes: Buffer, start: number, end: number): ErrorCode {
    let at = start;
    while (at < end) {
      const first = byteAt(bytes, at);
      if (first === COMMA || first === SP || first === TAB) {
        at++;
        continue;
      }
      const optionStart = at;
      let hash = 0;
      let folded = 0;
      while (at < end && (folded = tokenFold[byteAt(bytes, at)] as number) !== 0) {
        hash = hashByte(hash, folded);
        at++;
      }
      const code = this.#takeOption(bytes, optionStart, at, hash);
      if (code !== ErrorCode.None) return code;
      while (at < end && (bytes[at] === SP || bytes[at] === TAB)) at++;
      if (at < end && bytes[at] !== COMMA) return ErrorCode.BadConnectionOption;
    }
    return ErrorCode.None;
  }

  /** One connection option; fields meant for every recipient must not be named (H16). */
  #takeOption(bytes: Buffer, start: number, end: number, hash: number): ErrorCode {
    if (start === end) return ErrorCode.BadConnectionOption;
    if (equalsToken(bytes, start, end, "close")) {
      this.hasClose = true;
      return ErrorCode.None;
    }
    const id = findName(bytes, start, end, hash);
    if (id === NameId.KeepAlive) this.hasKeepAlive = true;
    else if (id === NameId.Upgrade) this.hasUpgradeOption = true;
    const name = id >= 0 ? (knownNames[id] as string) : lowerText(bytes, start, end);
    const flags = id >= 0 ? flagsOfId(id) : flagsOfName(name);
    if ((flags & NameFlag.Pinned) !== 0) return ErrorCode.BadConnectionOption;
    if (id >= 0 && id < ownNameCount) return ErrorCode.None;
    this.nominated ??= [];
    if (this.nominated.length >= nominatedMax) return ErrorCode.BadConnectionOption;
    this.nominated.push(name);
    return ErrorCode.None;
  }

  /** Cuts the marked fields out of the region [from, stop) as strings. */
  #cut(bytes: Buffer, from: number, stop: number): void {
    const text = from === stop ? "" : latin1Text(bytes, from, stop);
    this.text = text;
    const headers = this.headers;
    const marksEnd = this.#markCount * markSize;
    for (let mark = 0; mark < marksEnd; mark += markSize) {
      const id = marks[mark] as number;
      const value = text.slice(
        (marks[mark + 3] as number) - from,
        (marks[mark + 4] as number) - from,
      );
      if (id >= 0) {
        headers.push(knownNames[id] as string, value);
        continue;
      }
      const nameStart = (marks[mark + 1] as number) - from;
      const written = text.slice(nameStart, (marks[mark + 2] as number) - from);
      const name = id === unknownName ? written : written.toLowerCase();
      if (this.#inTrailers && (flagsOfName(name) & NameFlag.NotInTrailers) !== 0) continue;
      headers.push(name, value);
    }
    if (this.#hostEnd !== 0) {
      const host = text.slice(this.#hostStart - from, this.#hostEnd - from);
      this.hostText = hasUpperCase(this.hostPacked) ? host.toLowerCase() : host;
      this.#hostEnd = 0;
    }
  }

  #removeNominated(): void {
    if (this.nominated === null) return;
    for (const name of this.nominated) removeHeader(this.headers, name);
  }
}

/** Names that mean something to a parser in requests only. */
function isRequestName(id: number): boolean {
  return id === NameId.Host || id === NameId.Expect;
}

function lowerText(bytes: Buffer, start: number, end: number): string {
  return latin1Text(bytes, start, end).toLowerCase();
}
