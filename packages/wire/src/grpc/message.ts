// gRPC's messages inside the content of a request or response: one flag byte, four bytes of length,
// then the message ("gRPC over HTTP2", Length-Prefixed-Message). Reading keeps nothing but the five
// bytes, so a long message costs no memory.

const statuses = {
  /** All bytes are used. */
  More: 0,
  /** The flag byte is neither 0 nor 1 (nor a trailers frame, where those are allowed). */
  BadFlag: 1,
  /** A message is longer than allowed. */
  TooLarge: 2,
} as const;

export const GrpcReadStatus: typeof statuses = Object.freeze(statuses);
export type GrpcReadStatus = (typeof GrpcReadStatus)[keyof typeof GrpcReadStatus];

export interface GrpcMessageSink {
  /** `flags`: bit 0 compressed, bit 7 trailers (gRPC-Web). */
  messageBegin(flags: number, length: number): void;
  /** A part of it, a view of the fed bytes. */
  messageData(bytes: Buffer): void;
  messageEnd(): void;
}

export const grpcFlag = { Compressed: 0x01, Trailers: 0x80 } as const;
export const grpcHeadBytes = 5;

export class GrpcMessageReader {
  readonly #messageBytesMax: number;
  readonly #allowTrailers: boolean;
  readonly #head: Buffer = Buffer.alloc(grpcHeadBytes);
  #headBytes = 0;
  /** Bytes of the message still to come, -1 between messages. */
  #left = -1;
  #status: GrpcReadStatus = GrpcReadStatus.More;

  /** `allowTrailers`: gRPC-Web's last frame. */
  constructor(messageBytesMax: number, allowTrailers: boolean) {
    this.#messageBytesMax = messageBytesMax;
    this.#allowTrailers = allowTrailers;
  }

  /** Between messages: the content may end here. */
  get isIdle(): boolean {
    return this.#left === -1 && this.#headBytes === 0;
  }

  feed(bytes: Buffer, sink: GrpcMessageSink): GrpcReadStatus {
    let at = 0;
    while (this.#status === GrpcReadStatus.More) {
      if (this.#left === -1) {
        if (at === bytes.length) break;
        at = this.#readHead(bytes, at, sink);
      } else if (this.#left === 0) {
        this.#left = -1;
        sink.messageEnd();
      } else {
        const count = Math.min(this.#left, bytes.length - at);
        if (count === 0) break;
        this.#left -= count;
        sink.messageData(bytes.subarray(at, at + count));
        at += count;
      }
    }
    return this.#status;
  }

  #readHead(bytes: Buffer, start: number, sink: GrpcMessageSink): number {
    const count = Math.min(grpcHeadBytes - this.#headBytes, bytes.length - start);
    bytes.copy(this.#head, this.#headBytes, start, start + count);
    this.#headBytes += count;
    const flags = this.#head[0] as number;
    const allowed = grpcFlag.Compressed | (this.#allowTrailers ? grpcFlag.Trailers : 0);
    if ((flags & ~allowed) !== 0) this.#status = GrpcReadStatus.BadFlag;
    else if (this.#headBytes === grpcHeadBytes) {
      const length = this.#head.readUInt32BE(1);
      if (length > this.#messageBytesMax) this.#status = GrpcReadStatus.TooLarge;
      else {
        this.#headBytes = 0;
        this.#left = length;
        sink.messageBegin(flags, length);
      }
    }
    return start + count;
  }
}

/** The five bytes before a message. */
export function writeGrpcHead(flags: number, length: number): Buffer {
  const head = Buffer.alloc(grpcHeadBytes);
  head[0] = flags;
  head.writeUInt32BE(length, 1);
  return head;
}
