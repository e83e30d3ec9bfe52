// What a parser said about some bytes, in a form that can be compared: used by tests and fuzzing,
// which feed the same bytes in different chunks and demand the same transcript.

import { latin1Text } from "../bytes.ts";
import { ErrorCode } from "../error-code.ts";
import type { HeaderList } from "../header-list.ts";
import { ParseStatus, type RequestHead, type ResponseHead } from "./head.ts";
import { RequestParser, type RequestParserOptions } from "./request-parser.ts";
import { ResponseParser, type ResponseParserOptions } from "./response-parser.ts";

export interface Message<Head> {
  head: Head;
  /** Content decoded, one character a byte. */
  body: string;
  trailers: HeaderList;
  isComplete: boolean;
}

export interface Transcript<Head> {
  messages: Message<Head>[];
  error: ErrorCode;
  /** Bytes used up to the end, the error, or the tunnel. */
  used: number;
  isTunnel: boolean;
}

/** Collects events and checks their order: head, data*, end, and nothing after an error. */
class Recorder<Head> {
  readonly transcript: Transcript<Head> = {
    messages: [],
    error: ErrorCode.None,
    used: 0,
    isTunnel: false,
  };
  /** Whether a head opens a message that data and end belong to. */
  readonly #opens: (head: Head) => boolean;
  #open: Message<Head> | null = null;

  constructor(opens: (head: Head) => boolean) {
    this.#opens = opens;
  }

  head(head: Head): void {
    this.#check(this.#open === null);
    const message = { head, body: "", trailers: [], isComplete: false };
    this.transcript.messages.push(message);
    if (this.#opens(head)) this.#open = message;
    else message.isComplete = true;
  }

  data(bytes: Buffer): void {
    this.#check(this.#open !== null && bytes.length > 0);
    (this.#open as Message<Head>).body += latin1Text(bytes, 0, bytes.length);
  }

  end(trailers: HeaderList): void {
    this.#check(this.#open !== null);
    const message = this.#open as Message<Head>;
    message.trailers = trailers;
    message.isComplete = true;
    this.#open = null;
  }

  error(code: ErrorCode): void {
    this.#check(code !== ErrorCode.None);
    this.transcript.error = code;
  }

  #check(isInOrder: boolean): void {
    if (!isInOrder || this.transcript.error !== ErrorCode.None)
      throw new Error("event out of order");
  }
}

/** Reads pipelined requests from the pieces in turn; `isEnded` closes the connection after them. */
export function readRequests(
  pieces: Iterable<Buffer>,
  options: Partial<RequestParserOptions> = {},
  isEnded = false,
): Transcript<RequestHead> {
  const recorder = new Recorder<RequestHead>(() => true);
  const parser = new RequestParser(options);
  const { transcript } = recorder;
  for (const piece of pieces) {
    let at = 0;
    let status: ParseStatus;
    do {
      status = parser.feed(piece, recorder, at);
      checkUse(at, parser.consumed, piece, status);
      transcript.used += parser.consumed - at;
      at = parser.consumed;
    } while (status === ParseStatus.End && at < piece.length);
    if (status === ParseStatus.Error) return transcript;
  }
  if (isEnded) parser.finish(recorder);
  return transcript;
}

export interface ExpectedResponse {
  readonly method: string;
  readonly isUpgradeAsked: boolean;
}

/** Reads the responses to the given requests; bytes after the last one are an error. */
export function readResponses(
  pieces: Iterable<Buffer>,
  expected: readonly ExpectedResponse[],
  options: Partial<ResponseParserOptions> = {},
  isEnded = false,
): Transcript<ResponseHead> {
  const recorder = new Recorder<ResponseHead>((head) => head.status >= 200 || head.status === 101);
  const parser = new ResponseParser(options);
  const { transcript } = recorder;
  let next = 0;
  for (const piece of pieces) {
    let at = 0;
    let status: ParseStatus;
    do {
      const request = expected[next];
      if (parser.isIdle && request !== undefined) {
        parser.expect(request.method, request.isUpgradeAsked);
        next++;
      }
      status = parser.feed(piece, recorder, at);
      checkUse(at, parser.consumed, piece, status);
      transcript.used += parser.consumed - at;
      at = parser.consumed;
    } while (status === ParseStatus.End && at < piece.length);
    transcript.isTunnel = status === ParseStatus.Tunnel;
    if (status === ParseStatus.Error || transcript.isTunnel) return transcript;
  }
  if (isEnded) parser.finish(recorder);
  return transcript;
}

/** A parser never claims bytes it was not given, and More means that all were used. */
function checkUse(from: number, consumed: number, piece: Buffer, status: ParseStatus): void {
  if (consumed < from || consumed > piece.length)
    throw new Error("bytes outside the chunk were used");
  if (status === ParseStatus.More && consumed !== piece.length) throw new Error("bytes were left");
}

/** Two-piece cuts are tried at every place up to this length, beyond it at some places only. */
const everyCutMax = 512;

/**
 * Reads the same bytes whole, cut in two at every place, and byte by byte; answers the transcript,
 * and throws when two of them differ.
 */
export function readAlike<Head>(
  bytes: Buffer,
  read: (pieces: readonly Buffer[]) => Transcript<Head>,
): Transcript<Head> {
  const whole = read([bytes]);
  const compare = (pieces: readonly Buffer[], how: string): void => {
    demandSame(whole, read(pieces), how);
  };
  const step = Math.max(1, Math.floor(bytes.length / everyCutMax));
  for (let at = 1; at < bytes.length; at += step) compare(cutAt(bytes, [at]), `cut at ${at}`);
  compare(cutToBytes(bytes), "byte by byte");
  return whole;
}

/** Throws when the same bytes in other chunks were read differently. */
export function demandSame<Head>(
  whole: Transcript<Head>,
  cut: Transcript<Head>,
  how: string,
): void {
  // Where in its line an error comes to light does depend on the chunks.
  const isUsedAlike = whole.error !== ErrorCode.None || whole.used === cut.used;
  if (
    isUsedAlike &&
    whole.error === cut.error &&
    whole.isTunnel === cut.isTunnel &&
    isSame(whole.messages, cut.messages)
  ) {
    return;
  }
  throw new Error(`${how}:\n${JSON.stringify(cut)}\nwhole:\n${JSON.stringify(whole)}`);
}

/** Whether two values of plain data are equal, all the way down. */
function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => isSame(left[key], right[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Cuts bytes at the given sorted offsets. */
export function cutAt(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const offset of offsets) {
    pieces.push(bytes.subarray(from, offset));
    from = offset;
  }
  pieces.push(bytes.subarray(from));
  return pieces;
}

/** Every byte a chunk of its own. */
export function cutToBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}
