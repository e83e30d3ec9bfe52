// One request on an HTTP/2 connection to an endpoint, as an exchange sees it. Credit for content is
// given back as soon as the other side has taken it, so that a slow reader stops its own stream and
// no other (RFC 9113 §5.2).

import {
  Framing,
  type HeaderList,
  type Http2Connection,
  Http2Error,
  type Http2Stream,
  type RequestHead,
  type ResponseHead,
} from "@weft/wire";
import type { UpstreamConnection, UpstreamUser } from "../exchange/exchange.ts";
import { reasonOf } from "../exchange/reason.ts";
import { StreamSocket } from "../tcp/stream-socket.ts";
import { Flag } from "../telemetry/response-flags.ts";
import type { H2Connection } from "./h2.ts";
import { proveKey } from "./websocket.ts";

const noTrailers: HeaderList = [];
const nothing = Buffer.alloc(0);

export class H2Stream implements UpstreamConnection {
  readonly isReused: boolean;
  hasBegun = false;
  readonly #connection: H2Connection;
  readonly #http2: Http2Connection;
  /** Null before `send` and when it is over. */
  #stream: Http2Stream | null = null;
  /** Null when it is over. */
  #user: UpstreamUser | null;
  #isSent = false;
  #isPaused = false;
  /** Content that was passed on while the other side wanted no more. */
  #owedBytes = 0;
  /** Asks for a WebSocket by extended CONNECT (RFC 8441). */
  #upgrade: RequestHead | null = null;
  /** The WebSocket, once it is one. */
  #tunnel: StreamSocket | null = null;

  constructor(connection: H2Connection, http2: Http2Connection, user: UpstreamUser) {
    this.#connection = connection;
    this.#http2 = http2;
    this.#user = user;
    this.isReused = connection.hasServed;
  }

  send(request: RequestHead): void {
    const isUpgrade = request.upgrade !== "";
    if (!this.#http2.takesRequest(request)) return this.broken(Flag.HeadTooLarge);
    if (isUpgrade) this.#upgrade = request;
    this.#isSent = request.framing === Framing.None && !isUpgrade;
    const stream = this.#http2.request(request, this.#isSent);
    // The pool looked for room, so this is a connection that ended meanwhile.
    if (stream === null) return this.broken(Flag.UpstreamRefused);
    stream.owner = this;
    this.#stream = stream;
  }

  sendContent(bytes: Buffer): boolean {
    return this.#stream === null || this.#stream.data(bytes);
  }

  sendEnd(trailers: HeaderList): void {
    if (this.#isSent || this.#upgrade !== null) return;
    this.#isSent = true;
    this.#stream?.end(trailers);
  }

  pauseContent(): void {
    this.#isPaused = true;
  }

  resumeContent(): void {
    this.#isPaused = false;
    const owed = this.#owedBytes;
    if (owed === 0) return;
    this.#owedBytes = 0;
    this.#stream?.consumed(owed);
  }

  abort(): void {
    if (this.#user === null) return;
    const stream = this.#stream;
    this.#leave();
    stream?.reset(Http2Error.Cancel);
  }

  // From the codec.

  responded(head: ResponseHead, isEnd: boolean): void {
    this.hasBegun = true;
    const user = this.#user;
    if (user === null) return;
    // HTTP/2 has no reason phrase; an HTTP/1.1 client is given the usual one.
    head.reason = reasonOf(head.status);
    if (head.status === 101) {
      this.#switch(head, user);
      if (isEnd) this.#tunnel?.onStreamEnd();
      return;
    }
    user.onResponse(head);
    if (isEnd) this.ended(noTrailers);
  }

  received(bytes: Buffer): void {
    if (this.#tunnel !== null) return this.#tunnel.onStreamData(bytes);
    const user = this.#user;
    if (user === null) return;
    const { length } = bytes;
    user.onContent(bytes);
    if (this.#isPaused) this.#owedBytes += length;
    else this.#stream?.consumed(length);
  }

  ended(trailers: HeaderList): void {
    if (this.#tunnel !== null) return this.#tunnel.onStreamEnd();
    const user = this.#user;
    if (user === null) return;
    const stream = this.#stream;
    const isSent = this.#isSent;
    this.#leave();
    // The answer came before the request was whole: the rest is not wanted (RFC 9113 §8.1).
    if (!isSent) stream?.reset(Http2Error.Cancel);
    user.onComplete(trailers);
  }

  writable(): void {
    if (this.#tunnel !== null) return this.#tunnel.onStreamWritable();
    this.#user?.onWritable();
  }

  /** The stream is over before its time. */
  reset(code: Http2Error, isByPeer: boolean, flag: Flag): void {
    if (this.#tunnel !== null) this.#tunnel.onStreamReset(code, isByPeer);
    else this.broken(flag);
  }

  broken(flag: Flag): void {
    const user = this.#user;
    if (user === null) return;
    this.#leave();
    user.onBroken(flag);
  }

  /** The stream is a tunnel from here on, and no request any more. */
  #switch(head: ResponseHead, user: UpstreamUser): void {
    const stream = this.#stream;
    if (stream === null || this.#upgrade === null) return;
    proveKey(this.#upgrade, head);
    this.#leave();
    this.#tunnel = new StreamSocket(stream, this.#connection.peer);
    user.onResponse(head);
    user.onSwitched(this.#tunnel, nothing);
  }

  #leave(): void {
    // What the other side holds it holds; the connection's window must not wait for it.
    if (this.#owedBytes > 0) this.#stream?.consumed(this.#owedBytes);
    this.#owedBytes = 0;
    this.#user = null;
    this.#stream = null;
    this.#connection.left();
  }
}
