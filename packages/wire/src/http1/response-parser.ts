// Reads HTTP/1.x responses (RFC 9112 §4, §6.3; http-cases H01–H11, H19–H21). As strict as the
// request parser: whatever is refused here becomes a 502, and the connection is never used again.

import { equalsText, latin1Text, SP, viewOf } from "../bytes.ts";
import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits, type Http1Limits } from "../limits.ts";
import { BodyEvent, BodyReader } from "./body-reader.ts";
import { FieldBlock } from "./field-block.ts";
import { Framing, ParseStatus, ResponseHead, type ResponseSink } from "./head.ts";
import { lineFault, PartialLine } from "./partial-line.ts";

export interface ResponseParserOptions {
  readonly limits: Http1Limits;
}

const Phase = Object.freeze({
  /** No request is outstanding. */
  Idle: 0,
  /** Before the first byte of a status line. */
  Start: 1,
  Line: 2,
  Fields: 3,
  Body: 4,
  Failed: 5,
  Aborted: 6,
});

/** "HTTP/1.1 200" and its CRLF; the reason phrase comes on top. */
const statusEnd = 12;

export class ResponseParser {
  readonly #limits: Http1Limits;
  readonly #fields: FieldBlock;
  readonly #body: BodyReader;
  readonly #partial = new PartialLine();
  #phase: number = Phase.Idle;
  #head = new ResponseHead();
  #method = "";
  #isUpgradeAsked = false;
  #interimCount = 0;
  #isTunnel = false;

  /** Bytes of the last fed chunk that were used. */
  consumed = 0;

  constructor(options: Partial<ResponseParserOptions> = {}) {
    this.#limits = options.limits ?? defaultHttp1Limits;
    this.#fields = new FieldBlock(this.#limits, "response", "keep");
    this.#body = new BodyReader(this.#limits, this.#fields);
  }

  /** True when no response is awaited: bytes now mean the connection must be discarded (H20). */
  get isIdle(): boolean {
    return this.#phase === Phase.Idle;
  }

  /** True once a byte of the awaited response has arrived (H32). */
  get hasBegun(): boolean {
    return this.#phase > Phase.Start || this.#interimCount > 0;
  }

