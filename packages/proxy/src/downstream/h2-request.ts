// One request of an HTTP/2 connection from a downstream: the `Downstream` of its exchange, over a
// stream (RFC 9113 §8.1). Content that the exchange does not take yet keeps its flow-control
// credit, so the peer stops by itself. A stream that becomes a tunnel goes on as a socket.

import {
  appendHeader,
  type ErrorCode,
  errorStatus,
  errorText,
  Framing,
  hasHeader,
  type HeaderList,
  Http2Error,
  type Http2Stream,
  removeHeader,
  type RequestHead,
  type ResponseHead,
} from "@weft/wire";
import { connect } from "../exchange/connect.ts";
import type { DetachedSocket, Downstream, Exchange } from "../exchange/exchange.ts";
import * as pipeline from "../exchange/pipeline.ts";
import { replyWith } from "../exchange/reply.ts";
import { type StreamOwner, StreamSocket } from "../tcp/stream-socket.ts";
import { Flag, flagRow } from "../telemetry/response-flags.ts";
import type { H2Downstream } from "./h2.ts";

const nothing = Buffer.alloc(0);
/** RFC 6455 §4.1: HTTP/2 has no such field, a server of HTTP/1.1 wants one. */
const keyHeader = "sec-websocket-key";
const keyBytes = 16;
const noTrailers: HeaderList = [];

export class H2Request implements Downstream, StreamOwner {
  readonly protocol = "HTTP/2";
  readonly stream: Http2Stream;
  exchange: Exchange | null = null;
  /** Content arrived and not taken by the exchange; the peer has no credit for it. */
  heldBytes = 0;
  /** For the watchdog: what had moved when it last looked, and since when. */
  seenBytes = 0;
  seenAtMs = 0;
  paceBytes = 0;
  paceSinceMs = 0;
  readonly #connection: H2Downstream;
  readonly #isHead: boolean;
  /** It asked to become a tunnel, and has not become one: its content waits. */
  #wantsTunnel: boolean;
  /** Its peer asked for a WebSocket without a key, as HTTP/2 does; the program was given ours. */
  #isKeyOurs = false;
  #early: Buffer[] | null = null;
  /** The peer has sent END_STREAM. */
  #isRequestEnded: boolean;
  #isResponseEnded = false;
  /** The stream is no concern of this object any more. */
  #isOver = false;
  #tunnel: StreamSocket | null = null;

  constructor(connection: H2Downstream, stream: Http2Stream, head: RequestHead, isEnd: boolean) {
    this.#connection = connection;
    this.stream = stream;
    this.#isHead = head.method === "HEAD";
    this.#wantsTunnel = head.upgrade !== "" || head.method === "CONNECT";
    this.#isRequestEnded = isEnd;
  }

  /** The upstream, not the peer, holds the content back. */
  get isContentPaused(): boolean {
    return this.heldBytes > 0;
  }

