// One HTTP/2 connection from a downstream (RFC 9113): its streams are requests of the same
// pipeline as HTTP/1's. What all of them say during one turn of the event loop is written once, at
// its end; while the peer takes nothing, nothing is read from it either. A connection that is given
// up says GOAWAY, and for a second what still comes is thrown away, so that no reset destroys it.

import {
  atTurnEnd,
  type ByteSocket,
  type SocketOwner,
  type TurnEnd,
  WheelTimer,
} from "@weft/runtime";
import {
  type ErrorCode,
  errorStatus,
  errorText,
  Framing,
  type HeaderList,
  Http2Connection,
  Http2Error,
  type Http2Options,
  Http2Reason,
  http2ReasonRows,
  http2ReasonText,
  type Http2Sink,
  Http2Status,
  type Http2Stream,
  type RequestHead,
  ResponseHead,
} from "@weft/wire";
import { ageShare } from "../connection-age.ts";
import type { Entry, Exchange } from "../exchange/exchange.ts";
import * as pipeline from "../exchange/pipeline.ts";
import type { StreamOwner } from "../tcp/stream-socket.ts";
import { Refusal } from "../telemetry/refusals.ts";
import { Flag, flagRow } from "../telemetry/response-flags.ts";
import type { Drainable } from "../thread.ts";
import type { SharedConnection } from "../worker-balance.ts";
import { H2Request } from "./h2-request.ts";
import { H2Watchdog } from "./h2-watchdog.ts";

const lingerMs = 1000;
/** The peer's answer to the first GOAWAY's ping may take so long. */
const drainRoundTripMs = 1000;
const connectionIdleMs = 60_000;
/** As for HTTP/1: a program of this host may keep its connections longer. */
const programIdleMs = 600_000;
const nothing = Buffer.alloc(0);
const noTrailers: HeaderList = [];

export class H2Downstream implements Http2Sink, Drainable, SharedConnection, TurnEnd {
  readonly socket: ByteSocket;
  readonly entry: Entry;
  readonly #connection: Http2Connection;
  readonly #watchdog: H2Watchdog;
  #isTurnEndAsked = false;
  /** Turns to wait before the codec goes on with what it was fed; 0: it is not waiting. */
  #turnsToWait = 0;
  #isReading = true;
  #isDraining = false;
  #timer: WheelTimer | null = null;
  #isLingering = false;
  #requestCount = 0;
  readonly #openedAtMs: number;
  readonly #ageShare: number;

  constructor(socket: ByteSocket, entry: Entry, options: Partial<Http2Options>) {
    this.socket = socket;
    this.entry = entry;
    const idleMs = this.#isOutbound ? programIdleMs : connectionIdleMs;
    this.#openedAtMs = entry.thread.clock.monotonicMs();
    this.#ageShare = ageShare(entry.thread.random.next());
    this.#connection = new Http2Connection("server", this, options);
    this.#watchdog = new H2Watchdog(this, entry.thread, idleMs);
    entry.thread.downstreams.add(this);
    this.#count(1);
  }

