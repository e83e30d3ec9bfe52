// Content that waits in its stream for a window or a turn. It is copied into pieces of memory that
// the thread lends and takes back, because every new piece lies outside of V8's heap and so many of
// them make it collect all the time (docs/decisions/0050).

const pieceBytes = 16 * 1024;
/** Pieces kept for later; what was queued beyond them is let go. */
const freeMax = 128;

/** Pieces nobody holds; the one used last comes first. */
const free: Buffer[] = [];

export class ContentQueue {
  readonly #pieces: Buffer[] = [];
  /** Of the first piece: what was taken. */
  #start = 0;
  /** Room left in the last piece. */
  #room = 0;
  length = 0;

  /** Copies [from, …) of `bytes` behind what waits. */
  add(bytes: Buffer, from: number): void {
    let at = from;
    while (at < bytes.length) {
      if (this.#room === 0) {
        this.#pieces.push(free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes));
        this.#room = pieceBytes;
      }
      const count = Math.min(this.#room, bytes.length - at);
      const last = this.#pieces[this.#pieces.length - 1] as Buffer;
      bytes.copy(last, pieceBytes - this.#room, at, at + count);
      this.#room -= count;
      at += count;
    }
    this.length += at - from;
  }

  /** Moves the first `count` bytes to `to`; there are as many. */
  take(to: Buffer, at: number, count: number): void {
    let left = count;
    while (left > 0) {
      const first = this.#pieces[0] as Buffer;
      const taken = Math.min(left, pieceBytes - this.#start);
      first.copy(to, at + count - left, this.#start, this.#start + taken);
      this.#start += taken;
      left -= taken;
      if (this.#start === pieceBytes) this.#giveBack();
    }
    this.length -= count;
    if (this.length === 0) this.clear();
  }

  #giveBack(): void {
    const piece = this.#pieces.shift() as Buffer;
    this.#start = 0;
    if (free.length < freeMax) free.push(piece);
  }

  /** Nothing waits any more. */
  clear(): void {
    while (this.#pieces.length > 0) this.#giveBack();
    this.#start = 0;
    this.#room = 0;
    this.length = 0;
  }
}
