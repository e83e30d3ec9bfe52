// Finds the end of a message's content, whatever frames it (RFC 9112 §6.3), for both parsers.
// `next` is pulled like the chunk decoder: content, end, error, or more bytes wanted.

import { ErrorCode } from "../error-code.ts";
import type { HeaderList } from "../header-list.ts";
import type { Http1Limits } from "../limits.ts";
import { ChunkedDecoder, ChunkEvent } from "./chunked.ts";
import type { FieldBlock } from "./field-block.ts";
import { Framing } from "./head.ts";

const bodyEvents = { More: 0, Data: 1, End: 2, Error: 3 } as const;

export const BodyEvent: typeof bodyEvents = Object.freeze(bodyEvents);
export type BodyEvent = (typeof BodyEvent)[keyof typeof BodyEvent];

export class BodyReader {
  readonly #limits: Http1Limits;
  /** Reads the trailers; it knows what the head left of the limits. */
  readonly #fields: FieldBlock;
  #chunked: ChunkedDecoder | null = null;
  #framing: Framing = Framing.None;
  #inTrailers = false;
  /** Bytes still to come (Length) or still allowed (Close). */
  #left = 0;

  error: ErrorCode = ErrorCode.None;
  /** Position after the last byte used by `next`. */
  at = 0;
  dataStart = 0;
  dataEnd = 0;
  /** After End: the trailers, filtered. */
  trailers: HeaderList = [];

  constructor(limits: Http1Limits, fields: FieldBlock) {
    this.#limits = limits;
    this.#fields = fields;
  }

  begin(framing: Framing, contentLength: number): void {
    this.#framing = framing;
    this.#inTrailers = false;
    this.#left = framing === Framing.Length ? contentLength : this.#limits.bodyBytesMax;
    this.trailers = [];
    if (framing !== Framing.Chunked) return;
    this.#chunked ??= new ChunkedDecoder(this.#limits);
    this.#chunked.begin();
  }

  /** True when the end of the connection completes the content. */
  get endsAtClose(): boolean {
    return this.#framing === Framing.Close;
  }

  /** Must be called until it answers neither Data nor More with bytes left. */
  next(bytes: Buffer, start: number, end: number): BodyEvent {
    switch (this.#framing) {
      case Framing.Length:
        return this.#nextOfLength(start, end);
      case Framing.Chunked:
        return this.#inTrailers
          ? this.#nextOfTrailers(bytes, start, end)
          : this.#nextOfChunks(bytes, start, end);
      case Framing.Close:
        return this.#nextUntilClose(start, end);
      default:
        this.at = start;
        return BodyEvent.End;
    }
  }

  #nextOfLength(start: number, end: number): BodyEvent {
    if (this.#left === 0) {
      this.at = start;
      return BodyEvent.End;
    }
    return this.#take(start, end);
  }

  #take(start: number, end: number): BodyEvent {
    const taken = Math.min(this.#left, end - start);
    this.#left -= taken;
    return this.#data(start, start + taken);
  }

  #nextUntilClose(start: number, end: number): BodyEvent {
    if (this.#left === 0 && start < end) return this.#fail(ErrorCode.BodyTooLarge, start);
    return this.#take(start, end);
  }

  #nextOfChunks(bytes: Buffer, start: number, end: number): BodyEvent {
    const chunked = this.#chunked as ChunkedDecoder;
    const event = chunked.next(bytes, start, end);
    this.at = chunked.at;
    switch (event) {
      case ChunkEvent.Data:
        return this.#data(chunked.dataStart, chunked.dataEnd);
      case ChunkEvent.LastChunk:
        this.#inTrailers = true;
        this.#fields.beginTrailers();
        return this.#nextOfTrailers(bytes, chunked.at, end);
      case ChunkEvent.Error:
        return this.#fail(chunked.error, chunked.at);
      default:
        return BodyEvent.More;
    }
  }

  #nextOfTrailers(bytes: Buffer, start: number, end: number): BodyEvent {
    const fields = this.#fields;
    this.at = fields.read(bytes, start, end, start);
    if (fields.error !== ErrorCode.None) return this.#fail(fields.error, this.at);
    if (!fields.isComplete) return BodyEvent.More;
    this.trailers = fields.headers;
    return BodyEvent.End;
  }

  #data(start: number, end: number): BodyEvent {
    this.at = end;
    this.dataStart = start;
    this.dataEnd = end;
    return start === end ? BodyEvent.More : BodyEvent.Data;
  }

  #fail(code: ErrorCode, at: number): BodyEvent {
    this.error = code;
    this.at = at;
    return BodyEvent.Error;
  }
}
