// An HTTP/2 client that says exactly the frames a test wants, right or wrong (RFC 9113 §4): fields
// are literals without Huffman coding, so that every byte is the test's own.

import { connect, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";

export const FrameType = {
  Data: 0,
  Headers: 1,
  Priority: 2,
  Reset: 3,
  Settings: 4,
  PushPromise: 5,
  Ping: 6,
  GoAway: 7,
  WindowUpdate: 8,
  Continuation: 9,
} as const;

export const FrameFlag = { EndStream: 1, Ack: 1, EndHeaders: 4, Padded: 8, Priority: 32 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const headBytes = 9;

export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const out = Buffer.alloc(headBytes + payload.length);
  out.writeUIntBE(payload.length, 0, 3);
  out[3] = type;
  out[4] = flags;
  out.writeUInt32BE(streamId >>> 0, 5);
  payload.copy(out, headBytes);
  return out;
}

/** A literal field that enters no table (RFC 7541 §6.2.2). */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** One that enters the dynamic table (§6.2.1). */
export function indexedLiteral(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
}

/** RFC 7541 §5.1. */
export function integer(value: number, prefixBits: number, first: number): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.of(first | value);
  const out = [first | max];
  let rest = value - max;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Buffer.from(out);
}

export type Fields = readonly (readonly [name: string, value: string])[];

export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literal(name, value)));
}

export function requestFields(authority: string, extra: Fields = [], method = "GET"): Fields {
  return [
    [":method", method],
    [":scheme", "http"],
    [":authority", authority],
    [":path", "/x"],
    ...extra,
  ];
}

export function word(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value >>> 0);
  return out;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.of(id >> 8, id & 0xff), word(value)]);
}

export class RawHttp2 {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  hasEnded = false;
  isClosed = false;
  errorCode = "";
  #rest: Buffer = Buffer.alloc(0);
  #waiting: { holds: () => boolean; resolve: () => void }[] = [];

  /** Says preface and SETTINGS at once unless `isSilent`. */
  constructor(port: number, options: { isSilent?: boolean; tls?: ConnectionOptions } = {}) {
    this.socket =
      options.tls === undefined
        ? connect({ port, host: "127.0.0.1", noDelay: true })
        : connectTls({ port, host: "127.0.0.1", ...options.tls });
    this.socket.on("data", (bytes: Buffer) => this.#received(bytes));
    this.socket.on("end", () => {
      this.hasEnded = true;
      this.#look();
    });
    this.socket.on("error", (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? "";
    });
    this.socket.on("close", () => {
      this.isClosed = true;
      this.#look();
    });
    if (options.isSilent !== true) this.write(preface).frame(FrameType.Settings, 0, 0);
  }

  write(bytes: Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): this {
    return this.write(frame(type, flags, streamId, payload));
  }

  headers(streamId: number, fields: Fields, flags = 5): this {
    return this.frame(FrameType.Headers, flags, streamId, block(fields));
  }

  data(streamId: number, content: string, flags = 0): this {
    return this.frame(FrameType.Data, flags, streamId, Buffer.from(content, "latin1"));
  }

  reset(streamId: number, code = 8): this {
    return this.frame(FrameType.Reset, 0, streamId, word(code));
  }

  get isOver(): boolean {
    return this.hasEnded || this.isClosed;
  }

  /** Error codes of the GOAWAYs received. */
  get goAways(): { lastStreamId: number; code: number }[] {
    return this.frames
      .filter(({ type }) => type === FrameType.GoAway)
      .map(({ payload }) => ({
        lastStreamId: payload.readUInt32BE(0),
        code: payload.readUInt32BE(4),
      }));
  }

  /** Error code of that stream's RST_STREAM, -1 without one. */
  resetOf(streamId: number): number {
    const found = this.frames.find(
      ({ type, streamId: id }) => type === FrameType.Reset && id === streamId,
    );
    return found === undefined ? -1 : found.payload.readUInt32BE(0);
  }

  /** Whether that stream's response is whole. */
  hasAnswered(streamId: number): boolean {
    return this.frames.some(
      ({ type, flags, streamId: id }) =>
        id === streamId &&
        (type === FrameType.Data || type === FrameType.Headers) &&
        (flags & FrameFlag.EndStream) !== 0,
    );
  }

  contentOf(streamId: number): string {
    return Buffer.concat(
      this.frames
        .filter(({ type, streamId: id }) => type === FrameType.Data && id === streamId)
        .map(({ payload }) => payload),
    ).toString("latin1");
  }

  async until(holds: (connection: this) => boolean, withinMs = 5000): Promise<this> {
    if (holds(this)) return this;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = this.frames.map(({ type, streamId, payload }) =>
          [type, streamId, payload.toString("hex").slice(0, 32)].join("/"),
        );
        const state = `ended ${this.hasEnded}, closed ${this.isClosed} ${this.errorCode}`;
        reject(new Error(`not within ${withinMs} ms; ${state}; frames ${seen.join(" ")}`));
      }, withinMs);
      this.#waiting.push({
        holds: () => holds(this),
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
    return this;
  }

  close(): void {
    this.socket.destroy();
  }

  #received(bytes: Buffer): void {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    while (this.#rest.length >= headBytes) {
      const end = headBytes + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      const type = this.#rest[3] as number;
      const flags = this.#rest[4] as number;
      const streamId = this.#rest.readUInt32BE(5);
      const payload = Buffer.from(this.#rest.subarray(headBytes, end));
      this.frames.push({ type, flags, streamId, payload });
      // As every client must (§6.5.3).
      if (type === FrameType.Settings && flags === 0 && !this.isOver) {
        this.frame(FrameType.Settings, FrameFlag.Ack, 0);
      }
      this.#rest = this.#rest.subarray(end);
    }
    this.#look();
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ holds, resolve }) => {
      if (!holds()) return true;
      resolve();
      return false;
    });
  }
}
