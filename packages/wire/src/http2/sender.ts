// The sending half of a connection: frames gather in the output, content waits in its stream while
// a window is closed, and streams with much to say take turns (RFC 9113 §5.2, http-cases H47).

import type { HeaderList } from "../header-list.ts";
import type { RequestHead, ResponseHead } from "../http1/head.ts";
import { CloseKind } from "./closed-streams.ts";
import { ContentQueue } from "./content-queue.ts";
import { Http2Error } from "./error.ts";
import {
  FrameFlag,
  FrameType,
  frameBytesMin,
  frameHeadBytes,
  initialWindowBytes,
  windowBytesMax,
  writeFrameHead,
  writeUint32,
} from "./frame.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { writeRequestFields, writeResponseFields, writeTrailerFields } from "./message-writer.ts";
import type { Http2Options } from "./options.ts";
import { Output } from "./output.ts";
import type { StreamState } from "./stream.ts";

/** What the sender tells its connection. */
export interface SenderHost {
  /** There is output where there was none. */
  outputBegan(): void;
  /** Both sides are complete, or one gave up. */
  streamClosed(stream: StreamState, kind: CloseKind): void;
  writable(stream: StreamState): void;
  readonly nowMs: number;
}

/** One turn of a stream among others is one frame, of so much at most. */
const turnBytes = 16 * 1024;
/** TLS cuts what is written into records of this size (RFC 8446 §5.1). */
const recordBytes = 16 * 1024;
/** What is left of a record is used from here on. */
const recordRestBytes = 1024;
/** Content waits in its stream when the output holds this much. */
const outputHighBytes = 128 * 1024;
/** Less than this is no progress of a stalled stream (http-cases H47). */
const progressBytes = 1024;

export class Sender {
  readonly #host: SenderHost;
  readonly #encoder: HpackEncoder;
  readonly #output = new Output();
  readonly #streamWindowBytes: number;
  readonly #connectionWindowBytes: number;
  readonly #scheme: string;
  readonly #queueBytesMax: number;
  /** Streams with content and an open window, in turns. */
  #ready: StreamState[] = [];
  #writables: StreamState[] = [];
  /** The owner was told that there is output. */
  #isNoted = false;
  /** Where the last frame that END_STREAM can be added to starts, -1 without; and its stream. */
  #lastFrameAt = -1;
  #lastFrameStream = 0;
  #credit = 0;

  /** The peer's settings that rule what we send. */
  frameBytesMax: number = frameBytesMin;
  /** What the peer takes on the whole connection. */
  sendWindow: number = initialWindowBytes;
  receiveWindow: number;
  /** Frames in the output that answer the peer's. */
  controlFrames = 0;
  dataFramesSent = 0;
  /** HEADERS and DATA that were sent. */
  messageFrames = 0;
  /** Content that waits in all streams. */
  #contentBytes = 0;

  constructor(host: SenderHost, streamWindowBytes: number, options: Http2Options) {
    this.#host = host;
    this.#encoder = new HpackEncoder(options.isHuffman);
    this.#streamWindowBytes = streamWindowBytes;
    this.#connectionWindowBytes = options.connectionWindowBytes;
    this.receiveWindow = initialWindowBytes;
    this.#scheme = options.scheme;
    this.#queueBytesMax = options.limits.streamQueueBytesMax;
  }

  get hasOutput(): boolean {
    return this.#output.length > 0 || this.#isNoted;
  }

  /** What was given to it and not yet taken. */
  get queuedBytes(): number {
    return this.#contentBytes + this.#output.length;
  }

  get isOutputHigh(): boolean {
    return this.#output.length >= outputHighBytes;
  }

  /** What is to be written now: control frames, heads, and the content whose turn it is. */
  take(): Buffer {
    this.#serve();
    this.#isNoted = false;
    this.#lastFrameAt = -1;
    this.controlFrames = 0;
    const bytes = this.#output.take();
    if (this.#ready.length > 0 && this.sendWindow > 0) this.#note();
    return bytes;
  }

  /** What was taken was written. */
  rest(): void {
    this.#output.rest();
  }

  #note(): void {
    if (this.#isNoted) return;
    this.#isNoted = true;
    this.#host.outputBegan();
  }

  /** The table the peer's decoder has. */
  limitTable(bytesMax: number): void {
    this.#encoder.limitTable(bytesMax);
  }

  // Control frames.

  /** Bytes that stand before all frames. */
  raw(bytes: Buffer): void {
    const output = this.#output;
    output.reserve(bytes.length);
    bytes.copy(output.bytes, output.length);
    output.length += bytes.length;
    this.#note();
  }

  /** Writes a frame's head and answers where its payload goes. */
  #control(length: number, type: number, flags: number, streamId: number): number {
    const output = this.#output;
    output.reserve(frameHeadBytes + length);
    writeFrameHead(output.bytes, output.length, length, type, flags, streamId);
    const at = output.length + frameHeadBytes;
    output.length = at + length;
    this.#lastFrameAt = -1;
    this.controlFrames++;
    this.#note();
    return at;
  }

