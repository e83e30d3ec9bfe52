// How many certificates one identity may ask for: an allowance that refills steadily, so that an
// agent restarting in a loop cannot keep the authority busy.

import type { Clock } from "@weft/runtime";

export interface RateLimitOptions {
  readonly clock: Clock;
  readonly burst: number;
  readonly perMinute: number;
}

interface Allowance {
  left: number;
  atMs: number;
}

/** Allowances that are full again are forgotten once so many identities were seen. */
const keysBeforeSweep = 1_000;

export class RateLimit {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perMs: number;
  readonly #allowances = new Map<string, Allowance>();

  constructor(options: RateLimitOptions) {
    this.#clock = options.clock;
    this.#burst = options.burst;
    this.#perMs = options.perMinute / 60_000;
  }

  /** Takes one from the allowance of `key`; false when nothing is left. */
  take(key: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#allowances.get(key);
    const left = seen === undefined ? this.#burst : this.#refilled(seen, nowMs);
    if (left < 1) return false;
    if (seen === undefined && this.#allowances.size >= keysBeforeSweep) this.#sweep(nowMs);
    this.#allowances.set(key, { left: left - 1, atMs: nowMs });
    return true;
  }

  get size(): number {
    return this.#allowances.size;
  }

  #refilled(allowance: Allowance, nowMs: number): number {
    return Math.min(this.#burst, allowance.left + (nowMs - allowance.atMs) * this.#perMs);
  }

  #sweep(nowMs: number): void {
    for (const [key, allowance] of this.#allowances) {
      if (this.#refilled(allowance, nowMs) >= this.#burst) this.#allowances.delete(key);
    }
  }
}
