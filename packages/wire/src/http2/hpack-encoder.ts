// Writes header blocks (RFC 7541). What repeats goes into the dynamic table, what changes with
// every request is spelled out without touching it, and secrets are marked never to be indexed
// (§7.1.3). A name learns which of these it is: it may insert as long as its earlier insertions
// were used.

import { writtenFromHead } from "../header-names.ts";
import { fieldContent, tokenFold, writeLatin1 } from "../bytes.ts";
import { fieldOverheadBytes, staticCount, staticRows } from "./hpack-tables.ts";
import { huffmanLength, writeHuffman } from "./huffman.ts";
import type { Output } from "./output.ts";

/** The table we are willing to keep, whatever the peer allows. */
const tableBytesCeiling = 4096;
/** Larger fields would push out too much (RFC 7541 §4.4). */
const indexedBytesMax = 1024;
/** Names of one connection that are remembered; others are spelled out each time. */
const namesMax = 256;
/** Insertions a name may make without having seen one of them used. */
const creditStart = 4;
const creditMax = 16;
/** A name without credit tries again after so many fields, and each time after twice as many. */
const retryStart = 32;
const retryMax = 4096;
/** Shorter cookies could be guessed bit by bit (RFC 7541 §7.1.3). */
const guessableBytes = 20;
/** Entries by serial; a power of two above what a full table of empty fields has. */
const ringSlots = 256;
/** Below this many bytes a loop is faster than the call of `latin1Write`. */
const loopBytesMax = 48;

const policies = {
  /** Into the table, as long as that pays. */
  Index: 0,
  /** Spelled out: differs with every message. */
  Literal: 1,
  /** Spelled out, and no intermediary may index it. */
  Secret: 2,
  /** Secret when short, else as Index. */
  Cookie: 3,
  /** Belongs to HTTP/1 connections or is written from the head's members: passed over. */
  Reserved: 4,
} as const;
type Policy = (typeof policies)[keyof typeof policies];

const policyByName: ReadonlyMap<string, Policy> = new Map<string, Policy>([
  ...listed(policies.Secret, ["authorization", "set-cookie"]),
  ["cookie", policies.Cookie],
  ...listed(policies.Literal, [
    "age",
    "b3",
    "content-range",
    "etag",
    "grpc-timeout",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-modified",
    "range",
    "sec-websocket-accept",
    "sec-websocket-key",
    "traceparent",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-correlation-id",
    "x-request-id",
  ]),
  ...listed(policies.Reserved, [...writtenFromHead]),
]);

function listed(policy: Policy, names: readonly string[]): [string, Policy][] {
  return names.map((name) => [name, policy]);
}

/** A field in the encoder's table. */
class Entry {
  readonly row: NameRow;
  readonly value: string;
  readonly size: number;
  /** How many fields had been inserted with it. */
  readonly serial: number;

  constructor(row: NameRow, value: string, size: number, serial: number) {
    this.row = row;
    this.value = value;
    this.size = size;
    this.serial = serial;
  }
}

/** What one connection knows about a name. */
class NameRow {
  readonly name: string;
  readonly policy: Policy;
  /** First index of the name in the static table, 0 when it is not there. */
  readonly staticIndex: number;
  /** Values the static table has for it, null without. */
  readonly staticValues: ReadonlyMap<string, number> | null;
  /** By value; made with the first. */
  entries: Map<string, Entry> | null = null;
  /** The entry used last. */
  last: Entry | null = null;
  /** Any entry lends its name; the newest stays longest. */
  newest: Entry | null = null;
  credit = creditStart;
  misses = 0;
  retryAfter: number = retryStart;

  constructor(name: string) {
    this.name = name;
    this.policy = policyByName.get(name) ?? policies.Index;
    this.staticIndex = staticIndexes.get(name) ?? 0;
    this.staticValues = staticValues.get(name) ?? null;
  }

  /** An entry was worth its place. */
  used(): void {
    if (this.credit < creditMax) this.credit++;
    this.retryAfter = retryStart;
  }
}

const staticIndexes = new Map<string, number>();
const staticValues = new Map<string, Map<string, number>>();
for (const [i, [name, value]] of staticRows.entries()) {
  if (!staticIndexes.has(name)) staticIndexes.set(name, i + 1);
  if (value === "") continue;
  const values = staticValues.get(name) ?? new Map<string, number>();
  staticValues.set(name, values.set(value, i + 1));
}

