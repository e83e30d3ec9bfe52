// The model of an HTTP/1.x message: what a parser hands out and a writer takes. Everything a proxy
// decides by is computed once, from the bytes, while the head is read; hop-by-hop fields never
// reach the header list (RFC 9110 §7.6.1), they are told by the fields below.

import type { ErrorCode } from "../error-code.ts";
import type { HeaderList } from "../header-list.ts";

const framings = {
  /** There is no content, whatever the fields say. */
  None: 0,
  /** `contentLength` bytes. */
  Length: 1,
  /** Chunked transfer coding. */
  Chunked: 2,
  /** Everything until the connection closes; responses only. */
  Close: 3,
} as const;

/** How the end of the content is found (RFC 9112 §6.3). */
export const Framing: typeof framings = Object.freeze(framings);
export type Framing = (typeof Framing)[keyof typeof Framing];

const targetForms = { Origin: 0, Absolute: 1, Authority: 2, Asterisk: 3 } as const;

/** The four forms of a request target (RFC 9112 §3.2). */
export const TargetForm: typeof targetForms = Object.freeze(targetForms);
export type TargetForm = (typeof TargetForm)[keyof typeof TargetForm];

const parseStatuses = {
  /** All bytes are used; more are wanted. */
  More: 0,
  /**
   * A message is complete; `consumed` bytes of this chunk belong to it, the rest was not looked at.
   */
  End: 1,
  /**
   * A response switched protocols (101, or 2xx to CONNECT); bytes after `consumed` are the
   * tunnel's.
   */
  Tunnel: 2,
  /** The message was refused and `sink.error` told; the parser takes no more. */
  Error: 3,
  /** `abort` was called from the sink. */
  Aborted: 4,
} as const;

/** The outcome of `feed` and `finish`. */
export const ParseStatus: typeof parseStatuses = Object.freeze(parseStatuses);
export type ParseStatus = (typeof ParseStatus)[keyof typeof ParseStatus];

/**
 * A request head. One is made per request and never touched again by the parser: its owner may edit
 * it. Its strings are parts of one decoded string: keep none of them much longer than the exchange.
 */
export class RequestHead {
  method = "";
  /** As it stood in the request line. */
  target = "";
  form: TargetForm = TargetForm.Origin;
  /** "http" or "https" of an absolute-form target, else "". */
  scheme = "";
  /** Without the query; "*" for asterisk-form, "" for authority-form, never empty otherwise. */
  path = "";
  /** From the question mark on, inclusive; "" when there is none. */
  query = "";
  /** True when `normalizePath` would give `path` back as it is, so need not be asked. */
  isPathNormal = true;
  /**
   * Lower-case `host[:port]` of the target, else of the Host field; "" only in HTTP/1.0 without
   * Host.
   */
  authority = "";
  /** Lower-case host of `authority`, IPv6 in brackets, without the port. */
  host = "";
  /** Port of `authority`, -1 when it has none. */
  port = -1;
  minorVersion: 0 | 1 = 1;
  /**
   * End-to-end fields in order. Never in it: host, content-length, transfer-encoding, expect and
   * the hop-by-hop fields, which the other members tell.
   */
  headers: HeaderList = [];
  /** None, Length or Chunked. */
  framing: Framing = Framing.None;
  /** -1 unless a Content-Length was given. */
  contentLength = -1;
  /** Whether the peer lets the connection be used again (RFC 9112 §9.3). */
  keepAlive = true;
  /** "websocket" when a GET without content asks for it by Upgrade and Connection, else "". */
  upgrade = "";
  /** Expect: 100-continue from an HTTP/1.1 peer. */
  expectContinue = false;
  /** TE: trailers. */
  acceptsTrailers = false;
  /** Names of fields that no hop may put into a compression table (RFC 7541 §6.2.3). */
  neverIndexed: string[] | null = null;
}

/** A response head, interim or final. */
export class ResponseHead {
  status = 0;
  reason = "";
  minorVersion: 0 | 1 = 1;
  /**
   * End-to-end fields in order, without content-length, transfer-encoding and hop-by-hop fields.
   */
  headers: HeaderList = [];
  framing: Framing = Framing.None;
  /** As declared, also where there is no content (HEAD, 304); -1 when not declared. */
  contentLength = -1;
  keepAlive = true;
  /** "websocket" in a 101 that switches to it, else "". */
  upgrade = "";
  /** Idle time after which the peer closes (Keep-Alive: timeout=N), in milliseconds; -1 unknown. */
  keepAliveTimeoutMs = -1;
  /** As in `RequestHead`. */
  neverIndexed: string[] | null = null;
}

/** Events of one message: head, data*, end; or error at any point, which is the last event. */
export interface RequestSink {
  head(head: RequestHead): void;
  /** Content, decoded; a view of the fed chunk, valid as long as the chunk is. */
  data(bytes: Buffer): void;
  /** The message is complete. Trailers are filtered (RFC 9110 §6.5.1) and usually empty. */
  end(trailers: HeaderList): void;
  error(code: ErrorCode): void;
}

/** As RequestSink; any number of interim heads (status below 200) precede the final one. */
export interface ResponseSink {
  head(head: ResponseHead): void;
  data(bytes: Buffer): void;
  end(trailers: HeaderList): void;
  error(code: ErrorCode): void;
}
