// The receiving half of a connection: header blocks become heads and trailers, content is checked
// against windows and declared lengths, and every rule of a stream is enforced (RFC 9113 §5.1, §6,
// §8; http-cases H38–H48). Answers are the reason that ends the connection, or None.

import { ErrorCode } from "../error-code.ts";
import type { HeaderList } from "../header-list.ts";
import type { Budgets } from "./budgets.ts";
import { CloseKind } from "./closed-streams.ts";
import { codeOfReason, Http2Error, Http2Reason } from "./error.ts";
import { FrameFlag, readUint31, readUint32, windowBytesMax } from "./frame.ts";
import type { FrameReader } from "./frame-reader.ts";
import { HeaderBlock } from "./header-block.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { BlockKind, MessageFields } from "./message-fields.ts";
import type { Http2Options, Http2Sink } from "./options.ts";
import type { Sender } from "./sender.ts";
import { StreamState } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";

/** What our SETTINGS allow the peer's encoder: the initial value, so never announced (H44). */
const tableBytes = 4096;

const noFields: HeaderList = [];

export class Receiver {
  readonly #isServer: boolean;
  readonly #sink: Http2Sink;
  readonly #options: Http2Options;
  readonly #sender: Sender;
  readonly #streams: StreamTable;
  readonly #budgets: Budgets;
  readonly #decoder: HpackDecoder;
  readonly #fields: MessageFields;
  readonly #block: HeaderBlock;
  readonly #streamWindowBytes: number;
  /** Of the DATA frame being read; null when its content is passed over. */
  #dataStream: StreamState | null = null;

  /** Windows of new streams by the peer's SETTINGS. */
  initialSendWindow = 65_535;
  /** Streams above it are refused (RFC 9113 §6.8); set by our second GOAWAY. */
  lastTakenId: number = windowBytesMax;
  /** Requests since the owner last set it to 0. */
  requestCount = 0;

  constructor(
    isServer: boolean,
    sink: Http2Sink,
    options: Http2Options,
    streamWindowBytes: number,
    sender: Sender,
    streams: StreamTable,
    budgets: Budgets,
  ) {
    const { limits } = options;
    this.#isServer = isServer;
    this.#sink = sink;
    this.#options = options;
    this.#streamWindowBytes = streamWindowBytes;
    this.#sender = sender;
    this.#streams = streams;
    this.#budgets = budgets;
    this.#decoder = new HpackDecoder(tableBytes, limits, options.strictQuery);
    this.#fields = new MessageFields(options);
    this.#block = new HeaderBlock(limits);
  }

  /** Stream whose header block waits for CONTINUATION, 0 for none. */
  get openBlockStreamId(): number {
    return this.#block.openStreamId;
  }

  /** Since when it waits. */
  get blockOpenedAtMs(): number {
    return this.#block.openedAtMs;
  }

  newStream(streamId: number): StreamState {
    const stream = new StreamState(
      streamId,
      this.#sender,
      this.initialSendWindow,
      this.#streamWindowBytes,
    );
    this.#streams.add(stream);
    return stream;
  }

  // Header blocks.

