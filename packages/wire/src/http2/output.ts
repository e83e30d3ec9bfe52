// Where frames gather until they are written in one piece. Two pieces of memory take turns: while a
// socket is busy with one, the next turn's frames go into the other, so that nothing is allocated
// for a frame or a turn.

const startBytes = 2 * 1024;
/** A piece that grew beyond this for one large turn is let go afterwards. */
const keptBytes = 256 * 1024;

const nothing = Buffer.alloc(0);

export class Output {
  bytes: Buffer;
  /** Bytes that wait; where the next frame goes. */
  length = 0;
  #other: Buffer;

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(startBytes);
    this.#other = nothing;
  }

  /** Makes sure that `count` more bytes fit. */
  reserve(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    let size = this.bytes.length * 2;
    while (size < this.length + count) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** What waits; its memory is used again from the next call on. */
  take(): Buffer {
    const taken = this.bytes;
    const { length } = this;
    this.length = 0;
    if (length === 0) return nothing;
    this.bytes = this.#other.length === 0 ? Buffer.allocUnsafeSlow(startBytes) : this.#other;
    this.#other = taken.length > keptBytes ? nothing : taken;
    return taken.subarray(0, length);
  }
}