  /** Starts serving; `early` was read before and may be lent. */
  begin(early: Buffer): void {
    this.socket.owner = new H2Socket(this);
    this.#watchdog.begin();
    this.#askTurnEnd();
    if (hasWeakCipher(this.socket)) {
      this.#connection.goAway(Http2Error.InadequateSecurity);
      return this.#linger();
    }
    if (early.length > 0) this.received(early);
    if (this.#isReading) this.socket.resume();
  }

  /** Those whose streams are open. */
  get requests(): H2Request[] {
    return this.#connection.owners().filter((owner) => owner instanceof H2Request);
  }

  get openStreamCount(): number {
    return this.#connection.openStreamCount;
  }

  /** The peer has sent its SETTINGS: it really speaks HTTP/2. */
  get isReady(): boolean {
    return this.#connection.isReady;
  }

  /** Its peer has been told to go, and may not have heard it yet. */
  get isLeaving(): boolean {
    return this.#isDraining && !this.#connection.hasFinishedGoAway;
  }

  takeRequestCount(): number {
    const count = this.#requestCount;
    this.#requestCount = 0;
    return this.#isDraining ? 0 : count;
  }

  drain(): void {
    if (this.#isDraining || this.#connection.hasFinishedGoAway) return;
    this.#isDraining = true;
    this.#connection.goAwayGently();
    this.#wait(drainRoundTripMs);
    this.#askTurnEnd();
  }

  retireIfOlder(nowMs: number, ageMaxMs: number): void {
    if (nowMs - this.#openedAtMs >= ageMaxMs * this.#ageShare) this.drain();
  }

  /** Nothing is under way: keeps no more than it must. */
  rest(): void {
    if (!this.socket.isBlocked) this.#connection.rest();
  }

  /** Nothing was asked for long. */
  retire(): void {
    this.#finish();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** From the watchdog, now and then. */
  tick(nowMs: number): void {
    if (this.#connection.tick(nowMs) === Http2Status.Closed) this.#failed();
  }

  takesResponse(head: ResponseHead): boolean {
    return this.#connection.takesResponse(head);
  }

  // From its requests.

  watch(x: Exchange): void {
    this.#watchdog.watch(pipeline.idleTimeoutMs(x));
  }

  /** It may have been the last one. */
  requestOver(): void {
    this.#askTurnEnd();
  }

  // From the socket.

  received(bytes: Buffer): void {
    if (this.#isLingering) return;
    this.#watchdog.moved();
    const status = this.#connection.feed(bytes, this.entry.thread.clock.monotonicMs());
    if (status === Http2Status.Closed) return this.#failed();
    if (status === Http2Status.Paused) {
      this.#turnsToWait = 2;
      this.#askTurnEnd();
    }
    if (this.#connection.isOutputHigh) this.#write();
    this.#lookAtReading();
  }

  /** The peer's FIN: it cannot even take what is left under flow control. */
  ended(): void {
    if (this.#isLingering || this.openStreamCount === 0) this.socket.destroySoon();
    else this.socket.destroy();
  }

  drained(): void {
    this.#write();
    this.#lookAtReading();
  }

  closed(): void {
    this.#forget();
    this.#connection.disconnected();
  }

  // From the codec.

  onOutput(): void {
    this.#askTurnEnd();
  }

  onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    const request = new H2Request(this, stream, head, isEnd);
    stream.owner = request;
    this.#requestCount++;
    request.begin(head);
  }

  onRefused(stream: Http2Stream, code: ErrorCode): void {
    stream.owner = null;
    const status = errorStatus(code);
    this.entry.thread.stats.countRefused(this.entry, status, Flag.DownstreamProtocol);
    const content = Buffer.from(`${errorText(code)}\n`);
    const head = new ResponseHead();
    head.status = status;
    head.framing = Framing.Length;
    head.contentLength = content.length;
    head.headers.push("content-type", "text/plain");
    head.headers.push("x-weft-flag", flagRow(Flag.DownstreamProtocol).code);
    stream.respond(head, false);
    stream.data(content);
    stream.end(noTrailers);
    stream.reset(Http2Error.NoError);
  }

  /** The peer was told by a reset; the log and the numbers say it here. */
  onStreamRefused(reason: Http2Reason): void {
    const { thread, listenerName } = this.entry;
    const status = reason === Http2Reason.TooManyStreams ? 503 : 400;
    thread.stats.countRefused(this.entry, status, Flag.DownstreamProtocol);
    thread.refusals.note(Refusal.MalformedRequest, {
      listener: listenerName,
      peer: this.entry.peer.remoteAddress,
      reason: http2ReasonText(reason),
    });
  }

  onResponse(): void {}

  onData(stream: Http2Stream, bytes: Buffer): void {
    (stream.owner as StreamOwner | null)?.onStreamData(bytes);
  }

  onEnd(stream: Http2Stream, trailers: HeaderList): void {
    (stream.owner as StreamOwner | null)?.onStreamEnd(trailers);
  }

  onReset(stream: Http2Stream, code: Http2Error, isByPeer: boolean): void {
    (stream.owner as StreamOwner | null)?.onStreamReset(code, isByPeer);
  }

  onWritable(stream: Http2Stream): void {
    (stream.owner as StreamOwner | null)?.onStreamWritable();
  }

  onGoAway(): void {
    this.#finish();
  }

  onSettings(): void {}
  onPong(): void {}

  // At the end of a turn.

  flush(): void {
    this.#isTurnEndAsked = false;
    if (this.socket.isClosed) return;
    this.#write();
    if (this.#turnsToWait > 0) {
      this.#turnsToWait--;
      if (this.#turnsToWait > 0) this.#askTurnEnd();
      else this.received(nothing);
    }
    this.#lookAtReading();
    if (this.openStreamCount > 0) return;
    if (this.#connection.hasFinishedGoAway) this.#linger();
    else this.#watchdog.idleFrom();
  }

  onTimeout(): void {
    if (this.#isLingering) this.socket.destroy();
    else this.#finish();
  }

  #askTurnEnd(): void {
    if (this.#isTurnEndAsked) return;
    this.#isTurnEndAsked = true;
    atTurnEnd(this);
  }

  #write(): void {
    const { socket } = this;
    if (socket.isBlocked || socket.isClosed || !this.#connection.hasOutput) return;
    socket.write(this.#connection.takeOutput());
  }

  /** Nothing is read while a turn's requests are enough or the peer takes no answers. */
  #lookAtReading(): void {
    const mayRead = this.#turnsToWait === 0 && !this.#connection.isOutputHigh;
    if (mayRead === this.#isReading) return;
    this.#isReading = mayRead;
    if (mayRead) this.socket.resume();
    else this.socket.pause();
  }

  /** Serves what has begun and nothing else. */
  #finish(): void {
    this.#connection.goAwayFinish();
    this.#askTurnEnd();
  }

  #failed(): void {
    const { reason } = this.#connection;
    const row = http2ReasonRows[reason];
    const { remoteAddress } = this.socket;
    const fields = { code: row?.name ?? "", reason: row?.text ?? "", remoteAddress };
    this.entry.thread.log.info("an HTTP/2 connection was given up", fields);
    this.#linger();
  }

  /** FIN now; what the peer still sends is dropped for a while. */
  #linger(): void {
    if (this.#isLingering) return;
    this.#isLingering = true;
    this.#write();
    this.#wait(lingerMs);
    this.socket.end();
    this.socket.resume();
  }

  #wait(delayMs: number): void {
    this.#timer ??= new WheelTimer(this, 0);
    this.entry.thread.wheel.set(this.#timer, delayMs);
  }

  #forget(): void {
    const { thread } = this.entry;
    if (!thread.downstreams.delete(this)) return;
    this.#count(-1);
    this.#watchdog.stop();
    if (this.#timer !== null) thread.wheel.cancel(this.#timer);
  }

  get #isOutbound(): boolean {
    return this.entry.listenerName === "outbound";
  }

  #count(by: 1 | -1): void {
    const { connections } = this.entry.thread.stats;
    if (this.#isOutbound) connections.outbound += by;
    else connections.inbound += by;
  }
}

/** The socket's side of a connection: both it and the codec tell of an end. */
class H2Socket implements SocketOwner {
  readonly #connection: H2Downstream;

  constructor(connection: H2Downstream) {
    this.#connection = connection;
  }

  onConnected(): void {}

  onBytes(bytes: Buffer): void {
    this.#connection.received(bytes);
  }

  onEnd(): void {
    this.#connection.ended();
  }

  onDrain(): void {
    this.#connection.drained();
  }

  onClosed(): void {
    this.#connection.closed();
  }
}

/** RFC 9113 §9.2.2: under TLS 1.2 only ephemeral keys with an AEAD will do. */
function hasWeakCipher(socket: ByteSocket): boolean {
  if (socket.tls === null || socket.tls.getProtocol() !== "TLSv1.2") return false;
  return !/^(ECDHE|DHE)-.*(GCM|CHACHA20|CCM)/.test(socket.tls.getCipher().name);
}