  /** [id, value, id, value, …] */
  settings(pairs: readonly number[]): void {
    let at = this.#control((pairs.length / 2) * 6, FrameType.Settings, 0, 0);
    for (let i = 0; i < pairs.length; i += 2) {
      const { bytes } = this.#output;
      const id = pairs[i] as number;
      bytes[at] = id >>> 8;
      bytes[at + 1] = id & 0xff;
      writeUint32(bytes, at + 2, pairs[i + 1] as number);
      at += 6;
    }
  }

  settingsAck(): void {
    this.#control(0, FrameType.Settings, FrameFlag.Ack, 0);
  }

  ping(bytes: Buffer, start: number, isAck: boolean): void {
    const at = this.#control(8, FrameType.Ping, isAck ? FrameFlag.Ack : 0, 0);
    bytes.copy(this.#output.bytes, at, start, start + 8);
  }

  goAway(lastStreamId: number, code: Http2Error, debug: string): void {
    const at = this.#control(8 + debug.length, FrameType.GoAway, 0, 0);
    const { bytes } = this.#output;
    writeUint32(bytes, at, lastStreamId);
    writeUint32(bytes, at + 4, code);
    bytes.write(debug, at + 8, "latin1");
  }

  rstStream(streamId: number, code: Http2Error): void {
    const at = this.#control(4, FrameType.RstStream, 0, streamId);
    writeUint32(this.#output.bytes, at, code);
  }

  windowUpdate(streamId: number, byteCount: number): void {
    const at = this.#control(4, FrameType.WindowUpdate, 0, streamId);
    // Not an answer that a peer can ask for at will: its own windows bound how many there are.
    this.controlFrames--;
    writeUint32(this.#output.bytes, at, byteCount);
  }

  // Heads.

  request(stream: StreamState, head: RequestHead, isEnd: boolean): void {
    const start = this.#beginHeaders();
    try {
      writeRequestFields(this.#encoder, this.#output, head, this.#scheme);
    } catch (error) {
      this.#undo(start);
      throw error;
    }
    this.#finishHeaders(stream, start, isEnd);
    // Content that turns out to be empty ends in a frame of its own: servers of gRPC wait for it
    // (gRPC over HTTP/2, "Requests").
    this.#lastFrameAt = -1;
  }

  respond(stream: StreamState, head: ResponseHead, isEnd: boolean): void {
    const start = this.#beginHeaders();
    try {
      writeResponseFields(this.#encoder, this.#output, head, stream.isTunnel);
    } catch (error) {
      this.#undo(start);
      throw error;
    }
    const isFinal = head.status >= 200 || head.status === 101;
    this.#finishHeaders(stream, start, isEnd && isFinal);
    if (isFinal) stream.hasFinalHead = true;
    // END_STREAM must not be added to an interim head.
    else this.#lastFrameAt = -1;
  }

  #trailers(stream: StreamState, trailers: HeaderList): void {
    const start = this.#beginHeaders();
    try {
      writeTrailerFields(this.#encoder, this.#output, trailers);
    } catch (error) {
      this.#undo(start);
      throw error;
    }
    this.#finishHeaders(stream, start, true);
  }

  #beginHeaders(): number {
    const output = this.#output;
    const start = output.length;
    output.reserve(frameHeadBytes);
    output.length = start + frameHeadBytes;
    return start;
  }

  /** A field was refused half-way: nothing of the block is sent, and its tables are forgotten. */
  #undo(start: number): void {
    this.#output.length = start;
    this.#encoder.forget();
  }

  #finishHeaders(stream: StreamState, start: number, isEnd: boolean): void {
    const output = this.#output;
    const length = output.length - start - frameHeadBytes;
    const endFlag = isEnd ? FrameFlag.EndStream : 0;
    if (length <= this.frameBytesMax) {
      const flags = FrameFlag.EndHeaders | endFlag;
      writeFrameHead(output.bytes, start, length, FrameType.Headers, flags, stream.id);
    } else this.#splitHeaders(stream.id, start, length, endFlag);
    this.#lastFrameAt = start;
    this.#lastFrameStream = stream.id;
    this.messageFrames++;
    this.#note();
    if (isEnd) this.#localEnd(stream);
  }

  /** A block that is larger than a frame goes on in CONTINUATION frames (RFC 9113 §6.10). */
  #splitHeaders(streamId: number, start: number, length: number, endFlag: number): void {
    const output = this.#output;
    const size = this.frameBytesMax;
    const more = Math.ceil(length / size) - 1;
    output.reserve(more * frameHeadBytes);
    const { bytes } = output;
    // From the last piece to the second, each moved to its place.
    for (let piece = more; piece > 0; piece--) {
      const from = start + frameHeadBytes + piece * size;
      const pieceBytes = Math.min(size, length - piece * size);
      const to = from + piece * frameHeadBytes;
      bytes.copyWithin(to, from, from + pieceBytes);
      const flags = piece === more ? FrameFlag.EndHeaders : 0;
      const headAt = to - frameHeadBytes;
      writeFrameHead(bytes, headAt, pieceBytes, FrameType.Continuation, flags, streamId);
    }
    writeFrameHead(bytes, start, size, FrameType.Headers, endFlag, streamId);
    output.length += more * frameHeadBytes;
  }

  // Content.

  data(stream: StreamState, bytes: Buffer): boolean {
    let sent = 0;
    if (stream.queuedBytes === 0) {
      const isAlone = this.#ready.length === 0;
      while (sent < bytes.length && !this.isOutputHigh) {
        const count = this.#frameRoom(stream, bytes.length - sent);
        if (count === 0) break;
        const at = this.#dataFrame(stream, count);
        bytes.copy(this.#output.bytes, at, sent, sent + count);
        sent += count;
        if (!isAlone) break;
      }
    }
    if (sent === bytes.length) return true;
    this.#enqueue(stream, bytes, sent);
    if (stream.queuedBytes < this.#queueBytesMax) return true;
    stream.isWaiting = true;
    return false;
  }

  end(stream: StreamState, trailers: HeaderList): void {
    if (stream.queuedBytes > 0) stream.pendingTrailers = trailers;
    else this.#finish(stream, trailers);
  }

  /**
   * How much of `wanted` may go into one frame now. A frame among many ends where a TLS record
   * does: the peer decrypts record by record, and so reads each frame at once.
   */
  #frameRoom(stream: StreamState, wanted: number): number {
    const window = Math.min(stream.sendWindow, this.sendWindow);
    const most = Math.max(0, Math.min(wanted, window, this.frameBytesMax, turnBytes));
    if (most <= recordBytes - frameHeadBytes) return most;
    const rest = recordBytes - ((this.#output.length + frameHeadBytes) % recordBytes);
    return rest < recordRestBytes ? most : Math.min(most, rest);
  }

  /** Writes the head of a frame and answers where its content goes. */
  #dataFrame(stream: StreamState, count: number): number {
    const output = this.#output;
    output.reserve(frameHeadBytes + count);
    const at = output.length;
    writeFrameHead(output.bytes, at, count, FrameType.Data, 0, stream.id);
    output.length = at + frameHeadBytes + count;
    this.#lastFrameAt = at;
    this.#lastFrameStream = stream.id;
    stream.sendWindow -= count;
    this.sendWindow -= count;
    this.dataFramesSent++;
    this.messageFrames++;
    this.#note();
    return at + frameHeadBytes;
  }

  #enqueue(stream: StreamState, bytes: Buffer, from: number): void {
    if (stream.queuedBytes === 0) {
      stream.stalledSinceMs = this.#host.nowMs;
      stream.movedBytes = 0;
    }
    stream.queue ??= new ContentQueue();
    stream.queue.add(bytes, from);
    this.#contentBytes += bytes.length - from;
    this.makeReady(stream);
  }

  /** The stream's window, or its queue, is not empty any more. */
  makeReady(stream: StreamState): void {
    if (stream.queuedBytes === 0 || stream.sendWindow <= 0) return;
    if (!stream.isReady) {
      stream.isReady = true;
      this.#ready.push(stream);
    }
    if (this.sendWindow > 0) this.#note();
  }

  /** The connection's window grew. */
  windowOpened(): void {
    if (this.#ready.length > 0) this.#note();
  }

  /** Turns of the ready streams until the output is high or the connection's window is closed. */
  #serve(): void {
    while (this.#ready.length > 0 && this.sendWindow > 0 && !this.isOutputHigh) {
      const stream = this.#ready.shift() as StreamState;
      stream.isReady = false;
      if (stream.isClosed) continue;
      this.#serveTurn(stream);
      if (stream.queuedBytes > 0) this.makeReady(stream);
      else if (stream.pendingTrailers !== null) this.#finish(stream, stream.pendingTrailers);
      if (stream.isWaiting && stream.queuedBytes * 2 < this.#queueBytesMax) {
        stream.isWaiting = false;
        this.#writables.push(stream);
      }
    }
    while (this.#writables.length > 0) {
      const stream = this.#writables.shift() as StreamState;
      if (!stream.isClosed && !stream.isLocalEnd) this.#host.writable(stream);
    }
  }

  #serveTurn(stream: StreamState): void {
    const queue = stream.queue as ContentQueue;
    const count = this.#frameRoom(stream, queue.length);
    if (count > 0) {
      const at = this.#dataFrame(stream, count);
      queue.take(this.#output.bytes, at, count);
      this.#contentBytes -= count;
    }
    stream.movedBytes += count;
    if (stream.movedBytes >= progressBytes || stream.queuedBytes === 0) {
      stream.movedBytes = 0;
      stream.stalledSinceMs = this.#host.nowMs;
    }
  }

  #finish(stream: StreamState, trailers: HeaderList): void {
    stream.pendingTrailers = null;
    if (trailers.length > 0) {
      this.#trailers(stream, trailers);
      return;
    }
    if (this.#lastFrameAt !== -1 && this.#lastFrameStream === stream.id) {
      const { bytes } = this.#output;
      bytes[this.#lastFrameAt + 4] = (bytes[this.#lastFrameAt + 4] as number) | FrameFlag.EndStream;
    } else {
      const output = this.#output;
      output.reserve(frameHeadBytes);
      writeFrameHead(
        output.bytes,
        output.length,
        0,
        FrameType.Data,
        FrameFlag.EndStream,
        stream.id,
      );
      output.length += frameHeadBytes;
      this.#note();
    }
    this.#lastFrameAt = -1;
    this.#localEnd(stream);
  }

  #localEnd(stream: StreamState): void {
    stream.isLocalEnd = true;
    if (stream.isRemoteEnd) this.#host.streamClosed(stream, CloseKind.Ended);
    else if (stream.resetsAtEnd) this.reset(stream, Http2Error.NoError);
  }

  reset(stream: StreamState, code: Http2Error): void {
    // The rest of the peer's half is not wanted, once this half was sent (RFC 9113 §8.1).
    if (code === Http2Error.NoError && stream.pendingTrailers !== null) {
      stream.resetsAtEnd = true;
      return;
    }
    this.rstStream(stream.id, code);
    this.drop(stream, CloseKind.ResetByUs);
  }

  /** A stream ended before its time: what it left unread is read for it. */
  drop(stream: StreamState, kind: CloseKind): void {
    this.#host.streamClosed(stream, kind);
    this.#contentBytes -= stream.queuedBytes;
    stream.queue?.clear();
    stream.pendingTrailers = null;
    const { unconsumed } = stream;
    stream.unconsumed = 0;
    if (unconsumed > 0) this.creditConnection(unconsumed);
  }

  // Credit for what was received.

  consumed(stream: StreamState, byteCount: number): void {
    stream.unconsumed -= byteCount;
    this.creditStream(stream, byteCount);
    this.creditConnection(byteCount);
  }

  creditStream(stream: StreamState, byteCount: number): void {
    stream.credit += byteCount;
    if (stream.isRemoteEnd || stream.isClosed || stream.credit * 2 < this.#streamWindowBytes)
      return;
    this.windowUpdate(stream.id, stream.credit);
    stream.receiveWindow += stream.credit;
    stream.credit = 0;
  }

  creditConnection(byteCount: number): void {
    this.#credit += byteCount;
    if (this.#credit * 2 < this.#connectionWindowBytes) return;
    this.windowUpdate(0, this.#credit);
    this.receiveWindow += this.#credit;
    this.#credit = 0;
  }

  /** At the start: the connection's window grows from 65,535 to what we want. */
  openWindow(): void {
    const more = this.#connectionWindowBytes - this.receiveWindow;
    if (more <= 0 || this.#connectionWindowBytes > windowBytesMax) return;
    this.windowUpdate(0, more);
    this.receiveWindow += more;
  }
}
