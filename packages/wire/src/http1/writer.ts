// Writes heads and chunks from the model (RFC 9112).

import type { HeaderList } from "../header-list.ts";
import type { Framing } from "./head.ts";

/** A request as it goes upstream. The writer adds host, framing and connection fields from these members. */
export interface RequestFields {
  readonly method: string;
  /** Exactly what stands in the request line: path and query, "*", or an authority for CONNECT. */
  readonly target: string;
  /** Value of the Host field, which is written first. */
  readonly authority: string;
  readonly headers: HeaderList;
  readonly framing: Framing;
  /** Written as Content-Length when framing is Length. */
  readonly contentLength: number;
  /** False writes Connection: close. */
  readonly keepAlive: boolean;
  /** Not "": writes Upgrade and Connection: upgrade. */
  readonly upgrade: string;
  readonly expectContinue: boolean;
  /** Writes TE: trailers and Connection: te. */
  readonly acceptsTrailers: boolean;
}

/** A response as it goes downstream. */
export interface ResponseFields {
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
  /** None, Length, Chunked or Close; Close implies Connection: close. */
  readonly framing: Framing;
  /** Written as Content-Length when not negative and framing is Length or None (HEAD, 304). */
  readonly contentLength: number;
  readonly keepAlive: boolean;
  readonly upgrade: string;
}

/** Throws when a name is no token or a value holds a control character or one above U+00FF (H33). */
export declare function writeRequestHead(fields: RequestFields): Buffer;
export declare function writeResponseHead(fields: ResponseFields): Buffer;
/** `size CRLF` before a chunk of that many bytes; the chunk is followed by `chunkEnd`. */
export declare function writeChunkHead(bytes: number): Buffer;
export declare const chunkEnd: Buffer;
/** The last chunk with its trailers. */
export declare function writeLastChunk(trailers: HeaderList): Buffer;
