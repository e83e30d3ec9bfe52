// Time. Everything that needs it takes a Clock or Timers; the real ones are here and in
// `system.ts`, the simulated ones in `sim/clock.ts`.

export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never goes backwards. Fractions are microseconds. */
  monotonicMs(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls `fn` once after `delayMs`. The timer keeps the process alive unless `background`. */
  after(delayMs: number, fn: () => void, options?: { background?: boolean }): Timer;
  /** Calls `fn` every `periodMs` until cancelled. */
  every(periodMs: number, fn: () => void, options?: { background?: boolean }): Timer;
}

/** A promise that resolves after `delayMs`; an abort cancels the timer and resolves at once. */
export function sleep(timers: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const onAbort = (): void => {
      timer.cancel();
      resolve();
    };
    const timer = timers.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
