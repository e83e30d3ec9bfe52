// Repeats a probe and tells when the answer changes: ready at the first success, not ready after
// several failures in a row, so that one slow answer takes no endpoint away.

import type { Runtime, Timer } from "@weft/runtime";
import type { ProbeResult } from "./check.ts";

export interface HealthMonitorOptions {
  readonly runtime: Runtime;
  readonly run: () => Promise<ProbeResult>;
  readonly onChange: (isReady: boolean, message: string) => void;
  /** Until the first success; short, so that a started program is seen at once. */
  readonly startIntervalMs?: number;
  readonly intervalMs?: number;
  readonly failuresBeforeUnready?: number;
}

export class HealthMonitor {
  readonly #options: Required<HealthMonitorOptions>;
  #isReady: boolean | null = null;
  #failures = 0;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: HealthMonitorOptions) {
    this.#options = {
      startIntervalMs: 100,
      intervalMs: 5_000,
      failuresBeforeUnready: 3,
      ...options,
    };
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
    const result = await this.#options.run();
    if (this.#isClosed) return;
    if (result.isHealthy) {
      this.#failures = 0;
      this.#tell(true, "");
    } else {
      this.#failures++;
      if (this.#isReady !== true || this.#failures >= this.#options.failuresBeforeUnready) {
        this.#tell(false, result.message);
      }
    }
    const delayMs =
      this.#isReady === true ? this.#options.intervalMs : this.#options.startIntervalMs;
    this.#timer = this.#options.runtime.timers.after(delayMs, () => void this.#round(), {
      background: true,
    });
  }

  #tell(isReady: boolean, message: string): void {
    if (this.#isReady === isReady) return;
    this.#isReady = isReady;
    this.#options.onChange(isReady, message);
  }
}