  headers(frame: FrameReader): Http2Reason {
    const { streamId } = frame;
    if (streamId === 0) return Http2Reason.BadStreamId;
    if (this.#isServer) {
      if ((streamId & 1) === 0) return Http2Reason.StreamIdParity;
    } else if ((streamId & 1) === 0 || streamId >= this.#streams.nextId) {
      return Http2Reason.IdleStream;
    }
    const isUseless = frame.start === frame.end && (frame.flags & FrameFlag.EndHeaders) === 0;
    let reason = this.#budgets.content(isUseless);
    if (reason === Http2Reason.None) reason = this.#block.begin(frame, this.#streams.nowMs);
    if (reason !== Http2Reason.None || this.#block.openStreamId !== 0) return reason;
    return this.#blockComplete(streamId);
  }

  continuation(frame: FrameReader): Http2Reason {
    if (this.#block.openStreamId === 0) return Http2Reason.UnexpectedContinuation;
    const isUseless = frame.start === frame.end && (frame.flags & FrameFlag.EndHeaders) === 0;
    let reason = this.#budgets.content(isUseless);
    if (reason === Http2Reason.None) reason = this.#block.add(frame);
    if (reason !== Http2Reason.None || this.#block.openStreamId !== 0) return reason;
    return this.#blockComplete(frame.streamId);
  }

  #blockComplete(streamId: number): Http2Reason {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) return this.#takeLaterBlock(stream);
    if (this.#isServer && streamId > this.#streams.lastPeerId) return this.#takeRequest(streamId);
    const kind = this.#streams.closeKind(streamId);
    // A response may be late for longer than we remember.
    const isLate = kind === CloseKind.ResetByUs || (!this.#isServer && kind === CloseKind.Unknown);
    if (!isLate) {
      return kind === CloseKind.Unknown ? Http2Reason.StreamIdReused : Http2Reason.ClosedStream;
    }
    // Of a request, only trailers can still come.
    if (this.#isServer || this.#block.isEndStream) this.#streams.settle(streamId);
    // The block is read all the same: the table must stay in step.
    return this.#decode(BlockKind.Trailers);
  }

  #decode(kind: BlockKind): Http2Reason {
    const { bytes, start, end } = this.#block;
    this.#fields.begin(kind);
    return this.#decoder.decode(bytes, start, end, this.#fields);
  }

  /** A new stream (RFC 9113 §8.1). */
  #takeRequest(streamId: number): Http2Reason {
    const streams = this.#streams;
    streams.lastPeerId = streamId;
    const reason = this.#decode(BlockKind.Request);
    if (reason !== Http2Reason.None) return reason;
    // Streams that crossed our last GOAWAY may be opened again elsewhere (§6.8).
    if (streamId > this.lastTakenId) return this.#refuse(streamId, Http2Reason.GoingAway, false);
    if (streams.openCount >= this.#options.concurrentStreamsMax) {
      return this.#refuseRequest(streamId, Http2Reason.TooManyStreams);
    }
    if (this.#block.dependsOnItself) {
      return this.#refuseRequest(streamId, Http2Reason.BadPriority);
    }
    const fields = this.#fields;
    const isEnd = this.#block.isEndStream;
    const isOverLimit = this.#decoder.isOverLimit;
    const head = isOverLimit ? null : fields.finishRequest(isEnd);
    if (!isOverLimit && fields.fault !== Http2Reason.None) {
      return this.#refuseRequest(streamId, fields.fault);
    }
    const stream = this.newStream(streamId);
    stream.isRemoteEnd = isEnd;
    this.requestCount++;
    if (head === null) {
      stream.isRefused = true;
      this.#sink.onRefused(stream, isOverLimit ? ErrorCode.HeadTooLarge : fields.refusal);
      return Http2Reason.None;
    }
    stream.isTunnel = fields.isConnect;
    stream.protocol = head.upgrade;
    if (!stream.isTunnel) stream.contentLeft = head.contentLength;
    this.#sink.onRequest(stream, head, isEnd);
    return Http2Reason.None;
  }

  #refuseRequest(streamId: number, reason: Http2Reason): Http2Reason {
    this.#sink.onStreamRefused(reason);
    return this.#refuse(streamId, reason, true);
  }

  /** Resets a stream that was never handed on. */
  #refuse(streamId: number, reason: Http2Reason, isCounted: boolean): Http2Reason {
    this.#sender.rstStream(streamId, codeOfReason(reason));
    this.#streams.refuse(streamId);
    return isCounted ? this.#budgets.reset(this.#streams.nowMs) : Http2Reason.None;
  }

  /** Trailers, or a response's head. */
  #takeLaterBlock(stream: StreamState): Http2Reason {
    const isTrailers = this.#isServer || stream.hasFinalHead;
    const reason = this.#decode(isTrailers ? BlockKind.Trailers : BlockKind.Response);
    if (reason !== Http2Reason.None) return reason;
    if (stream.isRemoteEnd) return this.#fail(stream, Http2Reason.ClosedStream);
    if (this.#block.dependsOnItself) return this.#fail(stream, Http2Reason.BadPriority);
    if (this.#decoder.isOverLimit) return this.#fail(stream, Http2Reason.HeadTooLarge);
    return isTrailers ? this.#takeTrailers(stream) : this.#takeResponse(stream);
  }

  #takeTrailers(stream: StreamState): Http2Reason {
    const fields = this.#fields;
    if (fields.fault !== Http2Reason.None) return this.#fail(stream, fields.fault);
    if (!this.#block.isEndStream) return this.#fail(stream, Http2Reason.BadTrailers);
    return this.#remoteEnd(stream, fields.headers);
  }

  #takeResponse(stream: StreamState): Http2Reason {
    const isEnd = this.#block.isEndStream;
    const head = this.#fields.finishResponse(stream.method, isEnd, stream.isTunnel);
    if (head === null) return this.#fail(stream, this.#fields.fault);
    if (head.status < 200) {
      const isFlood = ++stream.interimCount > this.#options.limits.interimMax;
      if (isFlood) return this.#fail(stream, Http2Reason.BadInterim);
      this.#sink.onResponse(stream, head, false);
      return Http2Reason.None;
    }
    stream.hasFinalHead = true;
    const isOpened = stream.isTunnel && head.status < 300;
    if (isOpened && stream.protocol !== "") {
      // RFC 8441 §5: what 101 is in HTTP/1.
      head.status = 101;
      head.upgrade = stream.protocol;
    }
    if (!isOpened) stream.contentLeft = head.framing === 0 ? 0 : head.contentLength;
    stream.isRemoteEnd = isEnd;
    this.#sink.onResponse(stream, head, isEnd);
    if (isEnd && stream.isLocalEnd) this.#streams.streamClosed(stream, CloseKind.Ended);
    return Http2Reason.None;
  }

  #remoteEnd(stream: StreamState, trailers: HeaderList): Http2Reason {
    if (stream.contentLeft > 0) return this.#fail(stream, Http2Reason.ContentLengthMismatch);
    if (!this.#isServer && !stream.hasFinalHead) {
      return this.#fail(stream, Http2Reason.DataBeforeHead);
    }
    stream.isRemoteEnd = true;
    if (!stream.isRefused) this.#sink.onEnd(stream, trailers);
    if (stream.isLocalEnd) this.#streams.streamClosed(stream, CloseKind.Ended);
    return Http2Reason.None;
  }

