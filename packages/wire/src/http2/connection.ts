// An HTTP/2 connection (RFC 9113), either role, as bytes in and bytes out: no socket, no clock.
// This file holds its life (settings, pings, GOAWAY, the end) and gives each frame to its half:
// what is received to receiver.ts, what is sent to sender.ts.

import type { RequestHead, ResponseHead } from "../http1/head.ts";
import { Budgets } from "./budgets.ts";
import { codeOfReason, Http2Error, Http2Reason, http2ReasonRows } from "./error.ts";
import {
  FrameFlag,
  FrameType,
  initialWindowBytes,
  preface,
  readUint31,
  readUint32,
  SettingId,
  streamIdMax,
} from "./frame.ts";
import { FrameEvent, FrameReader } from "./frame-reader.ts";
import { Advice, Keepalive, keepalivePing } from "./keepalive.ts";
import { requestListBytes, responseListBytes } from "./message-writer.ts";
import {
  defaultHttp2Options,
  type Http2Options,
  type Http2Role,
  type Http2Sink,
  Http2Status,
  type PeerSettings,
} from "./options.ts";
import { ReceivedSettings } from "./peer-settings.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";
import { StreamTable } from "./stream-table.ts";
import type { Http2Stream } from "./stream.ts";

/** The ping that follows a first GOAWAY: its answer says that the peer has seen it. */
const goAwayPing = Buffer.from("\0weftbye", "latin1");
/** The peer's SETTINGS must be there by then (RFC 9113 §3.4). */
const prefaceTimeoutMs = 10_000;

const nothing = Buffer.alloc(0);
const unlimited = Number.POSITIVE_INFINITY;

export class Http2Connection {
  readonly role: Http2Role;
  readonly #sink: Http2Sink;
  readonly #options: Http2Options;
  readonly #reader = new FrameReader();
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #budgets: Budgets;
  readonly #keepalive: Keepalive | null;
  readonly #peer = new ReceivedSettings();
  /** Bytes of the client's preface that are still to come. */
  #prefaceLeft: number;
  /** What a paused `feed` did not read. */
  #held: Buffer = nothing;
  #isClosed = false;
  #reason: Http2Reason = Http2Reason.None;
  #isReady = false;
  #settingsOwed = 1;
  #startedAtMs = -1;
  #hasSentGoAway = false;
  #hasReceivedGoAway = false;

  /**
   * Its preface and SETTINGS stand in the output at once; `onOutput` is not called for them: take
   * the output when the connection is made.
   */
  constructor(role: Http2Role, sink: Http2Sink, options: Partial<Http2Options> = {}) {
    const all = { ...defaultHttp2Options, ...options };
    const isServer = role === "server";
    // A peer may send as much as the protocol starts with before it has seen our settings.
    const streamWindowBytes = Math.max(all.streamWindowBytes, initialWindowBytes);
    this.role = role;
    this.#sink = sink;
    this.#options = all;
    this.#prefaceLeft = isServer ? preface.length : 0;
    this.#budgets = new Budgets(all.limits);
    this.#keepalive = all.keepalive === null ? null : new Keepalive(all.keepalive);
    const streams = new StreamTable(sink);
    this.#streams = streams;
    const sender = new Sender(streams, streamWindowBytes, all);
    this.#sender = sender;
    this.#receiver = new Receiver(
      isServer,
      sink,
      all,
      streamWindowBytes,
      sender,
      streams,
      this.#budgets,
    );
    if (!isServer) sender.raw(preface);
    sender.settings(this.#ownSettings(streamWindowBytes));
    sender.openWindow();
    sender.controlFrames = 0;
    streams.isStarting = false;
  }

