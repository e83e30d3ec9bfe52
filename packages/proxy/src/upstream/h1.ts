// One HTTP/1.1 connection to an endpoint (RFC 9112). It serves one request at a time; anything
// doubtful about its framing closes it. Bytes that arrive while nothing was asked discard it
// (http-cases H20).

import type { ByteSocket, SocketOwner, TlsContext } from "@weft/runtime";
import {
  chunkEnd,
  ErrorCode,
  Framing,
  type HeaderList,
  ParseStatus,
  type RequestHead,
  type ResponseHead,
  ResponseParser,
  type ResponseSink,
  writeChunkHead,
  writeLastChunk,
  writeRequestHead,
} from "@weft/wire";
import type { UpstreamConnection, UpstreamUser } from "../exchange/exchange.ts";
import { Flag } from "../telemetry/response-flags.ts";
import type { Dialling } from "./dialling.ts";
import type { Pool } from "./pool.ts";

const noTrailers: HeaderList = [];

export class H1Connection implements UpstreamConnection, SocketOwner, ResponseSink {
  readonly #pool: Pool;
  readonly #parser = new ResponseParser();
  /** The identity it was opened with; null when plain. */
  readonly #context: TlsContext | null;
  #isCounted: boolean;
  #socket: ByteSocket | null;
  #user: UpstreamUser | null = null;
  #requestCount = 0;
  #idleSinceMs: number;
  readonly #endsAtMs: number;
  #framing: Framing = Framing.None;
  #isSent = false;
  #keepAlive = true;
  #trailers: HeaderList = noTrailers;
  /** The endpoint speaks HTTP/2, and may not know this protocol at all. */
  #isGuess: boolean;

  /** Takes over a socket that is up. */
  constructor(pool: Pool, socket: ByteSocket, dialling: Dialling) {
    this.#pool = pool;
    this.#socket = socket;
    this.#context = dialling.context;
    this.#isCounted = dialling.isCounted;
    this.#isGuess = dialling.isGuess;
    this.#idleSinceMs = pool.endpoint.thread.clock.monotonicMs();
    this.#endsAtMs = pool.endpoint.connectionEndsAtMs(this.#idleSinceMs);
    socket.owner = this;
  }

  get isReused(): boolean {
    return this.#requestCount > 1;
  }

  get hasBegun(): boolean {
    return this.#parser.hasBegun;
  }

  /** Whether an idle connection may serve another request. */
  isUsable(nowMs: number, idleMaxMs: number): boolean {
    const { identity } = this.#pool.endpoint.thread;
    return (
      nowMs - this.#idleSinceMs <= idleMaxMs &&
      nowMs < this.#endsAtMs &&
      (this.#context === null || this.#context === identity.context) &&
      this.#socket !== null &&
      !this.#socket.isClosed
    );
  }

  use(user: UpstreamUser): void {
    this.#user = user;
    this.#requestCount++;
    this.#isSent = false;
    user.onConnection(this);
  }

  send(request: RequestHead): void {
    this.#framing = request.framing;
    this.#keepAlive = true;
    this.#parser.expect(request.method, request.upgrade !== "");
    this.#socket?.write(writeRequestHead(request));
  }

  sendContent(bytes: Buffer): boolean {
    const socket = this.#socket;
    if (socket === null) return false;
    if (this.#framing !== Framing.Chunked) return socket.write(bytes);
    socket.write(writeChunkHead(bytes.length));
    socket.write(bytes);
    return socket.write(chunkEnd);
  }

  sendEnd(trailers: HeaderList): void {
    this.#isSent = true;
    if (this.#framing === Framing.Chunked) this.#socket?.write(writeLastChunk(trailers));
  }

  pauseContent(): void {
    this.#socket?.pause();
  }

  resumeContent(): void {
    this.#socket?.resume();
  }

  abort(): void {
    if (this.#user === null) return;
    this.#leave();
    this.#parser.abort();
    // A cut request must not look like a whole one (http-cases H13), and the work for a whole one
    // ends.
    this.#socket?.reset();
  }

  close(): void {
    this.#socket?.destroy();
  }

  // From the socket.

  onConnected(): void {}

  onBytes(bytes: Buffer): void {
    if (this.#user === null) return this.close();
    const status = this.#parser.feed(bytes, this);
    if (status === ParseStatus.More || status === ParseStatus.Aborted) return;
    if (status === ParseStatus.End) this.#complete(this.#parser.consumed === bytes.length);
    else if (status === ParseStatus.Tunnel) this.#switched(bytes.subarray(this.#parser.consumed));
  }

  onEnd(): void {
    if (this.#user === null) {
      const idleMs = this.#pool.endpoint.thread.clock.monotonicMs() - this.#idleSinceMs;
      this.#pool.endpoint.idleClose.observed(idleMs);
    } else if (this.#parser.finish(this) === ParseStatus.End) {
      this.#complete(false);
    }
    this.close();
  }

  onDrain(): void {
    this.#user?.onWritable();
  }

  onClosed(errorCode: string): void {
    this.#pool.endpoint.noteClosed(errorCode);
    this.#uncount();
    const user = this.#user;
    if (user !== null) {
      this.#leave();
      user.onBroken(this.#isGuess ? Flag.NoWebSocket : Flag.UpstreamReset);
    }
    this.#pool.closed(this);
  }

  // From the parser.

  head(head: ResponseHead): void {
    this.#isGuess = false;
    if (head.status >= 200) {
      this.#keepAlive = head.keepAlive;
      if (head.keepAliveTimeoutMs >= 0) {
        this.#pool.endpoint.idleClose.announced(head.keepAliveTimeoutMs);
      }
    }
    this.#user?.onResponse(head);
  }

  data(bytes: Buffer): void {
    this.#user?.onContent(bytes);
  }

  end(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  error(code: ErrorCode): void {
    const user = this.#user;
    if (user === null) return;
    this.#leave();
    this.#socket?.destroy();
    if (this.#isGuess) return user.onBroken(Flag.NoWebSocket);
    user.onBroken(code === ErrorCode.Truncated ? Flag.UpstreamReset : Flag.UpstreamProtocol);
  }

  /** The response is whole. The connection goes back first, so that the next request may use it. */
  #complete(isExact: boolean): void {
    const user = this.#user;
    if (user === null) return;
    const { cluster, thread } = this.#pool.endpoint;
    const { row } = cluster;
    const nowMs = thread.clock.monotonicMs();
    const isFit =
      isExact &&
      nowMs < this.#endsAtMs &&
      this.#keepAlive &&
      this.#isSent &&
      (row.requestsPerConnectionMax === null || this.#requestCount < row.requestsPerConnectionMax);
    const trailers = this.#trailers;
    this.#trailers = noTrailers;
    this.#leave();
    if (!isFit) {
      this.close();
    } else {
      this.#idleSinceMs = nowMs;
      this.#socket?.resume();
      this.#pool.released(this);
    }
    user.onComplete(trailers);
  }

  /**
   * The socket becomes a tunnel and leaves the pool, but keeps its place in the connection limit.
   */
  #switched(early: Buffer): void {
    const user = this.#user;
    const socket = this.#socket;
    if (user === null || socket === null) return;
    this.#leave();
    this.#socket = null;
    this.#pool.closed(this);
    this.#uncount();
    user.onSwitched(socket, early);
  }

  #leave(): void {
    this.#user = null;
    this.#pool.endpoint.cluster.breaker.releaseRequest();
  }

  #uncount(): void {
    if (!this.#isCounted) return;
    this.#isCounted = false;
    this.#pool.endpoint.cluster.breaker.releaseConnection();
  }
}