const contentLengthIndex = staticIndexes.get("content-length") as number;

export class HpackEncoder {
  readonly #rows = new Map<string, NameRow>();
  /** Entries by serial, as a ring that grows to its size with its use. */
  readonly #ring: (Entry | null)[] = [null];
  readonly #isHuffman: boolean;
  #inserted = 0;
  #count = 0;
  #bytes = 0;
  #bytesMax: number;
  /** The smallest limit since the last block, -1 when it did not change (RFC 7541 §4.2). */
  #announcedMin = -1;

  constructor(isHuffman: boolean) {
    this.#isHuffman = isHuffman;
    this.#bytesMax = tableBytesCeiling;
  }

  /** The peer's HEADER_TABLE_SIZE. */
  limitTable(bytesMax: number): void {
    const limit = Math.min(bytesMax, tableBytesCeiling);
    if (limit === this.#bytesMax && this.#announcedMin === -1) return;
    this.#announcedMin = this.#announcedMin === -1 ? limit : Math.min(this.#announcedMin, limit);
    this.#bytesMax = limit;
    this.#makeRoom(0);
  }

  /** A block was written and will not be sent: the next one starts with an empty table. */
  forget(): void {
    const bytesMax = this.#bytesMax;
    this.#bytesMax = 0;
    this.#makeRoom(0);
    this.#bytesMax = bytesMax;
    this.#announcedMin = 0;
  }

  /** Before the first field of a block. */
  begin(output: Output): void {
    if (this.#announcedMin === -1) return;
    output.reserve(16);
    if (this.#announcedMin < this.#bytesMax) {
      writeInteger(output, 0x20, 0x1f, this.#announcedMin);
    }
    writeInteger(output, 0x20, 0x1f, this.#bytesMax);
    this.#announcedMin = -1;
  }

  /**
   * One field; `isSecret` when no table may hold it. Throws when it could not stand in an HTTP/1
   * message either (http-cases H33).
   */
  field(output: Output, name: string, value: string, isSecret: boolean): void {
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = new NameRow(name);
      if (row.staticIndex === 0 && !isName(name)) throw unsafe("a field name");
      if (this.#rows.size < namesMax) this.#rows.set(name, row);
    }
    if (row.policy === policies.Reserved) return;
    if (isSecret) {
      output.reserve(name.length + value.length + 16);
      this.#writeLiteral(output, row, value, true);
    } else this.#write(output, row, value);
  }

  /** As `field`, also for names that only the codec writes. */
  ownField(output: Output, name: string, value: string): void {
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = new NameRow(name);
      this.#rows.set(name, row);
    }
    this.#write(output, row, value);
  }

  /** content-length, which no table should remember. */
  lengthField(output: Output, contentLength: number): void {
    if (!Number.isSafeInteger(contentLength) || contentLength < 0) throw unsafe("a content length");
    output.reserve(32);
    writeInteger(output, 0, 0x0f, contentLengthIndex);
    this.#writeString(output, String(contentLength));
  }

  #write(output: Output, row: NameRow, value: string): void {
    output.reserve(row.name.length + value.length + 16);
    const last = row.last;
    if (last !== null && last.value === value) {
      row.used();
      this.#writeIndex(output, staticCount + 1 + this.#inserted - last.serial);
      return;
    }
    const isStatic = row.staticValues?.get(value);
    if (isStatic !== undefined) {
      this.#writeIndex(output, isStatic);
      return;
    }
    const known = row.entries?.get(value);
    if (known !== undefined) {
      row.last = known;
      row.used();
      this.#writeIndex(output, staticCount + 1 + this.#inserted - known.serial);
      return;
    }
    this.#writeLiteral(output, row, value, false);
  }

  #writeIndex(output: Output, index: number): void {
    if (index < 0x7f) output.bytes[output.length++] = 0x80 | index;
    else writeInteger(output, 0x80, 0x7f, index);
  }

  #writeLiteral(output: Output, row: NameRow, value: string, isMarked: boolean): void {
    const size = row.name.length + value.length + fieldOverheadBytes;
    const isIndexed = !isMarked && this.#mayIndex(row, value, size);
    const start = output.length;
    const isSecret =
      isMarked ||
      row.policy === policies.Secret ||
      (row.policy === policies.Cookie && value.length < guessableBytes);
    const nameIndex = this.#nameIndex(row);
    if (isIndexed) writeInteger(output, 0x40, 0x3f, nameIndex);
    else writeInteger(output, isSecret ? 0x10 : 0, 0x0f, nameIndex);
    if (nameIndex === 0) this.#writeString(output, row.name);
    if (!this.#writeString(output, value)) {
      output.length = start;
      throw unsafe("a value");
    }
    if (isIndexed) this.#insert(row, value, size);
  }

