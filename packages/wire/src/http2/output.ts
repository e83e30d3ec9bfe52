// Where frames gather until they are written in one piece. Pieces of memory are lent by the thread:
// while a socket is busy with one, the next turn's frames go into another, so that nothing is
// allocated for a frame or a turn, and a connection at rest holds none.

const pieceBytes = 4 * 1024;
/** A piece that grew beyond this for one large turn is let go afterwards. */
const keptBytes = 256 * 1024;
const freeMax = 16;

const nothing = Buffer.alloc(0);
/** Pieces nobody holds; the one used last comes first. */
const free: Buffer[] = [];

export class Output {
  bytes: Buffer = nothing;
  /** Bytes that wait; where the next frame goes. */
  length = 0;
  #taken: Buffer = nothing;

  /** Makes sure that `count` more bytes fit. */
  reserve(count: number): void {
    if (this.length + count > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    if (this.bytes.length === 0) {
      this.bytes = free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
      if (count <= this.bytes.length) return;
    }
    let size = this.bytes.length * 2;
    while (size < this.length + count) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(grown, 0, 0, this.length);
    giveBack(this.bytes);
    this.bytes = grown;
  }

  /** What waits; its memory is used again from the next call on. */
  take(): Buffer {
    const { bytes, length } = this;
    if (length === 0) return nothing;
    giveBack(this.#taken);
    this.#taken = bytes;
    this.bytes = nothing;
    this.length = 0;
    return bytes.subarray(0, length);
  }

  /** What was taken was written. */
  rest(): void {
    giveBack(this.#taken);
    this.#taken = nothing;
  }
}

function giveBack(piece: Buffer): void {
  if (piece.length > 0 && piece.length <= keptBytes && free.length < freeMax) free.push(piece);
}
