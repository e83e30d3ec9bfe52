// One HTTP/1.1 connection from a downstream (RFC 9112). Requests are answered in order; the bytes
// of the next one wait until the current exchange is over. After anything malformed the answer
// goes out, the connection says it ends, and for a second what still comes is thrown away, so
// that no reset destroys the answer.

import { type ByteSocket, type SocketOwner, WheelTimer } from "@weft/runtime";
import {
  chunkEnd,
  ErrorCode,
  errorStatus,
  errorText,
  Framing,
  type HeaderList,
  ParseStatus,
  type RequestHead,
  RequestParser,
  type RequestParserOptions,
  type RequestSink,
  ResponseHead,
  writeChunkHead,
  writeLastChunk,
  writeResponseHead,
} from "@weft/wire";
import { ageShare } from "../connection-age.ts";
import { connect } from "../exchange/connect.ts";
import type { DetachedSocket, Downstream, Entry, Exchange } from "../exchange/exchange.ts";
import * as pipeline from "../exchange/pipeline.ts";
import { reasonOf } from "../exchange/reason.ts";
import { replyWith } from "../exchange/reply.ts";
import { Refusal } from "../telemetry/refusals.ts";
import { Flag, flagRow } from "../telemetry/response-flags.ts";
import type { Drainable } from "../thread.ts";
import { Watchdog } from "./watchdog.ts";

/** Bytes of later requests that may wait. */
const stashBytesMax = 64 * 1024;
const lingerMs = 1000;
const connectionIdleMs = 60_000;
/**
 * A program of this host may keep its connections longer: many reuse one without a second
 * thought.
 */
const programIdleMs = 600_000;
/**
 * A shorter idle timeout is watched from the start; the watchdog looks often enough for longer
 * ones.
 */
const watchedIdleMs = 60_000;
const nothing = Buffer.alloc(0);
const noTrailers: HeaderList = [];
/** What the first bytes of another protocol look like to the parser. */
const startsWrong: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.BadStart,
  ErrorCode.BadRequestLine,
  ErrorCode.BadMethod,
  ErrorCode.MethodTooLong,
  ErrorCode.BareCarriageReturn,
]);

export class H1Downstream implements SocketOwner, RequestSink, Downstream, Drainable {
  readonly protocol = "HTTP/1.1";
  readonly isLeaving = false;
  readonly socket: ByteSocket;
  readonly entry: Entry;
  /** The upstream, not the peer, holds the content back. */
  isContentPaused = false;
  readonly #parser: RequestParser;
  readonly #watchdog: Watchdog;
  #lingerTimer: WheelTimer | null = null;
  #exchange: Exchange | null = null;
  /** What came after the current request; it waits. */
  #stash: Buffer = nothing;
  #isFeeding = false;
  readonly #isOutbound: boolean;
  readonly #openedAtMs: number;
  readonly #ageShare: number;
  #isConnect = false;
  #isDetached = false;
  #isDraining = false;
  #isUnused = true;
  /** The peer has sent its FIN. */
  #hasEnded = false;
  /** Of the current request. */
  #minorVersion: 0 | 1 = 1;
  #requestFraming: Framing = Framing.None;
  #acceptsTrailers = false;
  #keepAlive = true;
  /** Of the current response. */
  #framing: Framing = Framing.None;

