// What the two ends of an HTTP/2 connection agree on or decide for themselves: what the user of the
// codec sets, what the peer's SETTINGS say (RFC 9113 §6.5.2), and the events it hears.

import type { ErrorCode } from "../error-code.ts";
import type { HeaderList } from "../header-list.ts";
import type { UnderscoreNames } from "../http1/field-block.ts";
import type { RequestHead, ResponseHead } from "../http1/head.ts";
import { defaultHttp2Limits, type Http2Limits } from "../limits.ts";
import type { Http2Error, Http2Reason } from "./error.ts";
import type { Http2Keepalive } from "./keepalive.ts";
import type { Http2Stream } from "./stream.ts";

/** Which side of a connection this is; a server takes requests, a client makes them. */
export type Http2Role = "client" | "server";

const statuses = {
  /** All bytes are used; more are wanted. */
  More: 0,
  /** The connection failed: GOAWAY stands in the output; write it, then close the socket. */
  Closed: 1,
  /**
   * As many requests as one turn may bring were taken, the rest of the bytes is kept: call `feed`
   * with no bytes in a later turn, and read nothing before.
   */
  Paused: 2,
} as const;

/** The outcome of `feed`. */
export const Http2Status: typeof statuses = Object.freeze(statuses);
export type Http2Status = (typeof Http2Status)[keyof typeof Http2Status];

export interface Http2Options {
  readonly limits: Http2Limits;
  /** Streams the peer may open at once; 100 at the edge, 256 inside a mesh. */
  readonly concurrentStreamsMax: number;
  /** What the peer may send on one stream before it is consumed. */
  readonly streamWindowBytes: number;
  /** What the peer may send on all streams before it is consumed. */
  readonly connectionWindowBytes: number;
  /** Server: CONNECT may ask for another protocol (RFC 8441 §3). */
  readonly allowExtendedConnect: boolean;
  /** Server: plain CONNECT is answered 405 by its user unless set (http-cases H24). */
  readonly allowConnect: boolean;
  /** Server: methods outside RFC 9110 and PATCH are 501 unless set (H26). */
  readonly allowUnknownMethods: boolean;
  /** Field names with an underscore: kept, dropped, or the message refused (H17). */
  readonly underscoreNames: UnderscoreNames;
  /** Refuse %00, %0d%0a and overlong UTF-8 in the query too (H27). */
  readonly strictQuery: boolean;
  /** Header strings are Huffman-coded where that is shorter: a fifth fewer bytes, much more CPU. */
  readonly isHuffman: boolean;
  /** Client: the :scheme of requests whose head names none. */
  readonly scheme: "http" | "https";
  /** Server: threads that share its port, told to peers that open a connection for each; 0: not. */
  readonly workerCount: number;
  /** Peers that went silent are noticed; null: they are waited for. */
  readonly keepalive: Http2Keepalive | null;
}

/**
 * A connection window for connections that carry the exchanges of many users: those of them that
 * stop reading hold a stream's window each, and must not close the connection's for the others.
 */
export const sharedConnectionWindowBytes: number = 16 * 1024 * 1024;

export const defaultHttp2Options: Http2Options = Object.freeze({
  limits: defaultHttp2Limits,
  concurrentStreamsMax: 100,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 1024 * 1024,
  allowExtendedConnect: false,
  allowConnect: false,
  allowUnknownMethods: true,
  underscoreNames: "drop",
  strictQuery: true,
  isHuffman: false,
  scheme: "http",
  workerCount: 0,
  keepalive: null,
});

/** What the peer's SETTINGS say; the initial values of RFC 9113 §6.5.2 before they arrive. */
export interface PeerSettings {
  readonly headerTableBytes: number;
  readonly concurrentStreamsMax: number;
  readonly streamWindowBytes: number;
  readonly frameBytesMax: number;
  readonly headerListBytesMax: number;
  /** The peer takes extended CONNECT. */
  readonly allowsExtendedConnect: boolean;
  /** Threads that share the peer's port, 0 when it does not tell. */
  readonly workerCount: number;
}

/**
 * Who hears a connection. Methods may call back into the connection and its streams. After
 * `onReset`, or after both sides ended, a stream is never heard of again.
 */
export interface Http2Sink {
  /** The output, empty before, is not any more: write it at the end of the turn. */
  onOutput(): void;
  /**
   * Server: a request began. With `isEnd` there is no content, and neither `onData` nor `onEnd`
   * follow.
   */
  onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void;
  /**
   * Server: a well-formed request that is answered by `errorStatus(code)` (405, 414, 417, 431, 501)
   * without being looked at further: call `stream.respond`. Nothing follows.
   */
  onRefused(stream: Http2Stream, code: ErrorCode): void;
  /**
   * Server: a request was malformed, or one too many: its stream was reset and is not handed on.
   */
  onStreamRefused(reason: Http2Reason): void;
  /** Client: an interim head (status below 200), or the final one. `isEnd` as in onRequest. */
  onResponse(stream: Http2Stream, head: ResponseHead, isEnd: boolean): void;
  /** Content; lent for the call. Give its length to `stream.consumed` when it is dealt with. */
  onData(stream: Http2Stream, bytes: Buffer): void;
  /** The peer's half is complete. Trailers are filtered as in HTTP/1 and usually empty. */
  onEnd(stream: Http2Stream, trailers: HeaderList): void;
  /**
   * The stream is over before its time: reset by the peer, or (`isByPeer` false) because of the
   * peer's error or the end of the connection; `stream.reason` says which rule. RefusedStream means
   * that nobody has acted on the request. Not called for `stream.reset`.
   */
  onReset(stream: Http2Stream, code: Http2Error, isByPeer: boolean): void;
  /** After `stream.data` answered false: it may be called again. */
  onWritable(stream: Http2Stream): void;
  /** The peer opens or takes no more streams; those above lastStreamId were told by onReset. */
  onGoAway(lastStreamId: number, code: Http2Error): void;
  /** The peer's settings arrived or changed. */
  onSettings(): void;
  /** The answer to `ping`. */
  onPong(payload: Buffer): void;
}
