// One HTTP/2 stream as its user sees it (RFC 9113 §5): the answer or the request's content goes in,
// credit for what was consumed comes back.

import type { HeaderList } from "../header-list.ts";
import type { ResponseHead } from "../http1/head.ts";
import type { Http2Error, Http2Reason } from "./error.ts";

export interface Http2Stream {
  readonly id: number;
  /** For the user of the codec: what this stream belongs to. */
  owner: unknown;
  /** The rule that ended it, for `onReset`; None otherwise. */
  readonly reason: Http2Reason;
  /** Neither side can send any more; every method does nothing. */
  readonly isClosed: boolean;
  /** Bytes of content that `data` took and the peer's window did not yet. */
  readonly queuedBytes: number;
  /**
   * Server: an interim or the final head; status 101 answers an extended CONNECT with 200.
   * Throws when a name or value could not be written in HTTP/1 either (http-cases H33).
   */
  respond(head: ResponseHead, isEnd: boolean): void;
  /**
   * Content; copied before it returns. False: wait for `onWritable` (the bytes were taken all the
   * same; a caller that does not wait makes the queue grow beyond its bound).
   */
  data(bytes: Buffer): boolean;
  /** This side is complete. */
  end(trailers: HeaderList): void;
  /** Gives the stream up; nothing is heard of it any more. */
  reset(code: Http2Error): void;
  /** That much content was dealt with: the peer may send as much again, after a batch. */
  consumed(byteCount: number): void;
}