  constructor(socket: ByteSocket, entry: Entry, options: Partial<RequestParserOptions>) {
    this.socket = socket;
    this.entry = entry;
    this.#parser = new RequestParser(options);
    this.#isOutbound = entry.listenerName === "outbound";
    this.#openedAtMs = entry.thread.clock.monotonicMs();
    this.#ageShare = ageShare(entry.thread.random.next());
    this.#watchdog = new Watchdog(
      this,
      entry.thread,
      this.#isOutbound ? programIdleMs : connectionIdleMs,
    );
    entry.thread.downstreams.add(this);
    this.#count(1);
  }

  /** Starts serving; `early` was read before. */
  begin(early: Buffer): void {
    this.socket.owner = this;
    this.#watchdog.idleFrom();
    if (early.length > 0) this.#feed(early);
    this.socket.resume();
  }

  get exchange(): Exchange | null {
    return this.#exchange;
  }

  /** A request head has begun and is not complete. */
  get isInHead(): boolean {
    return this.#exchange === null && !this.#parser.isIdle;
  }

  drain(keepsIdle: boolean): void {
    // The thread drains too: the next response says Connection: close. Whoever has just connected
    // is about to ask, and would not take an end for a reason to try again.
    if (!keepsIdle && !this.#isUnused) this.endIdle();
  }

  /** The next response says so: an idle connection may just be taken for another request. */
  retireIfOlder(nowMs: number, ageMaxMs: number): void {
    if (nowMs - this.#openedAtMs >= ageMaxMs * this.#ageShare) this.#isDraining = true;
  }

  /** Closes it now, or after the response that is under way. */
  endIdle(): void {
    this.#isDraining = true;
    if (this.#exchange === null && this.#parser.isIdle) this.#linger();
  }

  destroy(): void {
    this.socket.destroy();
  }

  // From the socket.

  onConnected(): void {}

  onBytes(bytes: Buffer): void {
    if (this.#lingerTimer !== null) return;
    if (this.#exchange?.requestEnded === true || this.#stash.length > 0) {
      this.#stash = Buffer.concat([this.#stash, bytes]);
      if (this.#stash.length > stashBytesMax) this.socket.pause();
      return;
    }
    this.#feed(bytes);
  }

  onEnd(): void {
    this.#hasEnded = true;
    if (this.#lingerTimer !== null) return this.socket.destroySoon();
    const x = this.#exchange;
    if (x === null) {
      if (this.#parser.isIdle) return this.#close();
      this.#parser.finish(this);
      return;
    }
    if (!x.requestEnded) {
      this.#parser.finish(this);
    } else if (this.entry.peer.isTls) {
      // TLS has no half-close that anybody uses: a peer that ends has given its request up.
      this.socket.destroy();
    }
    // Over plain TCP a complete request is still answered after a half-close (http-cases H31).
  }

  onDrain(): void {
    if (this.#exchange !== null) pipeline.downstreamWritable(this.#exchange);
  }

  onClosed(): void {
    this.#forget();
    const x = this.#exchange;
    if (x !== null) pipeline.abandon(x, Flag.DownstreamClosed);
  }

  // From the parser.

  head(head: RequestHead): void {
    this.#isUnused = false;
    this.#minorVersion = head.minorVersion;
    this.#keepAlive = head.keepAlive;
    this.#requestFraming = head.framing;
    this.#acceptsTrailers = head.acceptsTrailers;
    head.keepAlive = true;
    const x = pipeline.begin(this.entry, this, head);
    this.#exchange = x;
    if (head.framing !== Framing.None) this.#watchdog.soon();
    // What follows CONNECT belongs to the tunnel: its bytes must be at hand first.
    if (head.method === "CONNECT") {
      this.#isConnect = true;
      return;
    }
    pipeline.route(x);
    const idleMs = pipeline.idleTimeoutMs(x);
    if (idleMs > 0 && idleMs < watchedIdleMs) this.#watchdog.soon(idleMs);
  }

  data(bytes: Buffer): void {
    const x = this.#exchange;
    if (x !== null && !pipeline.requestContent(x, bytes)) this.pauseContent();
  }

  end(trailers: HeaderList): void {
    if (this.#exchange !== null) pipeline.requestEnd(this.#exchange, trailers);
  }

  error(code: ErrorCode): void {
    const x = this.#exchange;
    if (code === ErrorCode.Truncated) {
      if (x !== null) pipeline.abandon(x, Flag.DownstreamClosed);
      return this.#close();
    }
    this.refuse(code);
  }

  /** Answers a request that cannot be served, and ends the connection. */
  refuse(code: ErrorCode): void {
    const isLate = code === ErrorCode.HeadTimeout || code === ErrorCode.BodyTimeout;
    const flag = isLate ? Flag.DownstreamTimeout : Flag.DownstreamProtocol;
    const x = this.#exchange;
    this.#keepAlive = false;
    const isHttp = !this.#isUnused || !startsWrong.has(code);
    this.entry.thread.refusals.note(isHttp ? Refusal.MalformedRequest : Refusal.NotHttp, {
      listener: this.entry.listenerName,
      peer: this.entry.peer.remoteAddress,
      reason: errorText(code),
    });
    if (x !== null) return replyWith(x, flag, errorStatus(code), `${errorText(code)}\n`, null);
    this.entry.thread.stats.countRefused(this.entry, errorStatus(code), flag);
    const content = Buffer.from(`${errorText(code)}\n`);
    const head = new ResponseHead();
    head.status = errorStatus(code);
    head.reason = reasonOf(head.status);
    head.framing = Framing.Length;
    head.contentLength = content.length;
    head.keepAlive = false;
    head.headers.push("content-type", "text/plain");
    head.headers.push("x-weft-flag", flagRow(flag).code);
    this.#writeHead(head);
    this.socket.write(content);
    this.#linger();
  }

  // From the exchange.

  respond(x: Exchange, head: ResponseHead): void {
    if (head.status < 200 && head.status !== 101) {
      if (this.#minorVersion === 1) this.#writeHead(head);
      return;
    }
    if (head.status === 101) {
      this.#writeHead(head);
      return;
    }
    if (x.request.method === "HEAD") head.framing = Framing.None;
    if (head.framing === Framing.Close || head.framing === Framing.Chunked) {
      head.framing = this.#minorVersion === 1 ? Framing.Chunked : Framing.Close;
    }
    const isAllHere = x.requestEnded || this.#requestFraming === Framing.None;
    this.#keepAlive &&=
      isAllHere && !this.#isDraining && !this.entry.thread.endsConnections && !this.#hasEnded;
    // After a request that was refused for its bytes nothing more is read.
    if (head.framing === Framing.Close || x.flag === Flag.DownstreamProtocol) {
      this.#keepAlive = false;
    }
    head.keepAlive = this.#keepAlive;
    this.#framing = head.framing;
    this.#writeHead(head);
  }

  respondContent(bytes: Buffer): boolean {
    let mayGoOn: boolean;
    if (this.#framing === Framing.Chunked) {
      this.socket.write(writeChunkHead(bytes.length));
      this.socket.write(bytes);
      mayGoOn = this.socket.write(chunkEnd);
    } else {
      mayGoOn = this.socket.write(bytes);
    }
    if (!mayGoOn) this.#watchdog.soon();
    return mayGoOn;
  }

  respondEnd(trailers: HeaderList): void {
    if (this.#framing !== Framing.Chunked) return;
    this.socket.write(writeLastChunk(this.#acceptsTrailers ? trailers : noTrailers));
  }

  abort(): void {
    this.#keepAlive = false;
    this.socket.reset();
  }

  pauseContent(): void {
    this.isContentPaused = true;
    this.socket.pause();
  }

  resumeContent(): void {
    this.isContentPaused = false;
    this.socket.resume();
  }

  finished(x: Exchange): void {
    if (this.#exchange !== x) return;
    this.#exchange = null;
    if (this.#isDetached || this.socket.isClosed) return;
    this.#watchdog.idleFrom();
    if (!this.#keepAlive || x.status === 0) this.#linger();
    else if (!this.#isFeeding) this.#next();
  }

  detach(): DetachedSocket {
    this.#isDetached = true;
    this.#forget();
    return { socket: this.socket, early: this.#stash };
  }

  answerDetached(head: ResponseHead): void {
    head.keepAlive = head.status < 300;
    this.#writeHead(head);
  }

  #writeHead(head: ResponseHead): void {
    const { status, reason, headers, framing, contentLength, keepAlive, upgrade } = head;
    const peerMinorVersion = this.#minorVersion;
    const fields = {
      status,
      reason,
      headers,
      framing,
      contentLength,
      keepAlive,
      upgrade,
      peerMinorVersion,
    };
    try {
      this.socket.write(writeResponseHead(fields));
    } catch (error) {
      // The writer refuses what could end a field (http-cases H33): an edit of the route made it.
      this.entry.thread.log.error("a response cannot be written", { reason: String(error) });
      this.abort();
    }
  }

  /** Takes bytes through the parser, message by message, until one must wait. */
  #feed(bytes: Buffer): void {
    let at = 0;
    this.#isFeeding = true;
    for (;;) {
      const status = this.#parser.feed(bytes, this, at);
      if (status !== ParseStatus.End) {
        if (status === ParseStatus.More && this.isInHead) this.#watchdog.headFrom();
        break;
      }
      at = this.#parser.consumed;
      if (this.#lingerTimer !== null || this.#isDetached) break;
      const x = this.#exchange;
      if (x === null) {
        if (at < bytes.length) continue;
        break;
      }
      if (at < bytes.length) this.#stash = Buffer.from(bytes.subarray(at));
      if (this.#isConnect) {
        this.#isConnect = false;
        connect(x);
      }
      break;
    }
    this.#isFeeding = false;
    // An exchange that ended while its bytes were being read left what came after them.
    if (this.#exchange === null && this.#stash.length > 0 && !this.#isDetached) this.#next();
  }

  /** The next request, if its bytes are here already. */
  #next(): void {
    const waiting = this.#stash;
    this.#stash = nothing;
    if (this.#lingerTimer !== null) return;
    if (waiting.length > 0) this.#feed(waiting);
    if (this.#isDetached || this.#exchange !== null) return;
    if (this.#hasEnded && this.#parser.isIdle) this.#close();
    else if (this.#isDraining && this.#parser.isIdle) this.#linger();
    else this.socket.resume();
  }

  /** FIN now; what the peer still sends is dropped for a while. */
  #linger(): void {
    if (this.#lingerTimer !== null || this.#isDetached) return;
    const timer = new WheelTimer({ onTimeout: () => this.socket.destroy() }, 0);
    this.#lingerTimer = timer;
    this.#stash = nothing;
    this.entry.thread.wheel.set(timer, lingerMs);
    this.socket.end();
    this.socket.resume();
    if (this.#hasEnded) this.socket.destroySoon();
  }

  #close(): void {
    this.socket.destroySoon();
  }

  #forget(): void {
    const { thread } = this.entry;
    if (!thread.downstreams.delete(this)) return;
    this.#count(-1);
    this.#watchdog.stop();
    if (this.#lingerTimer !== null) thread.wheel.cancel(this.#lingerTimer);
  }

  #count(by: 1 | -1): void {
    const { connections } = this.entry.thread.stats;
    if (this.#isOutbound) connections.outbound += by;
    else connections.inbound += by;
  }
}
