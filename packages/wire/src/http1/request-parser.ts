// Reads HTTP/1.x requests (RFC 9112). Strict on purpose: whatever two implementations could read
// differently is refused, because the difference is what request smuggling lives on (http-cases
// section 4). A message that arrives whole costs one pass over its bytes and one decoded string.

import { CR, latin1Text, LF, tokenFold, viewOf } from "../bytes.ts";
import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits, type Http1Limits } from "../limits.ts";
import { hostLength, portOf } from "./authority.ts";
import { BodyEvent, BodyReader } from "./body-reader.ts";
import { FieldBlock, type UnderscoreNames } from "./field-block.ts";
import { Framing, ParseStatus, RequestHead, type RequestSink, TargetForm } from "./head.ts";
import { PartialLine } from "./partial-line.ts";
import { RequestLine } from "./request-line.ts";

/** What a listener may decide about the requests it takes. */
export interface RequestParserOptions {
  readonly limits: Http1Limits;
  /** CONNECT is 405 unless set (http-cases H24). */
  readonly allowConnect: boolean;
  /** Methods outside RFC 9110 and PATCH are 501 unless set (H26). */
  readonly allowUnknownMethods: boolean;
  /** Field names with an underscore: kept, dropped, or the request refused (H17). */
  readonly underscoreNames: UnderscoreNames;
  /** Refuse %00, %0d%0a and overlong UTF-8 in the query too, not only in the path (H27). */
  readonly strictQuery: boolean;
}

export const defaultRequestParserOptions: RequestParserOptions = Object.freeze({
  limits: defaultHttp1Limits,
  allowConnect: false,
  allowUnknownMethods: true,
  underscoreNames: "drop",
  strictQuery: true,
});

const Phase = Object.freeze({
  /** Between messages; one empty line may come before the next (RFC 9112 §2.2, H36). */
  Idle: 0,
  /** A CR has come instead of a request line. */
  IdleReturn: 1,
  /** The one tolerated empty line has come. */
  IdleLine: 2,
  Line: 3,
  Fields: 4,
  Body: 5,
  Failed: 6,
  Aborted: 7,
});

export class RequestParser {
  readonly #limits: Http1Limits;
  readonly #line: RequestLine;
  readonly #fields: FieldBlock;
  readonly #body: BodyReader;
  readonly #partial = new PartialLine();
  #phase: number = Phase.Idle;
  #head = new RequestHead();
  /** Where the request line starts in the chunk being fed, -1 when its strings are made already. */
  #lineStart = -1;

  /**
   * Bytes of the last fed chunk that were used; all of them unless a message ended or failed inside
   * it.
   */
  consumed = 0;

