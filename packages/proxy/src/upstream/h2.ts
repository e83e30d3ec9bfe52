// One HTTP/2 connection to an endpoint (RFC 9113) that serves many requests at once, each as a
// stream. What all streams say during one event-loop turn is written at its end. The peer's own
// word that it acted on nothing (REFUSED_STREAM, GOAWAY) is told apart from a connection that died:
// the first may be sent again whatever its method (http-cases H32).

import {
  atTurnEnd,
  type ByteSocket,
  type SocketOwner,
  type TlsContext,
  type TurnEnd,
} from "@weft/runtime";
import {
  defaultHttp2Keepalive,
  type HeaderList,
  Http2Connection,
  Http2Error,
  type Http2Keepalive,
  Http2Reason,
  http2ReasonText,
  type Http2Sink,
  Http2Status,
  type Http2Stream,
  type ResponseHead,
  sharedConnectionWindowBytes,
} from "@weft/wire";
import type { UpstreamUser } from "../exchange/exchange.ts";
import type { StreamSocketPeer } from "../tcp/stream-socket.ts";
import { Refusal } from "../telemetry/refusals.ts";
import { Flag } from "../telemetry/response-flags.ts";
import type { Dialling } from "./dialling.ts";
import type { Endpoint } from "./endpoint.ts";
import { H2Stream } from "./h2-stream.ts";
import type { Pool } from "./pool.ts";

/** From here on another connection is opened beside it. */
const comfortableStreams = 100;
/** The same for bytes that wait for the peer's windows, or in the socket. */
const comfortableQueuedBytes = 1024 * 1024;

export class H2Connection implements SocketOwner, TurnEnd {
  readonly pool: Pool;
  readonly #socket: ByteSocket;
  readonly #http2: Http2Connection;
  /** The identity it was opened with; null when plain. */
  readonly #context: TlsContext | null;
  readonly #isCounted: boolean;
  #idleSinceMs: number;
  readonly #endsAtMs: number;
  #requestCount = 0;
  /** Streams of its own that hold a user. */
  #userCount = 0;
  /** No new requests; it closes when the last one is over. */
  #isRetired = false;
  #isClosed = false;
  #isFlushing = false;