  #mayIndex(row: NameRow, value: string, size: number): boolean {
    if (row.policy === policies.Literal || row.policy === policies.Secret) return false;
    if (row.policy === policies.Cookie && value.length < guessableBytes) return false;
    if (size > indexedBytesMax || size > this.#bytesMax) return false;
    if (row.credit > 0) {
      row.credit--;
      return true;
    }
    if (++row.misses < row.retryAfter) return false;
    row.misses = 0;
    row.retryAfter = Math.min(retryMax, row.retryAfter * 2);
    return true;
  }

  #nameIndex(row: NameRow): number {
    if (row.staticIndex !== 0) return row.staticIndex;
    const { newest } = row;
    return newest === null ? 0 : staticCount + 1 + this.#inserted - newest.serial;
  }

  #insert(row: NameRow, value: string, size: number): void {
    this.#makeRoom(size);
    const entry = new Entry(row, value, size, ++this.#inserted);
    this.#ring[this.#inserted & (ringSlots - 1)] = entry;
    this.#count++;
    this.#bytes += size;
    row.entries ??= new Map();
    row.entries.set(value, entry);
    row.last = entry;
    row.newest = entry;
  }

  #makeRoom(size: number): void {
    while (this.#count > 0 && this.#bytes + size > this.#bytesMax) {
      const slot = (this.#inserted - --this.#count) & (ringSlots - 1);
      const entry = this.#ring[slot] as Entry;
      this.#ring[slot] = null;
      this.#bytes -= entry.size;
      const { row } = entry;
      row.entries?.delete(entry.value);
      if (row.last === entry) row.last = null;
      if (row.newest === entry) row.newest = null;
    }
  }

  /** A string, Huffman-coded when that is wanted and shorter; false when it holds a control. */
  #writeString(output: Output, text: string): boolean {
    const { length } = text;
    if (this.#isHuffman && isSafe(text)) {
      const encodedLength = huffmanLength(text);
      if (encodedLength < length) {
        writeInteger(output, 0x80, 0x7f, encodedLength);
        output.length = writeHuffman(output.bytes, text, output.length);
        return true;
      }
    }
    if (length < 0x7f) output.bytes[output.length++] = length;
    else writeInteger(output, 0, 0x7f, length);
    const at = output.length;
    const { bytes } = output;
    output.length = at + length;
    if (length > loopBytesMax) {
      writeLatin1(bytes, text, at);
      for (let i = at; i < at + length; i++) {
        if (fieldContent[bytes[i] as number] === 0) return false;
      }
      return true;
    }
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i) & 0xff;
      if (fieldContent[code] === 0) return false;
      bytes[at + i] = code;
    }
    return true;
  }
}

/** An integer behind a prefix (RFC 7541 §5.1); there is room. */
function writeInteger(output: Output, pattern: number, prefixMax: number, value: number): void {
  const { bytes } = output;
  if (value < prefixMax) {
    bytes[output.length++] = pattern | value;
    return;
  }
  bytes[output.length++] = pattern | prefixMax;
  let rest = value - prefixMax;
  while (rest >= 0x80) {
    bytes[output.length++] = 0x80 | (rest & 0x7f);
    rest >>>= 7;
  }
  bytes[output.length++] = rest;
}

/** A lower-case token. */
function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code > 127 || tokenFold[code] !== code || code === 0) return false;
  }
  return name !== "";
}

function isSafe(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (fieldContent[text.charCodeAt(i) & 0xff] === 0) return false;
  }
  return true;
}

function unsafe(part: string): TypeError {
  return new TypeError(`refused to write a message: ${part} holds what must not stand there`);
}
