// The request line: method, target, version (RFC 9112 §3; http-cases H24–H27, H36). The line is
// scanned once; what a proxy routes by (path, query, authority) is known afterwards without looking
// at the target again.

import {
  ASTERISK,
  COLON,
  CR,
  DOT,
  equalsText,
  equalsToken,
  HYPHEN,
  LF,
  QUESTION,
  SLASH,
  SP,
  tokenFold,
  UNDERSCORE,
} from "../bytes.ts";
import { ErrorCode } from "../error-code.ts";
import { hasUpperCase, hostLength, portOf, scanAuthority } from "./authority.ts";
import { type RequestHead, TargetForm } from "./head.ts";
import { findLineStop, lineFault } from "./partial-line.ts";
import { isPlainPath, scanTarget, targetFacts } from "./target.ts";

/** What the line's rules depend on. */
export interface RequestLineRules {
  readonly lineBytesMax: number;
  readonly methodBytesMax: number;
  readonly allowConnect: boolean;
  readonly allowUnknownMethods: boolean;
  readonly strictQuery: boolean;
}

/** Methods of RFC 9110 §9.3 and RFC 5789, the frequent ones first. */
export const methods: readonly string[] = [
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "HEAD",
  "PATCH",
  "OPTIONS",
  "CONNECT",
  "TRACE",
];
const connectMethod = methods.indexOf("CONNECT");
const optionsMethod = methods.indexOf("OPTIONS");

export class RequestLine {
  readonly #rules: RequestLineRules;
  #method = -1;
  #methodStart = 0;
  #methodEnd = 0;
  #targetStart = 0;
  #targetEnd = 0;
  #pathStart = 0;
  #queryStart = 0;
  #authorityStart = 0;
  #authorityEnd = 0;
  #authorityPacked = -1;
  #form: TargetForm = TargetForm.Origin;
  #scheme = "";
  #isPathNormal = true;
  #minorVersion: 0 | 1 = 1;

  error: ErrorCode = ErrorCode.None;

  constructor(rules: RequestLineRules) {
    this.#rules = rules;
  }

  get isConnect(): boolean {
    return this.#method === connectMethod;
  }

  /**
   * Position after the line in [start, end); -1 when it is not whole yet, or when `error` was set.
   */
  scan(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && tokenFold[bytes[at] as number] !== 0) at++;
    this.#methodStart = start;
    this.#methodEnd = at;
    if (at >= end || bytes[at] !== SP) {
      return this.#judge(bytes, start, at, end, ErrorCode.BadMethod);
    }
    at++;
    this.#targetStart = at;
    at = scanTarget(bytes, at, end, this.#rules.strictQuery);
    this.#queryStart = targetFacts.queryStart;
    this.#isPathNormal = targetFacts.isPathNormal;
    this.#targetEnd = at;
    if (at >= end || bytes[at] !== SP || at === this.#targetStart) {
      return this.#judge(bytes, start, at, end, ErrorCode.BadTarget);
    }
    const versionStart = at + 1;
    at = versionStart + 8;
    if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) {
      return this.#judgeVersion(bytes, start, versionStart, end);
    }
    if (equalsText(bytes, versionStart, at, "HTTP/1.1")) this.#minorVersion = 1;
    else if (equalsText(bytes, versionStart, at, "HTTP/1.0")) this.#minorVersion = 0;
    else return this.#judgeVersion(bytes, start, versionStart, end);
    if (at - start > this.#rules.lineBytesMax) return this.#fail(ErrorCode.TargetTooLong);
    this.error = this.#checkLine(bytes);
    return this.error === ErrorCode.None ? at + 2 : -1;
  }

