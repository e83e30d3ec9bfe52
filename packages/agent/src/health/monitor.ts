// Repeats a probe and tells when the answer, or the reason, changes: ready at the first success,
// not ready after several failures in a row, so that one slow answer takes no endpoint away.

import type { Runtime, Timer } from "@weft/runtime";
import type { ProbeResult } from "./check.ts";

export interface HealthMonitorOptions {
  readonly runtime: Runtime;
  readonly run: () => Promise<ProbeResult>;
  readonly onChange: (isReady: boolean, message: string) => void;
}

/** Between the probes of a program that is well. */
const calmMs = 5_000;
/** After a failure it is soon known whether it was one slow answer. */
const doubtMs = 500;
const failuresBeforeUnready = 3;
/** A program that was just started is seen at once; one that stays away is asked less and less. */
const awayFirstMs = 100;
const awayMaxMs = 1_000;
const awayGrowth = 1.2;

export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  #isReady: boolean | null = null;
  #message = "";
  #failures = 0;
  #awayMs = awayFirstMs;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    void this.#round();
  }

  get isReady(): boolean {
    return this.#isReady === true;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #round(): Promise<void> {
    const { isHealthy, message } = await this.#options.run();
    if (this.#isClosed) return;
    if (isHealthy) {
      this.#failures = 0;
      this.#tell(true, "");
    } else {
      this.#failures++;
      const isOver = this.#isReady !== true || this.#failures >= failuresBeforeUnready;
      if (isOver) this.#tell(false, message);
    }
    this.#timer = this.#options.runtime.timers.after(this.#pauseMs(), () => void this.#round(), {
      background: true,
    });
  }

  #pauseMs(): number {
    if (this.#isReady === true) {
      this.#awayMs = awayFirstMs;
      return this.#failures === 0 ? calmMs : doubtMs;
    }
    const pauseMs = this.#awayMs;
    this.#awayMs = Math.min(awayMaxMs, pauseMs * awayGrowth);
    return pauseMs;
  }

  #tell(isReady: boolean, message: string): void {
    if (this.#isReady === isReady && this.#message === message) return;
    this.#isReady = isReady;
    this.#message = message;
    this.#options.onChange(isReady, message);
  }
}