  begin(head: RequestHead): void {
    const { entry } = this.#connection;
    const isUpgrade = head.upgrade !== "";
    if (isUpgrade && !hasHeader(head.headers, keyHeader)) {
      this.#isKeyOurs = true;
      const key = Buffer.from(entry.thread.random.bytes(keyBytes)).toString("base64");
      appendHeader(head.headers, keyHeader, key);
    }
    const x = pipeline.begin(entry, this, head);
    this.exchange = x;
    if (head.method === "CONNECT") return connect(x);
    pipeline.route(x);
    this.#connection.watch(x);
    // What comes on the stream of an upgrade belongs to the tunnel.
    if (this.#isRequestEnded || isUpgrade) pipeline.requestEnd(x, noTrailers);
  }

  // From the stream.

  onStreamData(bytes: Buffer): void {
    const x = this.exchange;
    if (x === null || this.#isOver) return;
    if (this.#wantsTunnel) {
      this.#early ??= [];
      this.#early.push(Buffer.from(bytes));
      this.heldBytes += bytes.length;
    } else if (pipeline.requestContent(x, bytes) && this.heldBytes === 0) {
      if (!this.#isOver) this.stream.consumed(bytes.length);
    } else {
      this.heldBytes += bytes.length;
    }
  }

  onStreamEnd(trailers: HeaderList): void {
    this.#isRequestEnded = true;
    const x = this.exchange;
    if (x !== null && !this.#wantsTunnel) pipeline.requestEnd(x, trailers);
  }

  onStreamReset(code: Http2Error, isByPeer: boolean): void {
    const wasOver = this.#isOver;
    this.#isOver = true;
    this.#isResponseEnded = true;
    this.#connection.requestOver();
    const x = this.exchange;
    if (wasOver || x === null) return;
    const isFault = !isByPeer && code !== Http2Error.NoError && code !== Http2Error.Cancel;
    pipeline.abandon(x, isFault ? Flag.DownstreamProtocol : Flag.DownstreamClosed);
  }

  onStreamWritable(): void {
    if (this.exchange !== null) pipeline.downstreamWritable(this.exchange);
  }

  // From the exchange.

  respond(x: Exchange, head: ResponseHead): void {
    if (this.#isOver) return;
    if (head.status < 200) {
      // The switch becomes a 200, without HTTP/1.1's handshake (RFC 8441 §5); an Envoy that carries
      // an HTTP/1.1 client's key wants the proof for that client.
      if (head.status === 101 && this.#isKeyOurs)
        removeHeader(head.headers, "sec-websocket-accept");
      return this.stream.respond(head, false);
    }
    if (this.#wantsTunnel && head.status < 300) {
      // To the peer it would look like a tunnel.
      head.status = 502;
      x.status = 502;
    }
    if (!this.#connection.takesResponse(head)) refuseHead(x, head);
    this.#isResponseEnded = this.#isHead || head.framing === Framing.None;
    this.stream.respond(head, this.#isResponseEnded);
  }

  respondContent(bytes: Buffer): boolean {
    if (this.#isResponseEnded) return true;
    return this.stream.data(bytes);
  }

  respondEnd(trailers: HeaderList): void {
    if (this.#isResponseEnded) return;
    this.#isResponseEnded = true;
    this.stream.end(trailers);
  }

  abort(): void {
    this.#reset(Http2Error.InternalError);
  }

  /** `heldBytes` says all of it: credit is given only for what was taken. */
  pauseContent(): void {}

  resumeContent(): void {
    if (this.heldBytes === 0 || this.#wantsTunnel) return;
    const bytes = this.heldBytes;
    this.heldBytes = 0;
    if (!this.#isOver) this.stream.consumed(bytes);
  }

  finished(): void {
    if (this.#isOver || this.#tunnel !== null) return;
    if (!this.#isResponseEnded) return this.#reset(Http2Error.InternalError);
    this.#isOver = true;
    // Nobody wants it any more; the connection's window must not wait for it.
    if (this.heldBytes > 0) this.stream.consumed(this.heldBytes);
    this.heldBytes = 0;
    // RFC 9113 §8.1: the response is whole, the rest of the request is not wanted.
    if (!this.#isRequestEnded) this.stream.reset(Http2Error.NoError);
    this.#connection.requestOver();
  }

  detach(): DetachedSocket {
    const early = this.#early === null ? nothing : Buffer.concat(this.#early);
    const socket = new StreamSocket(this.stream, this.#connection.socket);
    this.#tunnel = socket;
    this.#wantsTunnel = false;
    this.stream.owner = socket;
    this.#connection.requestOver();
    if (early.length > 0) this.stream.consumed(early.length);
    if (this.#isRequestEnded) socket.onStreamEnd();
    return { socket, early };
  }

  answerDetached(head: ResponseHead): void {
    const socket = this.#tunnel;
    if (socket !== null && !socket.isClosed) this.stream.respond(head, false);
  }

  /** Answers a request that the watchdog gives up. */
  refuse(code: ErrorCode): void {
    const x = this.exchange;
    if (x === null) return this.#reset(Http2Error.Cancel);
    const text = `${errorText(code)}\n`;
    replyWith(x, Flag.DownstreamTimeout, errorStatus(code), text, null);
  }

  #reset(code: Http2Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isResponseEnded = true;
    this.stream.reset(code);
    this.#connection.requestOver();
  }
}

/** The peer is told that there was an answer, without what it does not take and without content. */
function refuseHead(x: Exchange, head: ResponseHead): void {
  x.flag = Flag.HeadTooLarge;
  x.status = 502;
  head.status = 502;
  head.framing = Framing.None;
  head.contentLength = 0;
  head.headers = ["x-weft-flag", flagRow(Flag.HeadTooLarge).code];
}