  /** A request was sent: the next final response answers it. `isUpgradeAsked` permits a 101. */
  expect(method: string, isUpgradeAsked: boolean): void {
    if (this.#phase !== Phase.Idle) throw new Error("the response before this one is not complete");
    this.#method = method;
    this.#isUpgradeAsked = isUpgradeAsked;
    this.#interimCount = 0;
    this.#phase = Phase.Start;
  }

  /**
   * Takes bytes from offset `start`. End: the response is complete; bytes left over belong to no
   * request, discard the connection. Tunnel: bytes from `consumed` on are opaque. Without `expect`:
   * Error, UnexpectedBytes.
   */
  feed(bytes: Buffer, sink: ResponseSink, start = 0): ParseStatus {
    const end = bytes.length;
    let at = start;
    this.consumed = start;
    if (this.#phase === Phase.Idle && at < end) this.#fail(ErrorCode.UnexpectedBytes, sink);
    // Interim responses (H19) come before the final one, any number of them in one chunk.
    while (at < end && this.#phase < Phase.Body) {
      if (this.#phase === Phase.Start) this.#readStart(bytes, at, sink);
      if (this.#phase === Phase.Line) at = this.#readLine(bytes, at, end, sink);
      if (this.#phase === Phase.Fields) at = this.#readFields(bytes, at, end, sink);
    }
    this.consumed = at;
    if (this.#phase === Phase.Body) return this.#readBody(bytes, at, end, sink);
    return this.#outcome();
  }

  /** The connection ended: completes content framed by close, else Error with Truncated (H21). */
  finish(sink: ResponseSink): ParseStatus {
    if (this.#phase >= Phase.Failed) return this.#outcome();
    if (this.#phase === Phase.Idle) return ParseStatus.End;
    if (this.#phase === Phase.Body && this.#body.endsAtClose) {
      this.#phase = Phase.Idle;
      sink.end([]);
      return ParseStatus.End;
    }
    this.#fail(ErrorCode.Truncated, sink);
    return ParseStatus.Error;
  }

  /** From inside a sink: no more events; feed answers Aborted. */
  abort(): void {
    this.#phase = Phase.Aborted;
  }

  #outcome(): ParseStatus {
    if (this.#phase === Phase.Failed) return ParseStatus.Error;
    return this.#phase === Phase.Aborted ? ParseStatus.Aborted : ParseStatus.More;
  }

  #fail(code: ErrorCode, sink: ResponseSink): void {
    this.#phase = Phase.Failed;
    this.#partial.clear();
    sink.error(code);
  }

  #readStart(bytes: Buffer, at: number, sink: ResponseSink): void {
    if (bytes[at] === 0x48) this.#phase = Phase.Line;
    else this.#fail(ErrorCode.BadStatusLine, sink);
  }

  /** The status line, which is judged as soon as it is decided. */
  #readLine(bytes: Buffer, start: number, end: number, sink: ResponseSink): number {
    const partial = this.#partial;
    const lineBytesMax = this.#limits.requestLineBytesMax + 2;
    const lineStop = partial.findStop(bytes, start, end);
    const stop = lineStop === -1 ? end : lineStop;
    const lineBytes = partial.length + stop - start;
    if (lineBytes > lineBytesMax || (lineStop === -1 && lineBytes === lineBytesMax)) {
      this.#fail(ErrorCode.HeadTooLarge, sink);
      return stop;
    }
    if (lineStop === -1) {
      partial.add(bytes, start, end);
      return end;
    }
    let code: ErrorCode;
    this.#head = new ResponseHead();
    if (partial.length === 0) code = parseStatusLine(bytes, start, stop, this.#head);
    else {
      partial.add(bytes, start, stop);
      code = parseStatusLine(partial.bytes, 0, lineBytes, this.#head);
      partial.clear();
    }
    if (code === ErrorCode.None) {
      this.#phase = Phase.Fields;
      this.#fields.begin(lineBytes);
    } else this.#fail(code, sink);
    return stop;
  }

  #readFields(bytes: Buffer, start: number, end: number, sink: ResponseSink): number {
    const fields = this.#fields;
    const at = fields.read(bytes, start, end, start);
    let code = fields.error;
    if (code === ErrorCode.None) {
      if (!fields.isComplete) return at;
      code = this.#finishHead(this.#head);
    }
    if (code !== ErrorCode.None) {
      this.#fail(code, sink);
      return at;
    }
    const head = this.#head;
    if (head.status < 200 && head.status !== 101) {
      this.#interimCount++;
      this.#phase = Phase.Start;
    } else {
      this.#body.begin(head.framing, head.contentLength);
      this.#phase = Phase.Body;
    }
    sink.head(head);
    return at;
  }

  /** All lines are read: framing and reuse (RFC 9112 §6.3, §9.3). */
  #finishHead(head: ResponseHead): ErrorCode {
    const fields = this.#fields;
    const status = head.status;
    const isHttp11 = head.minorVersion === 1;
    if (fields.isChunked) {
      if (fields.contentLength !== -1) return ErrorCode.LengthAndTransferEncoding;
      if (!isHttp11) return ErrorCode.TransferEncodingInHttp10;
    }
    head.headers = fields.headers;
    head.keepAlive = !fields.hasClose && (isHttp11 || fields.hasKeepAlive);
    head.keepAliveTimeoutMs = fields.idleTimeoutMs;
    this.#isTunnel =
      status === 101 || (this.#method === "CONNECT" && status >= 200 && status < 300);
    if (status === 101) {
      const isSwitched = fields.hasUpgradeOption && fields.offersWebsocket;
      if (!this.#isUpgradeAsked || !isSwitched || !isHttp11) return ErrorCode.UnexpectedUpgrade;
      head.upgrade = "websocket";
      return ErrorCode.None;
    }
    if (status < 200) {
      return this.#interimCount < this.#limits.interimMax
        ? ErrorCode.None
        : ErrorCode.TooManyInterim;
    }
    if (status === 204 || this.#isTunnel) return ErrorCode.None;
    head.contentLength = fields.contentLength;
    if (this.#method === "HEAD" || status === 304) return ErrorCode.None;
    return this.#finishFraming(head);
  }

  /** A response that may have content. */
  #finishFraming(head: ResponseHead): ErrorCode {
    if (head.status === 205 && head.contentLength === -1) {
      // It has no content (RFC 9110 §15.3.6), but nothing proves that its sender agrees (H20): what
      // follows is not read.
      head.contentLength = 0;
      head.keepAlive = false;
    } else if (this.#fields.isChunked) head.framing = Framing.Chunked;
    else if (head.contentLength !== -1) {
      head.framing = Framing.Length;
      if (head.contentLength > this.#limits.bodyBytesMax) return ErrorCode.BodyTooLarge;
      if (head.status === 205 && head.contentLength > 0) return ErrorCode.BodyForbidden;
    } else {
      head.framing = Framing.Close;
      head.keepAlive = false;
    }
    return ErrorCode.None;
  }

  #readBody(bytes: Buffer, start: number, end: number, sink: ResponseSink): ParseStatus {
    const body = this.#body;
    let at = start;
    for (;;) {
      const event = body.next(bytes, at, end);
      at = body.at;
      this.consumed = at;
      switch (event) {
        case BodyEvent.Data:
          sink.data(viewOf(bytes, body.dataStart, body.dataEnd));
          if (this.#phase !== Phase.Body) return ParseStatus.Aborted;
          break;
        case BodyEvent.End:
          return this.#finishBody(sink);
        case BodyEvent.Error:
          this.#fail(body.error, sink);
          return ParseStatus.Error;
        default:
          return ParseStatus.More;
      }
    }
  }

  #finishBody(sink: ResponseSink): ParseStatus {
    this.#phase = Phase.Idle;
    this.#interimCount = 0;
    sink.end(this.#body.trailers);
    if (this.#phase !== Phase.Idle) return ParseStatus.Aborted;
    return this.#isTunnel ? ParseStatus.Tunnel : ParseStatus.End;
  }
}

/**
 * HTTP-version SP 3DIGIT [SP reason] CRLF in [start, stop); a missing last SP is common and
 * harmless.
 */
function parseStatusLine(
  bytes: Buffer,
  start: number,
  stop: number,
  head: ResponseHead,
): ErrorCode {
  const fault = lineFault(bytes, start, stop);
  if (fault !== ErrorCode.None) return fault;
  const end = stop - 2;
  const afterVersion = start + 8;
  const afterStatus = start + statusEnd;
  if (afterStatus > end || bytes[afterVersion] !== SP) return ErrorCode.BadStatusLine;
  if (equalsText(bytes, start, afterVersion, "HTTP/1.1")) head.minorVersion = 1;
  else if (equalsText(bytes, start, afterVersion, "HTTP/1.0")) head.minorVersion = 0;
  else return ErrorCode.VersionUnsupported;
  let status = 0;
  for (let at = afterVersion + 1; at < afterStatus; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return ErrorCode.BadStatusLine;
    status = status * 10 + digit;
  }
  if (status < 100 || status > 599) return ErrorCode.BadStatusLine;
  head.status = status;
  if (afterStatus === end) return ErrorCode.None;
  if (bytes[afterStatus] !== SP) return ErrorCode.BadStatusLine;
  const isOk = equalsText(bytes, afterStatus + 1, end, "OK");
  head.reason = isOk ? "OK" : latin1Text(bytes, afterStatus + 1, end);
  return ErrorCode.None;
}
