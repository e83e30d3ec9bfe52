// Reads header blocks (RFC 7541). Every field is counted before anything is made of it, with the 32
// bytes that hide in one-byte references (http-cases H44, H45): above the bound fields are passed
// over while the table is kept in step, far above it the connection ends. Fields out of a table are
// strings that exist already.

import { COLON, latin1Text, tokenFold } from "../bytes.ts";
import { findName, knownNames } from "../header-names.ts";
import { Http2Reason } from "./error.ts";
import { findPseudo, judgeField, PseudoId, underscoreFact } from "./field-judgement.ts";
import {
  DynamicTable,
  Field,
  fieldOverheadBytes,
  staticCount,
  staticFields,
} from "./hpack-tables.ts";
import { decodeHuffman } from "./huffman.ts";

/** Who gets the fields of a block, in order. */
export interface FieldSink {
  /**
   * `id`, `fact` and `fault` as in `Field`. `isSecret`: it must never be put into a table
   * (RFC 7541 §6.2.3).
   */
  field(
    id: number,
    name: string,
    value: string,
    fact: number,
    fault: Http2Reason,
    isSecret: boolean,
  ): void;
}

/** The bounds of one message. */
export interface BlockLimits {
  readonly headBytesMax: number;
  readonly fieldsMax: number;
}

/** Times the bound that a block may decode to before the connection ends. */
const bombFactor = 8;
/** Octets after the prefix of an integer; four hold 2^28, more than any length or index. */
const integerBytesMax = 4;
const sizeUpdatesMax = 2;

/** Decoded strings of the field being read; one is enough for all connections of a thread. */
let nameScratch = Buffer.allocUnsafeSlow(4096);
let valueScratch = Buffer.allocUnsafeSlow(16 * 1024);

