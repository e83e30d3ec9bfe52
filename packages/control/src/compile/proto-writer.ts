// The few pieces of the protobuf wire format that endpoints need, written by hand: the generated
// codec takes six times as long, and endpoints are what changes most.
// https://protobuf.dev/programming-guides/encoding/

const VARINT = 0;
const LENGTH_DELIMITED = 2;
/** Up to here bytes are copied, so that a small message does not keep a large buffer. */
const COPIED_MAX = 65_536;

/** Appends fields to a growing buffer. Fields are written in the order of their numbers. */
export class ProtoWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 128) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  uint(field: number, value: number): this {
    this.#reserve(16);
    this.#varint((field << 3) | VARINT);
    this.#varint(value);
    return this;
  }

  string(field: number, value: string): this {
    const length = Buffer.byteLength(value);
    this.begin(field, length);
    this.#bytes.write(value, this.#length, "utf8");
    this.#length += length;
    return this;
  }

  /** Also an encoded message. */
  bytes(field: number, value: Uint8Array): this {
    return this.begin(field, value.length).raw(value);
  }

  /** The head of a message whose fields follow, so many bytes of them. */
  begin(field: number, length: number): this {
    this.#reserve(16 + length);
    this.#varint((field << 3) | LENGTH_DELIMITED);
    this.#varint(length);
    return this;
  }

  /** Fields that are encoded already. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** What was written; the writer is not used again. A buffer that was sized well is not copied. */
  finish(): Uint8Array {
    const { buffer, byteOffset, length: capacity } = this.#bytes;
    const isWellSized = this.#length > COPIED_MAX && capacity - this.#length < this.#length / 8;
    if (isWellSized) return new Uint8Array(buffer, byteOffset, this.#length);
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  /** Unsigned, below 2^32. */
  #varint(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }
}
