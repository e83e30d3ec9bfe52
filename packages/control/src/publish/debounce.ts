// Takes events that come close together as one: the action runs when nothing came for a while, and
// at the latest some time after the first.

import type { Timer, Timers } from "@weft/runtime";

export interface DebounceOptions {
  readonly timers: Timers;
  readonly quietMs: number;
  readonly maxMs: number;
  now(): number;
  readonly action: () => void;
}

export class Debounce {
  readonly #options: DebounceOptions;
  #timer: Timer | null = null;
  #firstMs = 0;

  constructor(options: DebounceOptions) {
    this.#options = options;
  }

  /** Something happened. */
  poke(): void {
    const { timers, quietMs, maxMs, now } = this.#options;
    const nowMs = now();
    if (this.#timer === null) this.#firstMs = nowMs;
    else this.#timer.cancel();
    const delayMs = Math.max(0, Math.min(quietMs, this.#firstMs + maxMs - nowMs));
    this.#timer = timers.after(delayMs, () => this.#run());
  }

  /** When the first of the events that wait came; null when none waits. */
  get sinceMs(): number | null {
    return this.#timer === null ? null : this.#firstMs;
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #run(): void {
    this.#timer = null;
    this.#options.action();
  }
}