export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #tableBytesCeiling: number;
  readonly #limits: BlockLimits;
  readonly #strictQuery: boolean;
  /** Position after what was read last. */
  #at = 0;
  #end = 0;
  #error: Http2Reason = Http2Reason.None;
  /** The string read last. */
  #text: Buffer = nameScratch;
  #textStart = 0;
  #textEnd = 0;
  #fieldsLeft = 0;
  #bytesLeft = 0;

  /** The last block held more than the limits allow; its fields are not all there. */
  isOverLimit = false;

  /** `tableBytesMax` is what our SETTINGS allow the peer's encoder. */
  constructor(tableBytesMax: number, limits: BlockLimits, strictQuery: boolean) {
    this.#table = new DynamicTable(tableBytesMax);
    this.#tableBytesCeiling = tableBytesMax;
    this.#limits = limits;
    this.#strictQuery = strictQuery;
  }

  /** Reads one whole block; anything but None ends the connection. */
  decode(bytes: Buffer, start: number, end: number, sink: FieldSink): Http2Reason {
    this.#at = start;
    this.#end = end;
    this.#error = Http2Reason.None;
    this.#fieldsLeft = this.#limits.fieldsMax;
    this.#bytesLeft = this.#limits.headBytesMax;
    this.isOverLimit = false;
    this.#readSizeUpdates(bytes);
    while (this.#at < end && this.#error === Http2Reason.None) {
      const byte = bytes[this.#at] as number;
      if ((byte & 0x80) !== 0) this.#readIndexed(bytes, byte, sink);
      else if ((byte & 0x40) !== 0) this.#readLiteral(bytes, byte, 0x3f, sink);
      else if ((byte & 0x20) !== 0) this.#error = Http2Reason.BadTableSize;
      else this.#readLiteral(bytes, byte, 0x0f, sink);
    }
    return this.#error;
  }

  /** RFC 7541 §6.3; only at the start of a block, at most two (§4.2, H44). */
  #readSizeUpdates(bytes: Buffer): void {
    let left = sizeUpdatesMax;
    while (this.#at < this.#end && ((bytes[this.#at] as number) & 0xe0) === 0x20) {
      const size = this.#readInteger(bytes, (bytes[this.#at] as number) & 0x1f, 0x1f);
      if (this.#error !== Http2Reason.None) return;
      if (size > this.#tableBytesCeiling || --left < 0) {
        this.#error = Http2Reason.BadTableSize;
        return;
      }
      this.#table.resize(size);
    }
  }

  /** A field that is in a table (RFC 7541 §6.1). */
  #readIndexed(bytes: Buffer, byte: number, sink: FieldSink): void {
    const field = this.#fieldAt(this.#readInteger(bytes, byte & 0x7f, 0x7f));
    if (field === null) return;
    if (this.#count(field.size)) {
      sink.field(field.id, field.name, field.value, field.fact, field.fault, false);
    }
  }

  /** The field with that index; null and an error when there is none (§2.3.3). */
  #fieldAt(index: number): Field | null {
    if (this.#error !== Http2Reason.None) return null;
    if (index <= staticCount && index !== 0) return staticFields[index] as Field;
    const age = index - staticCount - 1;
    if (age >= 0 && age < this.#table.count) return this.#table.at(age);
    this.#error = Http2Reason.BadIndex;
    return null;
  }

  /** Accounts for a field of that size; false when it must be passed over. */
  #count(size: number): boolean {
    this.#fieldsLeft--;
    this.#bytesLeft -= size;
    if (this.#fieldsLeft >= 0 && this.#bytesLeft >= 0) return !this.isOverLimit;
    this.isOverLimit = true;
    if (this.#bytesLeft < -(bombFactor - 1) * this.#limits.headBytesMax) {
      this.#error = Http2Reason.HeaderBomb;
    }
    return false;
  }

  /** A field whose value, and perhaps name, is spelled out (RFC 7541 §6.2). */
  #readLiteral(bytes: Buffer, byte: number, prefixMax: number, sink: FieldSink): void {
    const isIndexed = (byte & 0x40) !== 0;
    const nameIndex = this.#readInteger(bytes, byte & prefixMax, prefixMax);
    let id: number = PseudoId.Invalid;
    let name = "";
    let nameBytes = 0;
    let nameFact = 0;
    if (nameIndex !== 0) {
      const named = this.#fieldAt(nameIndex);
      if (named === null) return;
      ({ id, name } = named);
      nameBytes = name.length;
      nameFact = id === PseudoId.None ? named.fact : 0;
    } else {
      if (!this.#readString(bytes, true)) return;
      nameBytes = this.#textEnd - this.#textStart;
      id = findId(this.#text, this.#textStart, this.#textEnd);
      if (id >= 0) name = knownNames[id] as string;
      else {
        // Bounded by the block, which is bounded itself; counted below with the value.
        name = latin1Text(this.#text, this.#textStart, this.#textEnd);
        if (id === PseudoId.None)
          nameFact = underscoreFact(this.#text, this.#textStart, this.#textEnd);
      }
    }
    if (!this.#readString(bytes, false)) return;
    const text = this.#text;
    const start = this.#textStart;
    const end = this.#textEnd;
    const size = nameBytes + (end - start) + fieldOverheadBytes;
    const isTaken = this.#count(size);
    const isKept = isIndexed && this.#table.holds(size);
    if (isTaken || isKept) {
      const judged = judgeField(id, text, start, end, this.#strictQuery);
      const fact = id === PseudoId.None ? nameFact : judged.fact;
      const { fault } = judged;
      const value = start === end ? "" : latin1Text(text, start, end);
      if (isKept) this.#table.add(new Field(id, name, value, size, fact, fault));
      if (isTaken) sink.field(id, name, value, fact, fault, (byte & 0x50) === 0x10);
    }
    // Too large for the table: it is emptied all the same (RFC 7541 §4.4).
    if (isIndexed && !isKept) this.#table.makeRoom(size);
  }

  /** An integer after its prefix (RFC 7541 §5.1). */
  #readInteger(bytes: Buffer, prefix: number, prefixMax: number): number {
    this.#at++;
    if (prefix < prefixMax) return prefix;
    let value = prefix;
    for (let shift = 0; shift < 7 * integerBytesMax; shift += 7) {
      if (this.#at >= this.#end) break;
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    this.#error = Http2Reason.BadInteger;
    return 0;
  }

  /** A string (RFC 7541 §5.2) into #text; false and an error when it is malformed. */
  #readString(bytes: Buffer, isName: boolean): boolean {
    if (this.#error !== Http2Reason.None) return false;
    if (this.#at >= this.#end) return this.#fail(Http2Reason.BadBlockEnd);
    const first = bytes[this.#at] as number;
    const length = this.#readInteger(bytes, first & 0x7f, 0x7f);
    const start = this.#at;
    if (this.#error !== Http2Reason.None) return false;
    if (length > this.#end - start) return this.#fail(Http2Reason.BadBlockEnd);
    this.#at = start + length;
    if ((first & 0x80) === 0) {
      this.#text = bytes;
      this.#textStart = start;
      this.#textEnd = start + length;
      return true;
    }
    const scratch = isName ? nameRoom(length) : valueRoom(length);
    const decoded = decodeHuffman(bytes, start, start + length, scratch);
    if (decoded === -1) return this.#fail(Http2Reason.BadHuffman);
    this.#text = scratch;
    this.#textStart = 0;
    this.#textEnd = decoded;
    return true;
  }

  #fail(reason: Http2Reason): boolean {
    this.#error = reason;
    return false;
  }
}

/** Id of the name in [start, end); upper case makes it invalid (RFC 9113 §8.2.1). */
function findId(bytes: Buffer, start: number, end: number): number {
  if (start === end) return PseudoId.Invalid;
  if (bytes[start] === COLON) return findPseudo(bytes, start, end);
  let hash = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (tokenFold[byte] !== byte || byte === 0) return PseudoId.Invalid;
    // hashByte, written out: see field-block.ts.
    hash = Math.imul(hash, 33) ^ byte;
  }
  return findName(bytes, start, end, hash);
}

/** Room for what `length` encoded bytes may become: eight bytes for five (30 bits at most). */
function nameRoom(length: number): Buffer {
  const room = Math.ceil((length * 8) / 5);
  if (nameScratch.length < room) nameScratch = Buffer.allocUnsafeSlow(room);
  return nameScratch;
}

function valueRoom(length: number): Buffer {
  const room = Math.ceil((length * 8) / 5);
  if (valueScratch.length < room) valueScratch = Buffer.allocUnsafeSlow(room);
  return valueScratch;
}
