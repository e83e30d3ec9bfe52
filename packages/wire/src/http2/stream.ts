// One HTTP/2 stream (RFC 9113 §5): first as its user sees it, then what the codec keeps about it.

import type { HeaderList } from "../header-list.ts";
import type { ResponseHead } from "../http1/head.ts";
import type { ContentQueue } from "./content-queue.ts";
import { type Http2Error, Http2Reason } from "./error.ts";
import type { Sender } from "./sender.ts";

export interface Http2Stream {
  readonly id: number;
  /** For the user of the codec: what this stream belongs to. */
  owner: unknown;
  /** The rule that ended it, for `onReset`; None otherwise. */
  readonly reason: Http2Reason;
  /** Neither side can send any more; every method but `consumed` does nothing. */
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
   * same, so a writer that gives chunks of a read's size stays below twice the bound).
   */
  data(bytes: Buffer): boolean;
  /** This side is complete. */
  end(trailers: HeaderList): void;
  /**
   * Gives the stream up; nothing is heard of it any more. NoError after `end`: what the peer still
   * has to say is not wanted; what was given to `data` is sent before.
   */
  reset(code: Http2Error): void;
  /** That much content was dealt with: the peer may send as much again, after a batch. */
  consumed(byteCount: number): void;
}

/** The stream inside the codec; every field is the codec's own business. */
export class StreamState implements Http2Stream {
  readonly id: number;
  readonly #sender: Sender;
  owner: unknown = null;
  reason: Http2Reason = Http2Reason.None;
  isClosed = false;
  /** We have sent, or promised to send, our last frame. */
  isLocalEnd = false;
  isRemoteEnd = false;
  /** Content is a tunnel's: (extended) CONNECT. */
  isTunnel = false;
  /** Extended CONNECT: the protocol asked for, "" otherwise. */
  protocol = "";
  /** The request was refused: nothing but the answer is heard of. */
  isRefused = false;
  /** Client: the request's method, which decides what its response may have. */
  method = "";
  /** The final head was sent (server) or received (client). */
  hasFinalHead = false;
  interimCount = 0;
  /** Content still to come by the declared length, -1 when none was declared. */
  contentLeft = -1;
  receivedBytes = 0;

  /** What we may send, what the peer may still send. */
  sendWindow: number;
  receiveWindow: number;
  /** Content given to the user and not consumed, and consumed but not yet credited. */
  unconsumed = 0;
  credit = 0;

  /** Content that waits for a window or a turn; null until some had to. */
  queue: ContentQueue | null = null;
  /** Trailers to send after the queue, null while there is more to come. */
  pendingTrailers: HeaderList | null = null;
  /** RST_STREAM with NO_ERROR follows our last frame. */
  resetsAtEnd = false;
  isReady = false;
  isWaiting = false;
  /** Since when the queue has not moved, and what moved since. */
  stalledSinceMs = 0;
  movedBytes = 0;

  constructor(id: number, sender: Sender, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.#sender = sender;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  get queuedBytes(): number {
    return this.queue === null ? 0 : this.queue.length;
  }

  respond(head: ResponseHead, isEnd: boolean): void {
    if (!this.isClosed && !this.isLocalEnd) this.#sender.respond(this, head, isEnd);
  }

  data(bytes: Buffer): boolean {
    if (this.isClosed || this.isLocalEnd || this.pendingTrailers !== null) return true;
    return this.#sender.data(this, bytes);
  }

  end(trailers: HeaderList): void {
    if (this.isClosed || this.isLocalEnd || this.pendingTrailers !== null) return;
    this.#sender.end(this, trailers);
  }

  reset(code: Http2Error): void {
    if (!this.isClosed) this.#sender.reset(this, code);
  }

  consumed(byteCount: number): void {
    const count = Math.min(byteCount, this.unconsumed);
    if (count > 0) this.#sender.consumed(this, count);
  }
}