  /** Takes over a socket that is up. */
  constructor(pool: Pool, socket: ByteSocket, dialling: Dialling) {
    this.pool = pool;
    this.#socket = socket;
    this.#context = dialling.context;
    this.#isCounted = dialling.isCounted;
    this.#idleSinceMs = pool.endpoint.thread.clock.monotonicMs();
    this.#endsAtMs = pool.endpoint.connectionEndsAtMs(this.#idleSinceMs);
    socket.owner = this;
    this.#http2 = new Http2Connection("client", new Events(this), {
      scheme: pool.endpoint.isMtls ? "https" : "http",
      connectionWindowBytes: sharedConnectionWindowBytes,
      underscoreNames: "keep",
      keepalive: keepaliveOf(pool.endpoint),
    });
    this.hasOutput();
  }

  /** Whether another request served before it on this connection. */
  get hasServed(): boolean {
    return this.#requestCount > 1;
  }

  /** Threads that share the peer's port; 0 when it does not tell. */
  get peerWorkerCount(): number {
    return this.#http2.peerSettings.workerCount;
  }

  /** What tunnels say of the connection below them. */
  get peer(): StreamSocketPeer {
    return this.#socket;
  }

  get openStreamCount(): number {
    return this.#userCount;
  }

  /** It takes another request without being crowded. */
  get isComfortable(): boolean {
    return (
      this.#userCount < comfortableStreams &&
      this.hasRoom &&
      this.#queuedBytes <= comfortableQueuedBytes
    );
  }

  get #queuedBytes(): number {
    return this.#http2.queuedBytes + this.#socket.unsentBytes;
  }

  /** It takes another request. */
  get hasRoom(): boolean {
    return !this.#isRetired && this.#http2.streamsAvailable > 0;
  }

  /** The peer has said what it takes. */
  get isReady(): boolean {
    return this.#http2.isReady;
  }

  /** The peer takes WebSockets on streams (RFC 8441). */
  get allowsExtendedConnect(): boolean {
    return this.#http2.peerSettings.allowsExtendedConnect;
  }

  /** Whether it may serve another request; one that may not is retired. */
  isUsable(nowMs: number, idleMaxMs: number): boolean {
    if (this.#isRetired) return false;
    const { endpoint } = this.pool;
    const { requestsPerConnectionMax } = endpoint.cluster.row;
    const isIdleTooLong = this.#isIdle && nowMs - this.#idleSinceMs > idleMaxMs;
    const isOfToday = this.#context === null || this.#context === endpoint.thread.identity.context;
    const isWornOut =
      nowMs >= this.#endsAtMs ||
      (requestsPerConnectionMax !== null && this.#requestCount >= requestsPerConnectionMax);
    if (!isIdleTooLong && isOfToday && !isWornOut && !this.#socket.isClosed) return true;
    this.retire();
    return false;
  }

  use(user: UpstreamUser): void {
    this.#requestCount++;
    this.#userCount++;
    user.onConnection(new H2Stream(this, this.#http2, user));
  }

  /** What waits long, and tunnels that ended on a connection that is to close. */
  tick(nowMs: number): void {
    if (this.#isClosed) return;
    if (this.#http2.tick(nowMs) === Http2Status.Closed) this.#failed();
    else if (this.#isRetired) this.#closeIfIdle();
  }

  /** No new requests: it closes now, or when the last one is over. */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.pool.retired(this);
    this.#closeIfIdle();
  }

  /** Streams and their users part: a place is free. */
  left(): void {
    this.#userCount--;
    const { endpoint } = this.pool;
    endpoint.cluster.breaker.releaseRequest();
    if (this.#userCount === 0) this.#idleSinceMs = endpoint.thread.clock.monotonicMs();
    // The codec forgets the stream when this event is over.
    if (this.#isRetired) this.hasOutput();
    else this.pool.roomMade(this);
  }

  // From the socket.

  onConnected(): void {}

  onBytes(bytes: Buffer): void {
    const nowMs = this.pool.endpoint.thread.clock.monotonicMs();
    if (this.#http2.feed(bytes, nowMs) === Http2Status.Closed) this.#failed();
  }

  onEnd(): void {
    if (this.#isIdle && !this.#http2.isGoingAway) {
      const { endpoint } = this.pool;
      endpoint.idleClose.observed(endpoint.thread.clock.monotonicMs() - this.#idleSinceMs);
    }
    this.#close();
  }

  onDrain(): void {
    this.#write();
  }

  onClosed(errorCode: string): void {
    this.pool.endpoint.noteClosed(errorCode);
    if (this.#isCounted) this.pool.endpoint.cluster.breaker.releaseConnection();
    this.#isClosed = true;
    this.#isRetired = true;
    this.#http2.disconnected();
    this.pool.closed(this);
  }

  // At the end of the turn.

  flush(): void {
    this.#isFlushing = false;
    this.#write();
    if (this.#isRetired) this.#closeIfIdle();
  }

  // From the codec.

  hasOutput(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    atTurnEnd(this);
  }

  settingsChanged(): void {
    if (!this.#isRetired) this.pool.settingsChanged(this);
  }

  #write(): void {
    if (this.#socket.isBlocked || !this.#http2.hasOutput) return;
    this.#socket.write(this.#http2.takeOutput());
  }

  /** The peer's bytes are no HTTP/2: its streams were told. */
  #failed(): void {
    const { endpoint } = this.pool;
    const { reason } = this.#http2;
    // We said goodbye ourselves; the peer had not heard it yet.
    if (reason === Http2Reason.None) return this.#close();
    if (reason === Http2Reason.Silent) return this.#lost();
    endpoint.thread.refusals.note(Refusal.EndpointHttp2, {
      cluster: endpoint.cluster.name,
      endpoint: endpoint.row.key,
      reason: http2ReasonText(reason),
    });
    this.retire();
    this.#close();
  }

  /** Nobody is there to take what is left. */
  #lost(): void {
    const { endpoint } = this.pool;
    const { cluster, row, thread } = endpoint;
    thread.refusals.note(Refusal.EndpointSilent, { cluster: cluster.name, endpoint: row.key });
    this.#isRetired = true;
    this.pool.retired(this);
    // An orderly end would wait until somebody takes what was written.
    this.#socket.destroy();
  }

  /** Neither requests nor tunnels. */
  get #isIdle(): boolean {
    return this.#userCount === 0 && this.#http2.openStreamCount === 0;
  }

  #closeIfIdle(): void {
    if (!this.#isIdle || this.#isClosed) return;
    this.#http2.goAway(Http2Error.NoError);
    this.#close();
  }

  /** Sends what stands in the output, then closes. */
  #close(): void {
    if (this.#isClosed) return;
    this.#isRetired = true;
    this.#write();
    this.#socket.destroySoon();
  }
}

/**
 * A program of this host can be stopped, in a debugger for one, but not be out of reach.
 */
function keepaliveOf({ cluster, isProgram }: Endpoint): Http2Keepalive | null {
  if (isProgram) return null;
  const { keepalive } = cluster.row;
  if (keepalive === null) return defaultHttp2Keepalive;
  const { intervalMs, timeoutMs } = keepalive;
  return { ...defaultHttp2Keepalive, intervalMs, repeatMs: intervalMs, timeoutMs };
}

/** Hears the codec: almost everything concerns one stream. */
class Events implements Http2Sink {
  readonly #connection: H2Connection;

  constructor(connection: H2Connection) {
    this.#connection = connection;
  }

  onOutput(): void {
    this.#connection.hasOutput();
  }

  onResponse(stream: Http2Stream, head: ResponseHead, isEnd: boolean): void {
    (stream.owner as H2Stream).responded(head, isEnd);
  }

  onData(stream: Http2Stream, bytes: Buffer): void {
    (stream.owner as H2Stream).received(bytes);
  }

  onEnd(stream: Http2Stream, trailers: HeaderList): void {
    (stream.owner as H2Stream).ended(trailers);
  }

  onWritable(stream: Http2Stream): void {
    (stream.owner as H2Stream).writable();
  }

  onReset(stream: Http2Stream, code: Http2Error, isByPeer: boolean): void {
    const flag = flagOf(code, isByPeer, stream.reason);
    (stream.owner as H2Stream).reset(code, isByPeer, flag);
  }

  onGoAway(): void {
    this.#connection.retire();
  }

  onSettings(): void {
    this.#connection.settingsChanged();
  }

  // A client is asked nothing, and does not ping.
  onRequest(): void {}
  onRefused(): void {}
  onStreamRefused(): void {}
  onPong(): void {}
}

const goneReasons: ReadonlySet<Http2Reason> = new Set([
  Http2Reason.Disconnected,
  Http2Reason.Stalled,
  Http2Reason.Silent,
]);

/** Why a stream ended before its response was whole. */
function flagOf(code: Http2Error, isByPeer: boolean, reason: Http2Reason): Flag {
  if (code === Http2Error.RefusedStream) return Flag.UpstreamRefused;
  // The peer finds our request malformed: another would too.
  if (isByPeer && code === Http2Error.ProtocolError) return Flag.UpstreamProtocol;
  if (isByPeer) return Flag.UpstreamStreamReset;
  return goneReasons.has(reason) ? Flag.UpstreamReset : Flag.UpstreamProtocol;
}
