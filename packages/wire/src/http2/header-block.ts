// Puts a header block together (RFC 9113 §4.3, §6.10): one HEADERS frame as a rule, then nothing is
// copied; with CONTINUATION frames the pieces are metered as they arrive (http-cases H42).

import type { Http2Limits } from "../limits.ts";
import { Http2Reason } from "./error.ts";
import { FrameFlag, readUint31 } from "./frame.ts";
import type { FrameReader } from "./frame-reader.ts";

export class HeaderBlock {
  readonly #limits: Http2Limits;
  #held: Buffer | null = null;
  #heldBytes = 0;
  #continuations = 0;

  /** Of the block that waits for CONTINUATION, 0 for none. */
  openStreamId = 0;
  openedAtMs = 0;
  isEndStream = false;
  /** The stream was said to depend on itself (RFC 9113 §5.3.1 calls priorities deprecated). */
  dependsOnItself = false;
  /** The block, when `begin` or `add` found its end. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
  }

  /** A HEADERS frame; afterwards the block is whole, or `openStreamId` is set. */
  begin(frame: FrameReader, nowMs: number): Http2Reason {
    let { start, end } = frame;
    const { payload, flags, streamId } = frame;
    if ((flags & FrameFlag.Padded) !== 0) {
      if (start === end) return Http2Reason.BadFrameSize;
      end -= payload[start++] as number;
      if (end < start) return Http2Reason.BadPadding;
    }
    this.dependsOnItself = false;
    if ((flags & FrameFlag.Priority) !== 0) {
      if (end - start < 5) return Http2Reason.BadFrameSize;
      this.dependsOnItself = readUint31(payload, start) === streamId;
      start += 5;
    }
    this.isEndStream = (flags & FrameFlag.EndStream) !== 0;
    this.bytes = payload;
    this.start = start;
    this.end = end;
    if ((flags & FrameFlag.EndHeaders) !== 0) return Http2Reason.None;
    this.openStreamId = streamId;
    this.openedAtMs = nowMs;
    this.#continuations = 0;
    this.#heldBytes = 0;
    return this.#hold(payload, start, end);
  }

  /** A CONTINUATION frame. */
  add(frame: FrameReader): Http2Reason {
    if (++this.#continuations > this.#limits.continuationsMax) {
      return Http2Reason.ContinuationFlood;
    }
    const reason = this.#hold(frame.payload, frame.start, frame.end);
    if (reason !== Http2Reason.None || (frame.flags & FrameFlag.EndHeaders) === 0) return reason;
    this.openStreamId = 0;
    this.bytes = this.#held as Buffer;
    this.start = 0;
    this.end = this.#heldBytes;
    this.#held = null;
    return Http2Reason.None;
  }

  #hold(bytes: Buffer, start: number, end: number): Http2Reason {
    const count = end - start;
    if (this.#heldBytes + count > this.#limits.blockBytesMax) return Http2Reason.HeadTooLarge;
    if (this.#held === null || this.#held.length < this.#heldBytes + count) {
      const grown = Buffer.allocUnsafeSlow(Math.max(4096, (this.#heldBytes + count) * 2));
      this.#held?.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes += count;
    return Http2Reason.None;
  }
}
