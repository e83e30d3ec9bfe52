// Decodes the chunked transfer coding (RFC 9112 §7.1, http-cases H10, H11). A pull parser: `next`
// runs until there is a piece of content, the last chunk, an error, or no more bytes. Every byte is
// judged by itself, so chunking of the input cannot matter. Extensions are checked and dropped;
// trailers are read by field-block.ts.

import { CR, fieldContent, hexValue, LF, SEMICOLON, tokenFold } from "../bytes.ts";
import { ErrorCode } from "../error-code.ts";
import type { Http1Limits } from "../limits.ts";

const chunkEvents = {
  /** All bytes are used. */
  More: 0,
  /** [dataStart, dataEnd) is content. */
  Data: 1,
  /** The chunk of size zero and its line are read; trailers follow. */
  LastChunk: 2,
  Error: 3,
} as const;

export const ChunkEvent: typeof chunkEvents = Object.freeze(chunkEvents);
export type ChunkEvent = (typeof ChunkEvent)[keyof typeof ChunkEvent];

/** Sixteen hexadecimal digits hold 64 bits; the size must also stay below 2^53. */
const sizeDigitsMax = 16;

/** What the next byte is part of. The extension steps are `isExtensionStep`. */
const Step = Object.freeze({
  Size: 0,
  SizeLineFeed: 1,
  Data: 2,
  DataReturn: 3,
  DataLineFeed: 4,
  Last: 5,
  ExtensionName: 6,
  ExtensionNameRest: 7,
  ExtensionValue: 8,
  ExtensionToken: 9,
  ExtensionQuoted: 10,
  ExtensionEscape: 11,
  ExtensionEnd: 12,
});

const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class ChunkedDecoder {
  readonly #limits: Http1Limits;
  #step: number = Step.Size;
  #digits = 0;
  /** Size being read, then bytes of the chunk still to come. */
  #left = 0;
  #bodyBytes = 0;
  #extensionBytes = 0;

  error: ErrorCode = ErrorCode.None;
  /** Position after the last byte used by `next`. */
  at = 0;
  dataStart = 0;
  dataEnd = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  begin(): void {
    this.#step = Step.Size;
    this.#digits = 0;
    this.#left = 0;
    this.#bodyBytes = 0;
    this.#extensionBytes = 0;
  }

  next(bytes: Buffer, start: number, end: number): ChunkEvent {
    let at = start;
    while (at < end) {
      switch (this.#step) {
        case Step.Size:
          at = this.#readSize(bytes, at, end);
          break;
        case Step.SizeLineFeed:
          if (bytes[at++] !== LF) return this.#fail(ErrorCode.BadChunkSize, at);
          if (this.#left === 0) {
            this.#step = Step.Last;
            this.at = at;
            return ChunkEvent.LastChunk;
          }
          this.#bodyBytes += this.#left;
          if (this.#bodyBytes > this.#limits.bodyBytesMax) {
            return this.#fail(ErrorCode.BodyTooLarge, at);
          }
          this.#step = Step.Data;
          break;
        case Step.Data:
          return this.#takeData(at, end);
        case Step.DataReturn:
          if (bytes[at++] !== CR) return this.#fail(ErrorCode.BadChunkEnd, at);
          this.#step = Step.DataLineFeed;
          break;
        case Step.DataLineFeed:
          if (bytes[at++] !== LF) return this.#fail(ErrorCode.BadChunkEnd, at);
          this.#step = Step.Size;
          break;
        default:
          at = this.#readExtension(bytes, at, end);
      }
      if (this.error !== ErrorCode.None) return this.#fail(this.error, at);
    }
    this.at = at;
    return ChunkEvent.More;
  }

  #takeData(start: number, end: number): ChunkEvent {
    const taken = Math.min(this.#left, end - start);
    this.#left -= taken;
    if (this.#left === 0) this.#step = Step.DataReturn;
    this.dataStart = start;
    this.dataEnd = start + taken;
    this.at = this.dataEnd;
    return ChunkEvent.Data;
  }

  /**
   * Digits, then CR or the semicolon of an extension; no sign, prefix, blank or underscore (H10).
   */
  #readSize(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const byte = bytes[at++] as number;
      const digit = hexValue[byte] as number;
      if (digit >= 0) {
        this.#left = this.#left * 16 + digit;
        if (++this.#digits > sizeDigitsMax || this.#left > Number.MAX_SAFE_INTEGER) {
          this.error = ErrorCode.BadChunkSize;
          return at;
        }
        continue;
      }
      if (this.#digits === 0) this.error = ErrorCode.BadChunkSize;
      else if (byte === CR) this.#step = Step.SizeLineFeed;
      else if (byte === SEMICOLON) this.#beginExtension();
      else this.error = ErrorCode.BadChunkSize;
      this.#digits = 0;
      return at;
    }
    return at;
  }

  /** `;name`, `;name=token` or `;name="quoted"`, without blanks (RFC 9112 §7.1.1, H11). */
  #readExtension(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#step >= Step.ExtensionName) {
      const next = extensionStep(this.#step, bytes[at] as number);
      at++;
      if (next === -1 || ++this.#extensionBytes > this.#limits.chunkExtensionBytesMax) {
        this.error = ErrorCode.BadChunkExtension;
        return at;
      }
      this.#step = next;
    }
    return at;
  }

  #beginExtension(): void {
    this.#step = Step.ExtensionName;
    if (++this.#extensionBytes > this.#limits.chunkExtensionBytesMax) {
      this.error = ErrorCode.BadChunkExtension;
    }
  }

  #fail(code: ErrorCode, at: number): ChunkEvent {
    this.error = code;
    this.at = at;
    return ChunkEvent.Error;
  }
}

/** The step after `byte`, -1 when it must not stand there. */
function extensionStep(step: number, byte: number): number {
  switch (step) {
    case Step.ExtensionName:
      return tokenFold[byte] === 0 ? -1 : Step.ExtensionNameRest;
    case Step.ExtensionNameRest:
      if (tokenFold[byte] !== 0) return Step.ExtensionNameRest;
      return byte === EQUALS ? Step.ExtensionValue : afterExtension(byte);
    case Step.ExtensionValue:
      if (byte === QUOTE) return Step.ExtensionQuoted;
      return tokenFold[byte] === 0 ? -1 : Step.ExtensionToken;
    case Step.ExtensionToken:
      return tokenFold[byte] === 0 ? afterExtension(byte) : Step.ExtensionToken;
    case Step.ExtensionQuoted:
      if (byte === QUOTE) return Step.ExtensionEnd;
      if (byte === BACKSLASH) return Step.ExtensionEscape;
      return fieldContent[byte] === 0 ? -1 : Step.ExtensionQuoted;
    case Step.ExtensionEscape:
      return fieldContent[byte] === 0 ? -1 : Step.ExtensionQuoted;
    default:
      return afterExtension(byte);
  }
}

function afterExtension(byte: number): number {
  if (byte === SEMICOLON) return Step.ExtensionName;
  return byte === CR ? Step.SizeLineFeed : -1;
}
