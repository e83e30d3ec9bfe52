// The few pieces of the protobuf wire format that endpoints need, written by hand: the generated codec takes
// six times as long, and endpoints are what changes most. https://protobuf.dev/programming-guides/encoding/

const VARINT = 0;
const LENGTH_DELIMITED = 2;

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
    this.#begin(field, length);
    this.#bytes.write(value, this.#length, "utf8");
    this.#length += length;
    return this;
  }

  /** Also an encoded message. */
  bytes(field: number, value: Uint8Array): this {
    this.#begin(field, value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** Fields that are encoded already. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  #begin(field: number, length: number): void {
    this.#reserve(16 + length);
    this.#varint((field << 3) | LENGTH_DELIMITED);
    this.#varint(length);
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
