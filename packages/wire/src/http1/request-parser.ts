// Reads HTTP/1.x requests (RFC 9112).

import type { Http1Limits } from "../limits.ts";
import type { ParseStatus, RequestSink } from "./head.ts";

/** What a listener may decide about the requests it takes. */
export interface RequestParserOptions {
  readonly limits: Http1Limits;
  /** CONNECT is 405 unless set (http-cases H24). */
  readonly allowConnect: boolean;
  /** Methods outside RFC 9110 and PATCH are 501 unless set (H26). */
  readonly allowUnknownMethods: boolean;
  /** Field names with an underscore: kept, dropped, or the request refused (H17). */
  readonly underscoreNames: "keep" | "drop" | "reject";
  /** Refuse %00, %0d%0a and overlong UTF-8 in the query too, not only in the path (H27). */
  readonly strictQuery: boolean;
}

export declare class RequestParser {
  constructor(options?: Partial<RequestParserOptions>);
  /** Bytes of the last fed chunk that were used; all of them unless a message ended or failed inside it. */
  readonly consumed: number;
  /** True between messages: nothing of the next one has arrived. */
  readonly isIdle: boolean;
  /**
   * Takes bytes from offset `start` and stops after one message: when it answers End, feed the same chunk again
   * from `consumed` once the next request may begin (requests are answered in order, H14).
   */
  feed(bytes: Buffer, sink: RequestSink, start?: number): ParseStatus;
  /** The connection ended: End between messages, else Error with Truncated. */
  finish(sink: RequestSink): ParseStatus;
  /** From inside a sink: no more events; feed answers Aborted. */
  abort(): void;
}