  /**
   * Writes what the last scan found into `head`; `text` is the line decoded, from offset `base` on.
   */
  fill(head: RequestHead, text: string, base: number): void {
    head.method =
      this.#method >= 0
        ? (methods[this.#method] as string)
        : text.slice(this.#methodStart - base, this.#methodEnd - base);
    head.minorVersion = this.#minorVersion;
    head.form = this.#form;
    head.scheme = this.#scheme;
    head.target = text.slice(this.#targetStart - base, this.#targetEnd - base);
    head.isPathNormal = this.#isPathNormal;
    const pathEnd = this.#queryStart === -1 ? this.#targetEnd : this.#queryStart;
    if (this.#form !== TargetForm.Authority) {
      const path = text.slice(this.#pathStart - base, pathEnd - base);
      head.path = path === "" ? this.#emptyPath() : path;
      head.query =
        this.#queryStart === -1 ? "" : text.slice(pathEnd - base, this.#targetEnd - base);
    }
    if (this.#authorityPacked === -1) return;
    const authority = text.slice(this.#authorityStart - base, this.#authorityEnd - base);
    const isLower = !hasUpperCase(this.#authorityPacked);
    head.authority = isLower ? authority : authority.toLowerCase();
    head.host = head.authority.slice(0, hostLength(this.#authorityPacked));
    head.port = portOf(this.#authorityPacked);
  }

  /** Path of an absolute-form target that has none (RFC 9110 §4.2.3, RFC 9112 §3.2.4). */
  #emptyPath(): string {
    return this.#method === optionsMethod && this.#queryStart === -1 ? "*" : "/";
  }

  /**
   * A whole, well-formed line: whether method and target fit together (RFC 9112 §3.2, H24, H26).
   */
  #checkLine(bytes: Buffer): ErrorCode {
    const first = bytes[this.#targetStart];
    this.#method = findMethod(bytes, this.#methodStart, this.#methodEnd);
    this.#authorityPacked = -1;
    this.#scheme = "";
    if (this.#method === -1) {
      const length = this.#methodEnd - this.#methodStart;
      if (length > this.#rules.methodBytesMax) return ErrorCode.MethodTooLong;
      if (!isForeignMethod(bytes, this.#methodStart, this.#methodEnd)) return ErrorCode.BadMethod;
      if (!this.#rules.allowUnknownMethods) return ErrorCode.MethodUnknown;
    } else if (this.#method === connectMethod) {
      return this.#rules.allowConnect ? this.#checkAuthority(bytes) : ErrorCode.ConnectRefused;
    }
    this.#pathStart = this.#targetStart;
    if (first === SLASH) {
      this.#form = TargetForm.Origin;
      return ErrorCode.None;
    }
    if (first === ASTERISK) {
      this.#form = TargetForm.Asterisk;
      const isAlone = this.#targetEnd - this.#targetStart === 1;
      return isAlone && this.#method === optionsMethod ? ErrorCode.None : ErrorCode.BadTargetForm;
    }
    return this.#checkAbsolute(bytes);
  }

  /** The target of CONNECT: host and port, both required (RFC 9112 §3.2.3). */
  #checkAuthority(bytes: Buffer): ErrorCode {
    this.#form = TargetForm.Authority;
    this.#isPathNormal = true;
    this.#authorityStart = this.#targetStart;
    this.#authorityEnd = this.#targetEnd;
    this.#authorityPacked = scanAuthority(bytes, this.#targetStart, this.#targetEnd);
    const isWhole = this.#authorityPacked !== -1 && portOf(this.#authorityPacked) !== -1;
    return isWhole ? ErrorCode.None : ErrorCode.BadTargetForm;
  }

  /** http(s)://authority[/path][?query] (RFC 9112 §3.2.2). */
  #checkAbsolute(bytes: Buffer): ErrorCode {
    const start = this.#targetStart;
    const end = this.#targetEnd;
    let colonAt = start;
    while (colonAt < end && bytes[colonAt] !== COLON) colonAt++;
    if (equalsToken(bytes, start, colonAt, "http")) this.#scheme = "http";
    else if (equalsToken(bytes, start, colonAt, "https")) this.#scheme = "https";
    else return ErrorCode.BadTargetForm;
    const authorityStart = colonAt + 3;
    if (authorityStart >= end || !equalsText(bytes, colonAt, authorityStart, "://")) {
      return ErrorCode.BadTargetForm;
    }
    let at = authorityStart;
    while (at < end && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++;
    this.#form = TargetForm.Absolute;
    this.#authorityStart = authorityStart;
    this.#authorityEnd = at;
    this.#authorityPacked = scanAuthority(bytes, authorityStart, at);
    this.#pathStart = at;
    const pathEnd = this.#queryStart === -1 ? end : this.#queryStart;
    this.#isPathNormal = isPlainPath(bytes, at, pathEnd);
    return this.#authorityPacked === -1 ? ErrorCode.BadHost : ErrorCode.None;
  }

  #fail(code: ErrorCode): number {
    this.error = code;
    return -1;
  }

  /** Scanning stopped at `at`: says why, as soon as the line is decided or too long. */
  #judge(bytes: Buffer, start: number, at: number, end: number, otherwise: ErrorCode): number {
    const stop = findLineStop(bytes, at, end, false);
    const lineBytesMax = this.#rules.lineBytesMax + 2;
    if (stop === -1) return end - start < lineBytesMax ? -1 : this.#fail(ErrorCode.TargetTooLong);
    if (stop - start > lineBytesMax) return this.#fail(ErrorCode.TargetTooLong);
    const fault = lineFault(bytes, at, stop);
    if (fault === ErrorCode.None) {
      // The line ends too early (HTTP/0.9, H25) or a blank is doubled (H36).
      const isShort = at === stop - 2 || bytes[at] === SP;
      return this.#fail(isShort ? ErrorCode.BadRequestLine : otherwise);
    }
    return this.#fail(fault === ErrorCode.BadFieldValue ? otherwise : fault);
  }

  /**
   * Neither HTTP/1.1 nor HTTP/1.0 and CRLF follow the target: 505 for a version, 400 for the rest.
   */
  #judgeVersion(bytes: Buffer, start: number, versionStart: number, end: number): number {
    const stop = findLineStop(bytes, versionStart, end, false);
    const isKnown = stop !== -1 && isVersion(bytes, versionStart, stop - 2);
    const code = isKnown ? ErrorCode.VersionUnsupported : ErrorCode.BadVersion;
    return this.#judge(bytes, start, versionStart, end, code);
  }
}

/** Index in `methods`, or -1; methods are case-sensitive (RFC 9110 §9.1). */
export function findMethod(bytes: Buffer, start: number, end: number): number {
  for (let i = 0; i < methods.length; i++) {
    if (equalsText(bytes, start, end, methods[i] as string)) return i;
  }
  return -1;
}

/**
 * Whether a method that is none of `methods` may be passed on. Of all tokens only those that
 * methods are made of: a "get" is GET to a reader that folds, and another method to our rules. PRI
 * begins HTTP/2 (RFC 9113 §3.4).
 */
export function isForeignMethod(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    const isLetter = byte >= 0x41 && byte <= 0x5a;
    if (!isLetter && byte !== HYPHEN && byte !== UNDERSCORE) return false;
  }
  return start < end && !equalsText(bytes, start, end, "PRI");
}

/** "HTTP/" DIGIT "." DIGIT (RFC 9112 §2.3). */
function isVersion(bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== 8 || !equalsText(bytes, start, start + 5, "HTTP/")) return false;
  const major = bytes[start + 5] as number;
  const minor = bytes[start + 7] as number;
  return isDigit(major) && bytes[start + 6] === DOT && isDigit(minor);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
