// The part of a line that has arrived when a chunk ends inside it. A parser judges a line only when
// its line feed is there, so no more than one line is ever held, and the same bytes in any chunking
// are judged alike.

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

  /** Forgets the bytes; a large buffer is given back so that an idle connection stays small. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > firstCapacity) this.bytes = Buffer.alloc(0);
  }
}