  /** A stream error (RFC 9113 §5.4.2); it counts as a reset by the peer (http-cases H41). */
  #fail(stream: StreamState, reason: Http2Reason): Http2Reason {
    stream.reason = reason;
    const code = codeOfReason(reason);
    this.#sender.reset(stream, code);
    if (!stream.isRefused) this.#sink.onReset(stream, code, false);
    return this.#isServer ? this.#budgets.reset(this.#streams.nowMs) : Http2Reason.None;
  }

  // Content.

  /** The head of a DATA frame: windows and lengths, before any of its bytes. */
  dataBegin(frame: FrameReader): Http2Reason {
    const { streamId, length, contentBytes } = frame;
    const sender = this.#sender;
    this.#dataStream = null;
    if (streamId === 0) return Http2Reason.BadStreamId;
    if (this.#isIdle(streamId)) return Http2Reason.IdleStream;
    sender.receiveWindow -= length;
    if (sender.receiveWindow < 0) return Http2Reason.FlowControl;
    const isEnd = (frame.flags & FrameFlag.EndStream) !== 0;
    const reason = this.#budgets.content(contentBytes === 0 && !isEnd);
    if (reason !== Http2Reason.None) return reason;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      sender.creditConnection(length);
      const kind = this.#streams.closeKind(streamId);
      if (kind === CloseKind.ResetByUs) return Http2Reason.None;
      // A server that goes on after the end of its response is not to be trusted with another.
      if (!this.#isServer && kind !== CloseKind.Unknown) return Http2Reason.ClosedStream;
      return this.#refuse(streamId, Http2Reason.ClosedStream, true);
    }
    stream.receiveWindow -= length;
    const fault = this.#dataFault(stream, contentBytes);
    if (fault !== Http2Reason.None) {
      sender.creditConnection(length);
      return this.#fail(stream, fault);
    }
    stream.receivedBytes += contentBytes;
    if (stream.contentLeft >= 0) stream.contentLeft -= contentBytes;
    stream.unconsumed += contentBytes;
    const padding = length - contentBytes;
    if (padding > 0) {
      sender.creditStream(stream, padding);
      sender.creditConnection(padding);
    }
    this.#dataStream = stream;
    return Http2Reason.None;
  }

  #dataFault(stream: StreamState, contentBytes: number): Http2Reason {
    if (stream.isRemoteEnd) return Http2Reason.ClosedStream;
    if (stream.receiveWindow < 0) return Http2Reason.FlowControl;
    if (!this.#isServer && !stream.hasFinalHead) return Http2Reason.DataBeforeHead;
    if (stream.contentLeft >= 0 && contentBytes > stream.contentLeft) {
      return Http2Reason.ContentLengthMismatch;
    }
    const { bodyBytesMax } = this.#options.limits;
    const isTooLarge = !stream.isTunnel && stream.receivedBytes + contentBytes > bodyBytesMax;
    return isTooLarge ? Http2Reason.BodyTooLarge : Http2Reason.None;
  }

  /** Content of the frame that `dataBegin` saw. */
  data(bytes: Buffer): void {
    const stream = this.#dataStream;
    if (stream === null || stream.isClosed) return;
    if (stream.isRefused) stream.consumed(bytes.length);
    else this.#sink.onData(stream, bytes);
  }

  dataEnd(frame: FrameReader): Http2Reason {
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (stream === null || stream.isClosed) return Http2Reason.None;
    if ((frame.flags & FrameFlag.EndStream) === 0) return Http2Reason.None;
    return this.#remoteEnd(stream, noFields);
  }

  // The frames that steer a stream.

  /** Never opened by anybody. */
  #isIdle(streamId: number): boolean {
    const streams = this.#streams;
    if (this.#isServer) return (streamId & 1) === 0 || streamId > streams.lastPeerId;
    return (streamId & 1) === 0 || streamId >= streams.nextId;
  }

  rstStream(frame: FrameReader): Http2Reason {
    const { streamId } = frame;
    if (frame.end - frame.start !== 4) return Http2Reason.BadFrameSize;
    if (streamId === 0) return Http2Reason.BadStreamId;
    if (this.#isIdle(streamId)) return Http2Reason.IdleStream;
    const streams = this.#streams;
    const stream = streams.get(streamId);
    if (stream === undefined) return this.#budgets.minor(streams.nowMs, streams.openedCount);
    const isAnswered = stream.isLocalEnd;
    const code = readUint32(frame.payload, frame.start);
    this.#sender.drop(stream, CloseKind.ResetByPeer);
    if (!stream.isRefused) this.#sink.onReset(stream, code, true);
    // Only work that was wasted counts, not a request whose rest nobody needs any more.
    if (!this.#isServer || isAnswered) {
      return this.#budgets.minor(streams.nowMs, streams.openedCount);
    }
    return this.#budgets.reset(streams.nowMs);
  }

  /** Deprecated and without effect (RFC 9113 §5.3.2), but not for free. */
  priority(frame: FrameReader): Http2Reason {
    const { streamId } = frame;
    if (streamId === 0) return Http2Reason.BadStreamId;
    const isSized = frame.end - frame.start === 5;
    if (isSized && readUint31(frame.payload, frame.start) !== streamId) {
      return this.#budgets.priority(this.#streams.openedCount);
    }
    const reason = isSized ? Http2Reason.BadPriority : Http2Reason.BadFrameSize;
    const stream = this.#streams.get(streamId);
    return stream === undefined ? reason : this.#fail(stream, reason);
  }

  windowUpdate(frame: FrameReader): Http2Reason {
    const { streamId } = frame;
    if (frame.end - frame.start !== 4) return Http2Reason.BadFrameSize;
    const sender = this.#sender;
    const streams = this.#streams;
    const flood = this.#budgets.windowUpdate(streams.openedCount, sender.dataFramesSent);
    if (flood !== Http2Reason.None) return flood;
    const byteCount = readUint31(frame.payload, frame.start);
    if (streamId === 0) {
      if (byteCount === 0) return Http2Reason.ZeroWindowUpdate;
      if (sender.sendWindow + byteCount > windowBytesMax) return Http2Reason.WindowOverflow;
      sender.sendWindow += byteCount;
      sender.windowOpened();
      return Http2Reason.None;
    }
    if (this.#isIdle(streamId)) return Http2Reason.IdleStream;
    const stream = streams.get(streamId);
    if (stream === undefined) return Http2Reason.None;
    if (byteCount === 0) return this.#fail(stream, Http2Reason.ZeroWindowUpdate);
    if (stream.sendWindow + byteCount > windowBytesMax) {
      return this.#fail(stream, Http2Reason.WindowOverflow);
    }
    stream.sendWindow += byteCount;
    sender.makeReady(stream);
    return Http2Reason.None;
  }

  /** The peer's INITIAL_WINDOW_SIZE changed: so do all open windows (RFC 9113 §6.9.2). */
  changeWindows(windowBytes: number): Http2Reason {
    const change = windowBytes - this.initialSendWindow;
    if (change === 0) return Http2Reason.None;
    this.initialSendWindow = windowBytes;
    for (const stream of this.#streams.all()) {
      if (stream.sendWindow + change > windowBytesMax) return Http2Reason.WindowOverflow;
      stream.sendWindow += change;
      this.#sender.makeReady(stream);
    }
    return Http2Reason.None;
  }

  /** Streams whose content has waited too long for the peer (http-cases H45, H47). */
  dropStalled(): void {
    const { stallTimeoutMs } = this.#options.limits;
    const { nowMs } = this.#streams;
    for (const stream of this.#streams.all()) {
      if (stream.queuedBytes === 0 || nowMs - stream.stalledSinceMs < stallTimeoutMs) continue;
      stream.reason = Http2Reason.Stalled;
      this.#sender.reset(stream, Http2Error.Cancel);
      this.#sink.onReset(stream, Http2Error.Cancel, false);
    }
  }

  /** Ends all streams, or those above an identifier, without a frame. */
  dropAll(aboveId: number, reason: Http2Reason, code: Http2Error, isByPeer: boolean): void {
    for (const stream of this.#streams.all()) {
      if (stream.id <= aboveId || stream.isClosed) continue;
      stream.reason = reason;
      this.#sender.drop(stream, isByPeer ? CloseKind.ResetByPeer : CloseKind.ResetByUs);
      if (!stream.isRefused) this.#sink.onReset(stream, code, isByPeer);
    }
  }
}
