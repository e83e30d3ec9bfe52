// One HTTP/1.1 connection to an endpoint (RFC 9112). It serves one request at a time; anything
// doubtful about its framing closes it. Bytes that arrive while nothing was asked discard it
// (http-cases H20).

import { type ByteSocket, type SocketOwner, type TlsContext, WheelTimer } from "@weft/runtime";
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
import { connectFlag } from "./connect-flag.ts";
import type { Pool } from "./pool.ts";

const noTrailers: HeaderList = [];

export class H1Connection implements UpstreamConnection, SocketOwner, ResponseSink {
  readonly #pool: Pool;
  readonly #parser = new ResponseParser();
  /** Counted in the cluster's connections; one beyond the limit is not. */
  readonly #isCounted: boolean;
  /** The identity it was opened with; null when plain. */
  #context: TlsContext | null = null;
  #socket: ByteSocket | null = null;
  #user: UpstreamUser | null = null;
  #connectTimer: WheelTimer | null = null;
  #isConnected = false;
  #requestCount = 0;
  #idleSinceMs = 0;
  #framing: Framing = Framing.None;
  #isSent = false;
  #keepAlive = true;
  #trailers: HeaderList = noTrailers;

  constructor(pool: Pool, isCounted: boolean) {
    this.#pool = pool;
    this.#isCounted = isCounted;
  }

  get isReused(): boolean {
    return this.#requestCount > 1;
  }

  get hasBegun(): boolean {
    return this.#parser.hasBegun;
  }

  /** Starts connecting; a flag other than None says that it cannot. */
  open(): Flag {
    const { endpoint } = this.#pool;
    const dialled = endpoint.dial(this);
    if (typeof dialled === "number") {
      this.#uncount();
      return dialled;
    }
    this.#socket = dialled;
    if (endpoint.isMtls) this.#context = endpoint.thread.identity.context;
    this.#connectTimer = new WheelTimer(this, 0);
    endpoint.thread.wheel.set(this.#connectTimer, endpoint.cluster.row.connectTimeoutMs);
    return Flag.None;
  }

  /** Whether an idle connection may serve another request. */
  isUsable(nowMs: number, idleMaxMs: number): boolean {
    const { identity } = this.#pool.endpoint.thread;
    return (
      nowMs - this.#idleSinceMs <= idleMaxMs &&
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

  onConnected(): void {
    this.#isConnected = true;
    this.#pool.endpoint.lastFailure = "";
    this.#cancelConnectTimer();
    this.#idleSinceMs = this.#pool.endpoint.thread.clock.monotonicMs();
    this.#pool.connected(this);
  }

  onTimeout(): void {
    this.#isConnected = false;
    this.#socket?.destroy();
  }

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
    this.#uncount();
    if (!this.#isConnected) {
      this.#cancelConnectTimer();
      this.#pool.endpoint.lastFailure = errorCode === "" ? "timed out" : errorCode;
      return this.#pool.failed(this, connectFlag(errorCode));
    }
    const user = this.#user;
    if (user !== null) {
      this.#leave();
      user.onBroken(Flag.UpstreamReset);
    }
    this.#pool.closed(this);
  }

  // From the parser.

  head(head: ResponseHead): void {
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
    user.onBroken(code === ErrorCode.Truncated ? Flag.UpstreamReset : Flag.UpstreamProtocol);
  }

  /** The response is whole. The connection goes back first, so that the next request may use it. */
  #complete(isExact: boolean): void {
    const user = this.#user;
    if (user === null) return;
    const { row } = this.#pool.endpoint.cluster;
    const isFit =
      isExact &&
      this.#keepAlive &&
      this.#isSent &&
      (row.requestsPerConnectionMax === null || this.#requestCount < row.requestsPerConnectionMax);
    const trailers = this.#trailers;
    this.#trailers = noTrailers;
    this.#leave();
    if (!isFit) {
      this.close();
    } else {
      this.#idleSinceMs = this.#pool.endpoint.thread.clock.monotonicMs();
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

  #uncounted = false;

  #uncount(): void {
    if (!this.#isCounted || this.#uncounted) return;
    this.#uncounted = true;
    this.#pool.endpoint.cluster.breaker.releaseConnection();
  }

  #cancelConnectTimer(): void {
    if (this.#connectTimer === null) return;
    this.#pool.endpoint.thread.wheel.cancel(this.#connectTimer);
    this.#connectTimer = null;
  }
}
