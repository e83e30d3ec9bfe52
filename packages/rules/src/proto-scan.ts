// Walks the fields of an encoded protobuf message without decoding them, so that large resources
// can be compared piece by piece with their last version.
// https://protobuf.dev/programming-guides/encoding/

/** Thrown for bytes that are no message; the compiler turns it into a refusal of the resource. */
export class ProtoError extends Error {}

/** A cursor over the fields of the message at [from, to). */
export class ProtoScan {
  readonly #bytes: Uint8Array;
  readonly #to: number;
  #at: number;
  /** Number of the field read last. */
  field = 0;
  /** Where it began, its tag included. */
  start = 0;
  /** Its content: for a length-delimited field what is inside, else the value's bytes. */
  from = 0;
  to = 0;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
  }

  /** Where the next field begins. */
  get at(): number {
    return this.#at;
  }

  set at(at: number) {
    this.#at = at;
  }

  /** Reads the next field's bounds; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#to) return false;
    this.start = this.#at;
    const tag = this.#varint();
    this.field = tag >>> 3;
    switch (tag & 7) {
      case 0:
        this.from = this.#at;
        this.#varint();
        break;
      case 1:
        this.from = this.#at;
        this.#at += 8;
        break;
      case 2: {
        const length = this.#varint();
        this.from = this.#at;
        this.#at += length;
        break;
      }
      case 5:
        this.from = this.#at;
        this.#at += 4;
        break;
      default:
        throw new ProtoError("unknown wire type");
    }
    this.to = this.#at;
    if (this.to > this.#to) throw new ProtoError("a field is longer than its message");
    return true;
  }

  /** Reads a varint; beyond 32 bits only its length matters. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtoError("a number does not end");
  }
}

/** The content of the first field of that number, as text; "" when there is none. */
export function textField(bytes: Uint8Array, from: number, to: number, field: number): string {
  const scan = new ProtoScan(bytes, from, to);
  while (scan.next()) {
    if (scan.field !== field) continue;
    return Buffer.from(bytes.buffer, bytes.byteOffset + scan.from, scan.to - scan.from).toString();
  }
  return "";
}

export interface SplitMessage {
  /** [from, to, …] of the content of each occurrence of the field. */
  readonly items: readonly number[];
  /** The message without them. */
  readonly rest: Uint8Array;
}

/** Takes a message's repeated field apart from everything else. */
export function splitField(bytes: Uint8Array, field: number): SplitMessage {
  const items: number[] = [];
  const rest: Uint8Array[] = [];
  const scan = new ProtoScan(bytes, 0, bytes.length);
  while (scan.next()) {
    if (scan.field === field) items.push(scan.from, scan.to);
    else rest.push(bytes.subarray(scan.start, scan.to));
  }
  return { items, rest: Buffer.concat(rest) };
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
