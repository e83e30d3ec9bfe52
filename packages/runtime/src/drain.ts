// Counting what is in flight, so that a stop can wait for it: as long as needed, at most so long.

import type { Timers } from "./clock.ts";

export class InFlight {
  #count = 0;
  #waiting: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count++;
  }

  finish(): void {
    this.#count--;
    if (this.#count > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when nothing is in flight, or after `maxMs`; tells how many were left. */
  idle(timers: Timers, maxMs: number): Promise<number> {
    if (this.#count <= 0) return Promise.resolve(0);
    return new Promise((resolve) => {
      const timer = timers.after(maxMs, () => resolve(this.#count));
      this.#waiting.push(() => {
        timer.cancel();
        resolve(0);
      });
    });
  }
}