  #ownSettings(streamWindowBytes: number): number[] {
    const { limits, concurrentStreamsMax, allowExtendedConnect, workerCount } = this.#options;
    const pairs = [SettingId.StreamWindowBytes, streamWindowBytes];
    pairs.push(SettingId.HeaderListBytesMax, limits.headBytesMax);
    if (this.role === "client") pairs.push(SettingId.EnablePush, 0);
    else pairs.push(SettingId.ConcurrentStreamsMax, concurrentStreamsMax);
    if (allowExtendedConnect && this.role === "server") {
      pairs.push(SettingId.EnableConnectProtocol, 1);
    }
    if (workerCount > 0) pairs.push(SettingId.WorkerCount, workerCount);
    return pairs;
  }

  get peerSettings(): PeerSettings {
    return this.#peer;
  }

  /** Streams not yet closed on both sides. */
  get openStreamCount(): number {
    return this.#streams.openCount;
  }

  /** What the open streams belong to, the oldest first. */
  owners(): unknown[] {
    return this.#streams.all().map(({ owner }) => owner);
  }

  /** Client: requests that may be made now. */
  get streamsAvailable(): number {
    if (this.isGoingAway || this.#isClosed || !this.#streams.hasIdsLeft) return 0;
    return Math.max(0, this.#peer.concurrentStreamsMax - this.#streams.openCount);
  }

  /** GOAWAY was sent or received: no new requests. */
  get isGoingAway(): boolean {
    return this.#hasSentGoAway || this.#hasReceivedGoAway;
  }

  /** Server: the second GOAWAY was sent; when no stream is open, nothing can come any more. */
  get hasFinishedGoAway(): boolean {
    return this.#receiver.lastTakenId !== streamIdMax;
  }

  /** The first SETTINGS of the peer have arrived. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** The rule that ended the connection; None before. */
  get reason(): Http2Reason {
    return this.#reason;
  }

  get hasOutput(): boolean {
    return this.#sender.hasOutput;
  }

  /** Bytes that wait for a window, or to be taken. */
  get queuedBytes(): number {
    return this.#sender.queuedBytes;
  }

  /** More is queued than one write should hold: stop producing, and reading, until it was taken. */
  get isOutputHigh(): boolean {
    return this.#sender.isOutputHigh;
  }

  /**
   * What is to be written now, in one piece; its memory is used again from the next call on, so the
   * socket must be done with it by then. Frames of a later turn gather meanwhile.
   */
  takeOutput(): Buffer {
    return this.#sender.take();
  }

  /** The socket is done with what was taken: an idle connection holds no memory for output. */
  rest(): void {
    this.#sender.rest();
    this.#reader.rest();
  }

  /** Takes bytes from the socket; lent. `nowMs` is a monotonic clock. */
  feed(bytes: Buffer, nowMs: number): Http2Status {
    if (this.#isClosed) return Http2Status.Closed;
    this.#streams.nowMs = nowMs;
    if (this.#startedAtMs === -1) this.#startedAtMs = nowMs;
    this.#keepalive?.heard(nowMs);
    this.#receiver.requestCount = 0;
    const held = this.#held;
    if (held.length === 0) return this.#read(bytes, false);
    this.#held = nothing;
    return this.#read(bytes.length === 0 ? held : Buffer.concat([held, bytes]), true);
  }

  /** `isOwn`: the bytes are not lent and can be kept. */
  #read(bytes: Buffer, isOwn: boolean): Http2Status {
    const end = bytes.length;
    const { requestsPerFeedMax } = this.#options.limits;
    let at = 0;
    if (this.#prefaceLeft > 0) {
      at = this.#readPreface(bytes);
      if (at === -1) return this.#failConnection(Http2Reason.BadPreface);
      if (this.#prefaceLeft > 0) return Http2Status.More;
    }
    const reader = this.#reader;
    for (;;) {
      const event = reader.next(bytes, at, end);
      at = reader.at;
      if (event === FrameEvent.None) return Http2Status.More;
      const reason = this.#take(event);
      if (reason !== Http2Reason.None) return this.#failConnection(reason);
      // A sink may have ended the connection.
      if (this.#isClosed) return Http2Status.Closed;
      if (this.#receiver.requestCount >= requestsPerFeedMax && at < end) {
        const rest = bytes.subarray(at);
        this.#held = isOwn ? rest : Buffer.from(rest);
        return Http2Status.Paused;
      }
    }
  }

  /** Position after what belongs to the preface, -1 when it is none (RFC 9113 §3.4). */
  #readPreface(bytes: Buffer): number {
    const from = preface.length - this.#prefaceLeft;
    const count = Math.min(bytes.length, this.#prefaceLeft);
    for (let i = 0; i < count; i++) if (bytes[i] !== preface[from + i]) return -1;
    this.#prefaceLeft -= count;
    return count;
  }

  /** One event of the reader. */
  #take(event: FrameEvent): Http2Reason {
    const reader = this.#reader;
    if (event === FrameEvent.Error) return reader.error;
    if (event === FrameEvent.Data) {
      const { payload, start, end } = reader;
      this.#receiver.data(payload.subarray(start, end));
      return Http2Reason.None;
    }
    if (event === FrameEvent.DataEnd) return this.#receiver.dataEnd(reader);
    const openBlock = this.#receiver.openBlockStreamId;
    const isContinued = reader.type === FrameType.Continuation && reader.streamId === openBlock;
    if (openBlock !== 0 && !isContinued) return Http2Reason.ContinuationExpected;
    if (
      !this.#isReady &&
      (reader.type !== FrameType.Settings || (reader.flags & FrameFlag.Ack) !== 0)
    ) {
      return Http2Reason.BadPreface;
    }
    if (event === FrameEvent.Unknown) return this.#minorFrame();
    if (event === FrameEvent.DataBegin) return this.#receiver.dataBegin(reader);
    const reason = this.#takeFrame(reader);
    if (reason !== Http2Reason.None) return reason;
    const { controlFramesMax } = this.#options.limits;
    const isQueueFull = this.#sender.controlFrames > controlFramesMax;
    return isQueueFull ? Http2Reason.ControlQueue : Http2Reason.None;
  }

  #minorFrame(): Http2Reason {
    return this.#budgets.minor(this.#streams.nowMs, this.#streams.openedCount);
  }

  #takeFrame(frame: FrameReader): Http2Reason {
    switch (frame.type) {
      case FrameType.Headers:
        return this.#receiver.headers(frame);
      case FrameType.Continuation:
        return this.#receiver.continuation(frame);
      case FrameType.RstStream:
        return this.#receiver.rstStream(frame);
      case FrameType.Priority:
        return this.#receiver.priority(frame);
      case FrameType.WindowUpdate:
        return this.#receiver.windowUpdate(frame);
      case FrameType.Settings:
        return this.#takeSettings(frame);
      case FrameType.Ping:
        return this.#takePing(frame);
      case FrameType.GoAway:
        return this.#takeGoAway(frame);
      default:
        return Http2Reason.PushPromise;
    }
  }

  #takeSettings(frame: FrameReader): Http2Reason {
    if (frame.streamId !== 0) return Http2Reason.BadStreamId;
    const reason = this.#budgets.settings(this.#streams.nowMs);
    if (reason !== Http2Reason.None) return reason;
    if ((frame.flags & FrameFlag.Ack) !== 0) {
      if (frame.end !== frame.start) return Http2Reason.BadFrameSize;
      return --this.#settingsOwed < 0 ? Http2Reason.UnexpectedSettingsAck : Http2Reason.None;
    }
    const peer = this.#peer;
    const fault = peer.read(frame.payload, frame.start, frame.end, this.role === "client");
    if (fault !== Http2Reason.None) return fault;
    const overflow = this.#receiver.changeWindows(peer.streamWindowBytes);
    if (overflow !== Http2Reason.None) return overflow;
    this.#sender.limitTable(peer.headerTableBytes);
    this.#sender.frameBytesMax = peer.frameBytesMax;
    this.#sender.settingsAck();
    this.#isReady = true;
    this.#sink.onSettings();
    return Http2Reason.None;
  }

  #takePing(frame: FrameReader): Http2Reason {
    const { payload, start, end, flags } = frame;
    if (frame.streamId !== 0) return Http2Reason.BadStreamId;
    if (end - start !== 8) return Http2Reason.BadFrameSize;
    const reason = this.#budgets.ping(this.#streams.nowMs, this.#sender.messageFrames);
    if (reason !== Http2Reason.None) return reason;
    if ((flags & FrameFlag.Ack) === 0) this.#sender.ping(payload, start, true);
    else if (payload.compare(goAwayPing, 0, 8, start, end) === 0) this.goAwayFinish();
    else if (payload.compare(keepalivePing, 0, 8, start, end) === 0) {
      this.#keepalive?.answered(this.#streams.nowMs);
    } else this.#sink.onPong(payload.subarray(start, end));
    return Http2Reason.None;
  }

  #takeGoAway(frame: FrameReader): Http2Reason {
    const { payload, start, end } = frame;
    if (frame.streamId !== 0) return Http2Reason.BadStreamId;
    if (end - start < 8) return Http2Reason.BadFrameSize;
    const lastStreamId = readUint31(payload, start);
    const code = readUint32(payload, start + 4);
    this.#hasReceivedGoAway = true;
    // Nobody acted on the streams above: they may be tried again elsewhere (RFC 9113 §6.8).
    if (this.role === "client") {
      const { RefusedStream } = Http2Error;
      this.#receiver.dropAll(lastStreamId, Http2Reason.GoingAway, RefusedStream, true);
    }
    this.#sink.onGoAway(lastStreamId, code);
    return Http2Reason.None;
  }

  /** The peer has not said that it takes no head of this size (MAX_HEADER_LIST_SIZE). */
  takesRequest(head: RequestHead): boolean {
    const { headerListBytesMax } = this.#peer;
    return headerListBytesMax === unlimited || requestListBytes(head) <= headerListBytesMax;
  }

  takesResponse(head: ResponseHead): boolean {
    const { headerListBytesMax } = this.#peer;
    return headerListBytesMax === unlimited || responseListBytes(head) <= headerListBytesMax;
  }

  /** Client: null when GOAWAY, the peer's limit or the end of identifiers forbid another stream. */
  request(head: RequestHead, isEnd: boolean): Http2Stream | null {
    if (this.role !== "client" || this.streamsAvailable === 0) return null;
    const streams = this.#streams;
    const stream = this.#receiver.newStream(streams.nextId);
    stream.method = head.method;
    stream.protocol = head.upgrade;
    stream.isTunnel = head.upgrade !== "" || head.method === "CONNECT";
    try {
      this.#sender.request(stream, head, isEnd);
    } catch (error) {
      streams.withdraw(stream);
      throw error;
    }
    streams.nextId += 2;
    return stream;
  }

  /**
   * First GOAWAY (2^31-1) and a ping; `goAwayFinish` follows by itself at its answer (RFC 9113
   * §6.8, http-cases H49).
   */
  goAwayGently(): void {
    if (this.#isClosed || this.#hasSentGoAway) return;
    this.#hasSentGoAway = true;
    if (this.role === "client") {
      this.#sender.goAway(0, Http2Error.NoError, "");
      return;
    }
    this.#sender.goAway(streamIdMax, Http2Error.NoError, "");
    this.#sender.ping(goAwayPing, 0, false);
  }

  /** Second GOAWAY, with the last stream that was taken; later ones are refused. */
  goAwayFinish(): void {
    if (this.#isClosed || this.#receiver.lastTakenId !== streamIdMax) return;
    this.#hasSentGoAway = true;
    this.#receiver.lastTakenId = this.#streams.lastPeerId;
    this.#sender.goAway(this.#streams.lastPeerId, Http2Error.NoError, "");
  }

  /** GOAWAY for a fault; every open stream is told by onReset and nothing more is read. */
  goAway(code: Http2Error): void {
    this.#close(Http2Reason.None, code, "");
  }

  /** Eight bytes that come back by `onPong`. */
  ping(payload: Buffer): void {
    if (!this.#isClosed) this.#sender.ping(payload, 0, false);
  }

  /** To be called about every second: stalled streams, header blocks left open. */
  tick(nowMs: number): Http2Status {
    if (this.#isClosed) return Http2Status.Closed;
    this.#streams.nowMs = nowMs;
    if (this.#startedAtMs === -1) this.#startedAtMs = nowMs;
    const { headTimeoutMs } = this.#options.limits;
    const receiver = this.#receiver;
    const isBlockOpen = receiver.openBlockStreamId !== 0;
    if (isBlockOpen && nowMs - receiver.blockOpenedAtMs > headTimeoutMs) {
      return this.#failConnection(Http2Reason.HeadTimeout);
    }
    if (!this.#isReady && nowMs - this.#startedAtMs > prefaceTimeoutMs) {
      return this.#failConnection(Http2Reason.PrefaceTimeout);
    }
    receiver.dropStalled();
    if (this.#isReady && !this.#isPeerThere(nowMs)) {
      return this.#failConnection(Http2Reason.Silent);
    }
    return this.#held.length > 0 ? Http2Status.Paused : Http2Status.More;
  }

  /** False when it was asked and has said nothing since; asks when it is time to. */
  #isPeerThere(nowMs: number): boolean {
    const hasStreams = this.#streams.openCount > 0;
    // Peers of our own kind, which say how many workers they have, know what our PINGs are for.
    const isPatient = this.role === "server" || this.#peer.workerCount > 0;
    const advice = this.#keepalive?.look(nowMs, hasStreams, isPatient) ?? Advice.Nothing;
    if (advice === Advice.Ping) this.ping(keepalivePing);
    return advice !== Advice.GiveUp;
  }

  /** The socket is gone: every open stream is told by onReset. */
  disconnected(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reason = Http2Reason.Disconnected;
    const { Disconnected } = Http2Reason;
    this.#receiver.dropAll(0, Disconnected, codeOfReason(Disconnected), true);
  }

  /** A connection error (RFC 9113 §5.4.1). */
  #failConnection(reason: Http2Reason): Http2Status {
    const row = http2ReasonRows[reason];
    this.#close(reason, codeOfReason(reason), row === undefined ? "" : row.text);
    return Http2Status.Closed;
  }

  #close(reason: Http2Reason, code: Http2Error, debug: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hasSentGoAway = true;
    this.#reason = reason;
    this.#held = nothing;
    this.#sender.goAway(this.#streams.lastPeerId, code, debug);
    this.#receiver.dropAll(0, reason, code, false);
  }
}
