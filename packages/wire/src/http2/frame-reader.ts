// Cuts bytes into frames (RFC 9113 §4.1). Content is handed on as it comes; every other frame is
// handed on whole, from the chunk it stands in when it arrived at once, so that most are never
// copied.

import { Http2Reason } from "./error.ts";
import { FrameFlag, FrameType, frameBytesMin, frameHeadBytes, readUint31 } from "./frame.ts";

const frameEvents = {
  /** All bytes are used. */
  None: 0,
  /** A whole frame that is not DATA; `payload` holds it from `start` to `end`. */
  Frame: 1,
  /** The head of a DATA frame. */
  DataBegin: 2,
  /** Content in the fed bytes, from `start` to `end`. */
  Data: 3,
  DataEnd: 4,
  /** The head of a frame of unknown type; its payload is passed over. */
  Unknown: 5,
  /** `error` says why nothing more is read. */
  Error: 6,
} as const;
export const FrameEvent: typeof frameEvents = Object.freeze(frameEvents);
export type FrameEvent = (typeof FrameEvent)[keyof typeof FrameEvent];

const Phase = Object.freeze({ Head: 0, Payload: 1, PadLength: 2, Content: 3, Padding: 4, Skip: 5 });

const nothing = Buffer.alloc(0);
const heldBytesMin = 64;

export class FrameReader {
  #phase: number = Phase.Head;
  /** The part of a head or a payload that came in earlier chunks; its memory when one does. */
  #held: Buffer = nothing;
  #heldBytes = 0;
  /** Bytes of content, padding or unknown payload still to come. */
  #left = 0;

  type = 0;
  flags = 0;
  streamId = 0;
  /** Of the whole payload, as flow control counts it. */
  length = 0;
  /** DATA: content without padding. */
  contentBytes = 0;
  payload: Buffer = nothing;
  start = 0;
  end = 0;
  /** Position after the bytes used. */
  at = 0;
  error: Http2Reason = Http2Reason.None;

  /** The next event in [at, end). */
  next(bytes: Buffer, at: number, end: number): FrameEvent {
    this.at = at;
    switch (this.#phase) {
      case Phase.Head:
        return this.#readHead(bytes, end);
      case Phase.Payload:
        return this.#readPayload(bytes, end);
      case Phase.PadLength:
        return this.#readPadLength(bytes, end);
      case Phase.Content:
        return this.#readContent(bytes, end);
      case Phase.Padding:
        return this.#readPadding(end);
      default:
        return this.#skip(bytes, end);
    }
  }

  #readHead(bytes: Buffer, end: number): FrameEvent {
    const { at } = this;
    if (this.#heldBytes === 0 && end - at >= frameHeadBytes) {
      this.at = at + frameHeadBytes;
      return this.#takeHead(bytes, at, end);
    }
    const count = Math.min(end - at, frameHeadBytes - this.#heldBytes);
    this.#makeRoom(frameHeadBytes);
    bytes.copy(this.#held, this.#heldBytes, at, at + count);
    this.#heldBytes += count;
    this.at = at + count;
    if (this.#heldBytes < frameHeadBytes) return FrameEvent.None;
    this.#heldBytes = 0;
    return this.#takeHead(this.#held, 0, end, bytes);
  }

  /** Called before anything is held. */
  #makeRoom(byteCount: number): void {
    if (this.#held.length < byteCount) {
      this.#held = Buffer.allocUnsafeSlow(Math.max(heldBytesMin, byteCount));
    }
  }

  /** Keeps no memory that no frame has begun to need; `payload` is used no more. */
  rest(): void {
    if (this.#heldBytes > 0 || this.#phase === Phase.Payload) return;
    this.#held = nothing;
    this.payload = nothing;
  }

  #takeHead(head: Buffer, at: number, end: number, bytes: Buffer = head): FrameEvent {
    this.length =
      ((head[at] as number) << 16) | ((head[at + 1] as number) << 8) | (head[at + 2] as number);
    this.type = head[at + 3] as number;
    this.flags = head[at + 4] as number;
    this.streamId = readUint31(head, at + 5);
    if (this.length > frameBytesMin) return this.#fail(Http2Reason.FrameTooLarge);
    if (this.type === FrameType.Data) return this.#beginData(bytes, end);
    if (this.type > FrameType.Continuation) {
      this.#left = this.length;
      this.#phase = this.length === 0 ? Phase.Head : Phase.Skip;
      return FrameEvent.Unknown;
    }
    if (this.length <= end - this.at) {
      this.payload = bytes;
      this.start = this.at;
      this.end = this.at += this.length;
      return FrameEvent.Frame;
    }
    this.#phase = Phase.Payload;
    this.#makeRoom(this.length);
    return this.#readPayload(bytes, end);
  }

  #fail(reason: Http2Reason): FrameEvent {
    this.error = reason;
    return FrameEvent.Error;
  }

  #readPayload(bytes: Buffer, end: number): FrameEvent {
    const count = Math.min(end - this.at, this.length - this.#heldBytes);
    bytes.copy(this.#held, this.#heldBytes, this.at, this.at + count);
    this.#heldBytes += count;
    this.at += count;
    if (this.#heldBytes < this.length) return FrameEvent.None;
    this.payload = this.#held;
    this.start = 0;
    this.end = this.length;
    this.#heldBytes = 0;
    this.#phase = Phase.Head;
    return FrameEvent.Frame;
  }

  #beginData(bytes: Buffer, end: number): FrameEvent {
    if ((this.flags & FrameFlag.Padded) !== 0) {
      if (this.length === 0) return this.#fail(Http2Reason.BadFrameSize);
      this.#phase = Phase.PadLength;
      return this.#readPadLength(bytes, end);
    }
    this.contentBytes = this.#left = this.length;
    this.#phase = Phase.Content;
    return FrameEvent.DataBegin;
  }

  /** RFC 9113 §6.1: padding as long as the payload or longer is an error. */
  #readPadLength(bytes: Buffer, end: number): FrameEvent {
    if (this.at === end) return FrameEvent.None;
    const padding = bytes[this.at++] as number;
    this.contentBytes = this.#left = this.length - 1 - padding;
    if (this.contentBytes < 0) return this.#fail(Http2Reason.BadPadding);
    this.#phase = Phase.Content;
    return FrameEvent.DataBegin;
  }

  #readContent(bytes: Buffer, end: number): FrameEvent {
    if (this.#left === 0) {
      const isPadded = (this.flags & FrameFlag.Padded) !== 0;
      this.#left = isPadded ? this.length - 1 - this.contentBytes : 0;
      this.#phase = Phase.Padding;
      return this.#readPadding(end);
    }
    const count = Math.min(end - this.at, this.#left);
    if (count === 0) return FrameEvent.None;
    this.#left -= count;
    this.payload = bytes;
    this.start = this.at;
    this.end = this.at += count;
    return FrameEvent.Data;
  }

  #readPadding(end: number): FrameEvent {
    const count = Math.min(end - this.at, this.#left);
    this.#left -= count;
    this.at += count;
    if (this.#left > 0) return FrameEvent.None;
    this.#phase = Phase.Head;
    return FrameEvent.DataEnd;
  }

  #skip(bytes: Buffer, end: number): FrameEvent {
    const count = Math.min(end - this.at, this.#left);
    this.#left -= count;
    this.at += count;
    if (this.#left > 0) return FrameEvent.None;
    this.#phase = Phase.Head;
    return this.#readHead(bytes, end);
  }
}
