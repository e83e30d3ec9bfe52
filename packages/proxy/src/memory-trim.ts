// When the C library shall give its free memory back to the system (docs/decisions/0053). The
// compilers of V8 need 10 to 20 MB for the first thousand requests, and free them; the C library
// keeps what is free, for ever. Giving it back takes a millisecond or two, in which other threads
// may wait for memory, so it is done when a load has passed and there is something to be had, or
// when memory is short. V8's own memory is V8's affair: it gives back within half a minute.

/** No request for so long: the load has passed. */
const quietMs = 3000;
/** No more often than this. */
const intervalMs = 1000;
/** Less growth than this is not worth it. */
const growthBytesMin = 4 << 20;

export class MemoryTrim {
  /** What the process used after the last time; unknown before. */
  #restBytes = Number.POSITIVE_INFINITY;
  #trimmedAtMs = Number.NEGATIVE_INFINITY;
  #loadAtMs = Number.NEGATIVE_INFINITY;
  #hasLoad = false;

  /** There were requests. */
  noteLoad(nowMs: number): void {
    this.#hasLoad = true;
    this.#loadAtMs = nowMs;
  }

  /** Looked at every second or so. */
  isDue(usedBytes: number, isShort: boolean, nowMs: number): boolean {
    this.#restBytes = Math.min(this.#restBytes, usedBytes);
    if (nowMs - this.#trimmedAtMs < intervalMs) return false;
    if (isShort) return true;
    if (!this.#hasLoad || nowMs - this.#loadAtMs < quietMs) return false;
    this.#hasLoad = false;
    return usedBytes >= this.#restBytes + growthBytesMin;
  }

  done(usedBytes: number, nowMs: number): void {
    this.#restBytes = usedBytes;
    this.#trimmedAtMs = nowMs;
  }
}
