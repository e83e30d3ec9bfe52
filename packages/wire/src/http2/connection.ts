// An HTTP/2 connection (RFC 9113), either role, as bytes in and bytes out.

import type { RequestHead } from "../http1/head.ts";
import type { Http2Error, Http2Reason } from "./error.ts";
import type { Http2Options, Http2Role, Http2Sink, Http2Status, PeerSettings } from "./options.ts";
import type { Http2Stream } from "./stream.ts";

/**
 * `new Http2Connection(role, sink, options)`. Its preface and SETTINGS stand in the output at once
 * (`onOutput` is not called for them: take the output when the connection is made).
 */
export type Http2ConnectionConstructor = new (
  role: Http2Role,
  sink: Http2Sink,
  options: Partial<Http2Options>,
) => Http2Connection;

export interface Http2Connection {
  readonly role: Http2Role;
  readonly peerSettings: PeerSettings;
  /** Streams not yet closed on both sides. */
  readonly openStreamCount: number;
  /** Client: requests that may be made now. 0 when going away. */
  readonly streamsAvailable: number;
  /** GOAWAY was sent or received: no new requests. */
  readonly isGoingAway: boolean;
  /** The first SETTINGS of the peer have arrived. */
  readonly isReady: boolean;
  /** Why it failed, for the log; None before. */
  readonly reason: Http2Reason;
  /** Bytes wait in `takeOutput`. */
  readonly hasOutput: boolean;
  /** Queued output is above its bound: stop producing until it was taken. */
  readonly isOutputHigh: boolean;
  /** Takes bytes from the socket; lent. `nowMs` is a monotonic clock. */
  feed(bytes: Buffer, nowMs: number): Http2Status;
  /**
   * What is to be written now, in one piece; its memory is used again from the next call on, so the
   * socket must be done with it by then. Frames of a later turn gather meanwhile.
   */
  takeOutput(): Buffer;
  /** Client: null when GOAWAY, the peer's limit or the end of identifiers forbid another stream. */
  request(head: RequestHead, isEnd: boolean): Http2Stream | null;
  /** First GOAWAY (2^31-1) and a PING; goAwayFinish follows by itself at its answer (H49). */
  goAwayGently(): void;
  /** Second GOAWAY, with the last stream that was taken; later ones are refused. */
  goAwayFinish(): void;
  /** GOAWAY for a fault; every open stream is told by onReset and nothing more is read. */
  goAway(code: Http2Error): void;
  /** Eight bytes that come back by `onPong`. */
  ping(payload: Buffer): void;
  /** To be called about every second: stalled streams, header blocks left open. */
  tick(nowMs: number): Http2Status;
  /** The socket is gone: every open stream is told by onReset. */
  disconnected(): void;
}
