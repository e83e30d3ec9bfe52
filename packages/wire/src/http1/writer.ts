// Writes heads and chunks from the model (RFC 9112 §2.1, §7.1), never from bytes that were
// received. The writer alone sets the fields that frame a message or steer a connection, and
// nothing that is not a token can be a name, nor a control character be written (http-cases H33):
// the check runs over the finished bytes, four at a time.

import { tokenFold, writeLatin1 } from "../bytes.ts";
import type { HeaderList } from "../header-list.ts";
import { knownNames, writtenFromHead } from "../header-names.ts";
import { Framing } from "./head.ts";

/**
 * A request as it goes upstream. The writer adds host, framing and connection fields from these
 * members.
 */
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
  /**
   * Version the downstream speaks: HTTP/1.0 is told that its connection stays open (RFC 9112 §9.3).
   */
  readonly peerMinorVersion: 0 | 1;
}

/** Values of Connection by what a request asks: close 1, te 2, upgrade 4. */
const connectionOptions: readonly string[] = [
  "",
  "close",
  "te",
  "close, te",
  "upgrade",
  "close, upgrade",
  "te, upgrade",
  "close, te, upgrade",
];

/** Ends every chunk. */
export const chunkEnd: Buffer = Buffer.from("\r\n");

/** Lines of the head being put together, which is how many CR and LF its bytes may hold. */
let lineCount = 0;

/** Throws when a part could change where lines or fields end; that is a bug of the caller (H33). */
export function writeRequestHead(fields: RequestFields): Buffer {
  const { method, target } = fields;
  if (!isToken(method) || target === "" || target.includes(" ")) throw unsafe("the request line");
  lineCount = 2;
  let text = `${method} ${target} HTTP/1.1\r\n`;
  if (fields.authority !== "") text += line("host", fields.authority);
  text += framingLines(fields.framing, fields.contentLength, false);
  if (fields.expectContinue) text += line("expect", "100-continue");
  if (fields.acceptsTrailers) text += line("te", "trailers");
  if (fields.upgrade !== "") text += line("upgrade", fields.upgrade);
  const options =
    (fields.keepAlive ? 0 : 1) | (fields.acceptsTrailers ? 2 : 0) | (fields.upgrade === "" ? 0 : 4);
  if (options !== 0) text += line("connection", connectionOptions[options] as string);
  return finish(`${text}${fieldLines(fields.headers, true)}\r\n`);
}

/** As writeRequestHead; also throws for a status that is none. */
export function writeResponseHead(fields: ResponseFields): Buffer {
  const { status } = fields;
  if (!Number.isInteger(status) || status < 100 || status > 999) throw unsafe("the status");
  lineCount = 2;
  let text = `HTTP/1.1 ${status} ${fields.reason}\r\n`;
  text += framingLines(fields.framing, fields.contentLength, true);
  if (fields.upgrade !== "") {
    text += line("upgrade", fields.upgrade) + line("connection", "upgrade");
  } else if (status >= 200) {
    if (!fields.keepAlive || fields.framing === Framing.Close) text += line("connection", "close");
    else if (fields.peerMinorVersion === 0) text += line("connection", "keep-alive");
  }
  return finish(`${text}${fieldLines(fields.headers, false)}\r\n`);
}

/** `size CRLF` before a chunk of that many bytes; the chunk is followed by `chunkEnd`. */
export function writeChunkHead(bytes: number): Buffer {
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw unsafe("a chunk size");
  lineCount = 1;
  return finish(`${bytes.toString(16)}\r\n`);
}

/** The last chunk with its trailers. */
export function writeLastChunk(trailers: HeaderList): Buffer {
  lineCount = 2;
  return finish(`0\r\n${fieldLines(trailers, false)}\r\n`);
}

function line(name: string, value: string): string {
  lineCount++;
  return `${name}: ${value}\r\n`;
}

/** Content-Length or Transfer-Encoding, never both (RFC 9112 §6.1). */
function framingLines(framing: Framing, contentLength: number, isResponse: boolean): string {
  if (framing === Framing.Chunked) return line("transfer-encoding", "chunked");
  const isWritten = framing === Framing.Length || (isResponse && framing === Framing.None);
  if (!isWritten || (framing === Framing.None && contentLength < 0)) return "";
  if (!Number.isSafeInteger(contentLength) || contentLength < 0) throw unsafe("a content length");
  return line("content-length", String(contentLength));
}

const free: ReadonlySet<string> = new Set(knownNames.filter((name) => !writtenFromHead.has(name)));

/**
 * The known name last seen at each place: requests of one program have the same names in the same
 * order.
 */
const vetted: string[] = Array.from({ length: 128 }, () => "");

function fieldLines(headers: HeaderList, isRequest: boolean): string {
  let text = "";
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const place = i & 127;
    if (vetted[place] !== name) {
      if (free.has(name)) vetted[place] = name;
      else if (writtenFromHead.has(name)) {
        if (isRequest || name !== "host") continue;
      } else if (!isToken(name)) throw unsafe("a field name");
    }
    text += `${name}: ${headers[i + 1] as string}\r\n`;
    lineCount++;
  }
  return text;
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || tokenFold[code] === 0) return false;
  }
  return text !== "";
}

/** Heads are written one after another into a slab, and are views of it. */
const slabBytes = 64 * 1024;
let slab = Buffer.allocUnsafeSlow(slabBytes);
let words = new Uint32Array(slab.buffer);
let slabAt = 0;

/**
 * The bytes of `text`, proved to hold no control character but their own line ends and tabs. The
 * proof is about bytes, so a character above U+00FF whose low byte is a control is caught too.
 */
function finish(text: string): Buffer {
  const length = text.length;
  const room = (length + 3) & ~3;
  if (slabAt + room > slab.length) {
    slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, room));
    words = new Uint32Array(slab.buffer);
    slabAt = 0;
  }
  const start = slabAt;
  words[(start + room - 4) >>> 2] = 0x20202020;
  writeLatin1(slab, text, start);
  if (countControls(start >>> 2, (start + room) >>> 2) !== 2 * lineCount) {
    if (countUnsafe(start, start + length) !== 2 * lineCount) throw unsafe("a value");
  }
  slabAt = start + room;
  return slab.subarray(start, start + length);
}

/**
 * Bytes below 0x20 in a range of words: adding 0x60 to the low seven bits sets the high bit of all
 * others.
 */
function countControls(from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) {
    const word = words[i] as number;
    const controls = ~(((word & 0x7f7f7f7f) + 0x60606060) | word) & 0x80808080;
    if (controls !== 0) count += Math.imul(controls >>> 7, 0x01010101) >>> 24;
  }
  return count;
}

/** As countControls without the tabs, which may stand in values. */
function countUnsafe(from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) {
    const byte = slab[i] as number;
    if (byte < 0x20 && byte !== 0x09) count++;
  }
  return count;
}

function unsafe(part: string): TypeError {
  return new TypeError(`refused to write a message: ${part} holds what must not stand there`);
}