  constructor(options: Partial<RequestParserOptions> = defaultRequestParserOptions) {
    const all = { ...defaultRequestParserOptions, ...options };
    this.#limits = all.limits;
    this.#line = new RequestLine({
      lineBytesMax: all.limits.requestLineBytesMax,
      methodBytesMax: all.limits.methodBytesMax,
      allowConnect: all.allowConnect,
      allowUnknownMethods: all.allowUnknownMethods,
      strictQuery: all.strictQuery,
    });
    this.#fields = new FieldBlock(all.limits, "request", all.underscoreNames);
    this.#body = new BodyReader(all.limits, this.#fields);
  }

  /** True between messages: nothing of the next one has arrived. */
  get isIdle(): boolean {
    return this.#phase <= Phase.IdleLine;
  }

  /**
   * Takes bytes from offset `start` and stops after one message: when it answers End, feed the same
   * chunk again from `consumed` once the next request may begin (requests are answered in order,
   * H14).
   */
  feed(bytes: Buffer, sink: RequestSink, start = 0): ParseStatus {
    const end = bytes.length;
    let at = start;
    if (this.#phase < Phase.Line) at = this.#readIdle(bytes, at, end, sink);
    if (this.#phase === Phase.Line) at = this.#readLine(bytes, at, end, sink);
    if (this.#phase === Phase.Fields) at = this.#readFields(bytes, at, end, sink);
    this.consumed = at;
    if (this.#phase === Phase.Body) return this.#readBody(bytes, at, end, sink);
    return this.#outcome();
  }

  /** The connection ended: End between messages, else Error with Truncated (H13). */
  finish(sink: RequestSink): ParseStatus {
    if (this.#phase >= Phase.Failed) return this.#outcome();
    if (this.isIdle) return ParseStatus.End;
    this.#fail(ErrorCode.Truncated, sink);
    return this.#outcome();
  }

  /** From inside a sink: no more events; feed answers Aborted. */
  abort(): void {
    this.#phase = Phase.Aborted;
  }

  #outcome(): ParseStatus {
    if (this.#phase === Phase.Failed) return ParseStatus.Error;
    return this.#phase === Phase.Aborted ? ParseStatus.Aborted : ParseStatus.More;
  }

  #fail(code: ErrorCode, sink: RequestSink): void {
    this.#phase = Phase.Failed;
    this.#partial.clear();
    sink.error(code);
  }

  /** At most one CRLF, then the first byte of a method; anything else is refused at that byte. */
  #readIdle(bytes: Buffer, start: number, end: number, sink: RequestSink): number {
    let at = start;
    while (at < end) {
      const byte = bytes[at] as number;
      if (tokenFold[byte] !== 0 && this.#phase !== Phase.IdleReturn) {
        this.#phase = Phase.Line;
        return at;
      }
      at++;
      if (byte === CR && this.#phase === Phase.Idle) this.#phase = Phase.IdleReturn;
      else if (byte === LF && this.#phase === Phase.IdleReturn) this.#phase = Phase.IdleLine;
      else {
        this.#fail(ErrorCode.BadStart, sink);
        return at;
      }
    }
    return at;
  }

  #readLine(bytes: Buffer, start: number, end: number, sink: RequestSink): number {
    const partial = this.#partial;
    if (partial.length > 0) return this.#readHeldLine(bytes, start, end, sink);
    const stop = this.#line.scan(bytes, start, end);
    if (stop === -1) {
      if (this.#line.error !== ErrorCode.None) this.#fail(this.#line.error, sink);
      else partial.add(bytes, start, end);
      return end;
    }
    this.#lineStart = start;
    this.#beginFields(stop - start);
    return stop;
  }

  /** The request line began in an earlier chunk. */
  #readHeldLine(bytes: Buffer, start: number, end: number, sink: RequestSink): number {
    const partial = this.#partial;
    const lineStop = partial.findStop(bytes, start, end);
    const stop = lineStop === -1 ? end : lineStop;
    const lineBytes = partial.length + stop - start;
    const lineBytesMax = this.#limits.requestLineBytesMax + 2;
    if (lineBytes > lineBytesMax || (lineStop === -1 && lineBytes === lineBytesMax)) {
      this.#fail(ErrorCode.TargetTooLong, sink);
      return stop;
    }
    partial.add(bytes, start, stop);
    if (lineStop === -1) return end;
    if (this.#line.scan(partial.bytes, 0, lineBytes) === -1) {
      this.#fail(this.#line.error, sink);
      return stop;
    }
    this.#beginFields(lineBytes);
    this.#line.fill(this.#head, latin1Text(partial.bytes, 0, lineBytes), 0);
    this.#lineStart = -1;
    partial.clear();
    return stop;
  }

  #beginFields(lineBytes: number): void {
    this.#head = new RequestHead();
    this.#fields.begin(lineBytes);
    this.#phase = Phase.Fields;
  }

  #readFields(bytes: Buffer, start: number, end: number, sink: RequestSink): number {
    const fields = this.#fields;
    const lineStart = this.#lineStart;
    const at = fields.read(bytes, start, end, lineStart === -1 ? start : lineStart);
    if (fields.error !== ErrorCode.None) {
      this.#fail(fields.error, sink);
      return at;
    }
    if (lineStart !== -1) {
      this.#line.fill(this.#head, fields.text, lineStart);
      this.#lineStart = -1;
    }
    if (!fields.isComplete) return at;
    const head = this.#head;
    const code = this.#finishHead(head);
    if (code !== ErrorCode.None) {
      this.#fail(code, sink);
      return at;
    }
    this.#phase = Phase.Body;
    this.#body.begin(head.framing, head.contentLength);
    sink.head(head);
    return at;
  }

  /** All lines are read: the rules that need more than one of them. */
  #finishHead(head: RequestHead): ErrorCode {
    const fields = this.#fields;
    const isHttp11 = head.minorVersion === 1;
    if (fields.isChunked) {
      // RFC 9112 §6.1 (H01, H06).
      if (fields.contentLength !== -1) return ErrorCode.LengthAndTransferEncoding;
      if (!isHttp11) return ErrorCode.TransferEncodingInHttp10;
      head.framing = Framing.Chunked;
    } else if (fields.contentLength !== -1) {
      if (fields.contentLength > this.#limits.bodyBytesMax) return ErrorCode.BodyTooLarge;
      head.framing = Framing.Length;
      head.contentLength = fields.contentLength;
    }
    const hasContent = fields.isChunked || head.contentLength > 0;
    if (hasContent && this.#line.isConnect) return ErrorCode.BodyForbidden;
    const code = this.#finishAuthority(head);
    if (code !== ErrorCode.None) return code;
    head.headers = fields.headers;
    // RFC 9112 §9.3 (H37).
    head.keepAlive = !fields.hasClose && (isHttp11 || fields.hasKeepAlive);
    head.acceptsTrailers = fields.acceptsTrailers;
    // RFC 9110 §10.1.1: only for content, and never from HTTP/1.0 (H18).
    head.expectContinue = fields.expectsContinue && isHttp11 && hasContent;
    // RFC 9110 §7.8, RFC 6455 §4.1 (H29).
    const isUpgrade = fields.hasUpgradeOption && fields.offersWebsocket;
    if (isUpgrade && isHttp11 && !hasContent && head.method === "GET") head.upgrade = "websocket";
    return ErrorCode.None;
  }

  /** Host must be there in HTTP/1.1 and agree with the target (RFC 9112 §3.2, H22, H23). */
  #finishAuthority(head: RequestHead): ErrorCode {
    const fields = this.#fields;
    const packed = fields.hostPacked;
    if (packed === -1) return head.minorVersion === 1 ? ErrorCode.HostMissing : ErrorCode.None;
    const host = fields.hostText.slice(0, hostLength(packed));
    const port = portOf(packed);
    if (head.form === TargetForm.Origin || head.form === TargetForm.Asterisk) {
      head.authority = fields.hostText;
      head.host = host;
      head.port = port;
      return ErrorCode.None;
    }
    if (host !== head.host) return ErrorCode.AuthorityMismatch;
    // A tunnel's Host may leave the port out; elsewhere the scheme says which port that means.
    const isConnect = head.form === TargetForm.Authority;
    const defaultPort = isConnect ? head.port : head.scheme === "https" ? 443 : 80;
    const targetPort = head.port === -1 ? defaultPort : head.port;
    const hostPort = port === -1 ? defaultPort : port;
    return targetPort === hostPort ? ErrorCode.None : ErrorCode.AuthorityMismatch;
  }

  #readBody(bytes: Buffer, start: number, end: number, sink: RequestSink): ParseStatus {
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
          this.#phase = Phase.Idle;
          sink.end(body.trailers);
          return this.#phase === Phase.Idle ? ParseStatus.End : ParseStatus.Aborted;
        case BodyEvent.Error:
          this.#fail(body.error, sink);
          return ParseStatus.Error;
        default:
          return ParseStatus.More;
      }
    }
  }
}
