// Where a line ends, and the part of one that has arrived when a chunk ends inside it. A line is
// judged when its CRLF is there, or the first control character that spoils it: so no more than one
// line is ever held, the same bytes in any chunks are judged alike, and a line that can only be
// wrong is not waited for.

import { CR, fieldContent, LF } from "../bytes.ts";
import { ErrorCode } from "../error-code.ts";

/**
 * Position after the byte in [start, end) that decides about a line: the LF of its CRLF, the byte
 * after a bare CR, or any other control character. -1 when none has come. `isAfterReturn`: the byte
 * before `start` is a CR.
 */
export function findLineStop(
  bytes: Buffer,
  start: number,
  end: number,
  isAfterReturn: boolean,
): number {
  let at = start;
  if (isAfterReturn) return at < end ? at + 1 : -1;
  while (at < end && fieldContent[bytes[at] as number] !== 0) at++;
  if (at >= end) return -1;
  if (bytes[at] !== CR) return at + 1;
  return at + 1 < end ? at + 2 : -1;
}

/** What is wrong with a line that was searched from `at` and stops at `stop`; None after CRLF. */
export function lineFault(bytes: Buffer, at: number, stop: number): ErrorCode {
  const last = bytes[stop - 1];
  if (stop - at >= 2 && bytes[stop - 2] === CR) {
    return last === LF ? ErrorCode.None : ErrorCode.BareCarriageReturn;
  }
  return last === LF ? ErrorCode.BareLineFeed : ErrorCode.BadFieldValue;
}

const firstCapacity = 256;

export class PartialLine {
  /** Held bytes are [0, length) of this. */
  bytes: Buffer = Buffer.alloc(0);
  length = 0;

  add(bytes: Buffer, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(firstCapacity, length, 2 * this.bytes.length));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    bytes.copy(this.bytes, this.length, start, end);
    this.length = length;
  }

  /** As findLineStop, for the bytes that continue the held ones. */
  findStop(bytes: Buffer, start: number, end: number): number {
    const isAfterReturn = this.length > 0 && this.bytes[this.length - 1] === CR;
    return findLineStop(bytes, start, end, isAfterReturn);
  }

  /** Forgets the bytes; a large buffer is given back so that an idle connection stays small. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > firstCapacity) this.bytes = Buffer.alloc(0);
  }
}
