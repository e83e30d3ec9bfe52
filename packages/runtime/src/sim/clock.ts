// Virtual time: nothing happens until the test advances it.

import type { Clock, Timer, Timers } from "../clock.ts";

interface Due {
  atMs: number;
  order: number;
  periodMs: number;
  fn: () => void;
}

export class SimClock implements Clock, Timers {
  #nowMs: number;
  #order = 0;
  #due: Due[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fn: () => void): Timer {
    return this.#add(delayMs, 0, fn);
  }

  every(periodMs: number, fn: () => void): Timer {
    return this.#add(periodMs, Math.max(1, periodMs), fn);
  }

  /** Runs everything due within the next `ms`, in order of time, then of creation. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: Due | undefined;
      for (const due of this.#due) {
        if (due.atMs > endMs) continue;
        if (
          next === undefined ||
          due.atMs < next.atMs ||
          (due.atMs === next.atMs && due.order < next.order)
        ) {
          next = due;
        }
      }
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      if (next.periodMs > 0) next.atMs += next.periodMs;
      else this.#due.splice(this.#due.indexOf(next), 1);
      next.fn();
    }
    this.#nowMs = endMs;
  }

  /** Advances in steps, letting promises settle between them. */
  async advanceAsync(ms: number, stepMs = 10): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.advance(Math.min(stepMs, left));
      for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    }
  }

  get pendingCount(): number {
    return this.#due.length;
  }

  #add(delayMs: number, periodMs: number, fn: () => void): Timer {
    const due: Due = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      periodMs,
      fn,
    };
    this.#due.push(due);
    return {
      cancel: () => {
        const at = this.#due.indexOf(due);
        if (at >= 0) this.#due.splice(at, 1);
      },
    };
  }
}
