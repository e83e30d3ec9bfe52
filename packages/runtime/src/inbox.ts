// What plain sockets read in one turn of the event loop, until its end. Small reads are copied
// together and handled one after another, after the last of them: a proxy that handled each at
// once would go to and fro between the system's code, Node's and its own for every message
// (docs/decisions/0051). Large reads are content on its way through, and are handled at once.

import { readsAtTurnEnd, type TurnEnd } from "./turn.ts";

export interface Reader {
  /** `bytes` are lent for the call. Must not throw. */
  take(bytes: Buffer): void;
}

const inboxBytes = 64 * 1024;
/** A larger read is not worth its copy. */
const copyBytesMax = 4 * 1024;

const buffer: Buffer = Buffer.allocUnsafeSlow(inboxBytes);
const readers: Reader[] = [];
const ends: number[] = [];
let filledBytes = 0;
let takenCount = 0;

const atEnd: TurnEnd = { flush: takeReads };

/** Whether a read of so many bytes is kept for the turn's end. */
export function isSmallRead(length: number): boolean {
  return length <= copyBytesMax;
}

/** Keeps a small read for the turn's end: the first `length` of `bytes`, which are lent. */
export function keepRead(reader: Reader, bytes: Buffer, length: number): void {
  if (filledBytes + length > inboxBytes) takeReads();
  if (readers.length === 0) readsAtTurnEnd(atEnd);
  bytes.copy(buffer, filledBytes, 0, length);
  filledBytes += length;
  readers.push(reader);
  ends.push(filledBytes);
}

/** Has everything handled that was kept. Sockets are not read meanwhile, so nothing is added. */
export function takeReads(): void {
  while (takenCount < readers.length) {
    const reader = readers[takenCount] as Reader;
    const from = takenCount === 0 ? 0 : (ends[takenCount - 1] as number);
    const to = ends[takenCount] as number;
    takenCount++;
    reader.take(buffer.subarray(from, to));
  }
  readers.length = 0;
  ends.length = 0;
  takenCount = 0;
  filledBytes = 0;
}
