// Reads HTTP/1.x responses (RFC 9112).

import type { Http1Limits } from "../limits.ts";
import type { ParseStatus, ResponseSink } from "./head.ts";

export interface ResponseParserOptions {
  readonly limits: Http1Limits;
}

export declare class ResponseParser {
  constructor(options?: Partial<ResponseParserOptions>);
  /** Bytes of the last fed chunk that were used. */
  readonly consumed: number;
  /** True when no response is awaited: bytes now mean the connection must be discarded (H20). */
  readonly isIdle: boolean;
  /** True once the first byte of the awaited response has arrived (H32). */
  readonly hasBegun: boolean;
  /** A request was sent: the next response answers it. `upgradeAsked` permits a 101. */
  expect(method: string, upgradeAsked: boolean): void;
  /**
   * Takes bytes from offset `start`. End: response complete; bytes left over belong to no request, discard the
   * connection. Tunnel: bytes from `consumed` on are opaque. Without `expect`: Error, UnexpectedBytes.
   */
  feed(bytes: Buffer, sink: ResponseSink, start?: number): ParseStatus;
  /** The connection ended: completes a body framed by close, else Error with Truncated (H21). */
  finish(sink: ResponseSink): ParseStatus;
  abort(): void;
}
