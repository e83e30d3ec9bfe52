// Looks at the memory of the process every second, or oftener near its limit: what is too much
// (overload.ts), and when free memory goes back to the system (memory-trim.ts).

import { residentBytes, type Runtime, trimMemory } from "@weft/runtime";
import type { WorkerReport } from "./messages.ts";
import { MemoryTrim } from "./memory-trim.ts";
import { Overload, type OverloadEvents, OverloadLevel } from "./overload.ts";

export class MemoryWatch {
  readonly overload: Overload;
  readonly #runtime: Runtime;
  readonly #trim = new MemoryTrim();
  #timer: { cancel(): void } | null = null;

  /** Without a limit (0) nothing is ever too much. */
  constructor(runtime: Runtime, limitBytes: number, events: OverloadEvents) {
    this.#runtime = runtime;
    this.overload = new Overload(limitBytes, runtime.log, events);
  }

  /** What a worker did since its last report. */
  note({ activeCount, requests }: WorkerReport): void {
    if (activeCount > 0 || requests.length > 0) {
      this.#trim.noteLoad(this.#runtime.clock.monotonicMs());
    }
  }

  begin(): void {
    const { clock, timers } = this.#runtime;
    const usedBytes = residentBytes();
    const nextMs = this.overload.sample(usedBytes);
    const nowMs = clock.monotonicMs();
    if (this.#trim.isDue(usedBytes, this.overload.level !== OverloadLevel.None, nowMs)) {
      trimMemory();
      this.#trim.done(residentBytes(), nowMs);
    }
    this.#timer = timers.after(nextMs, () => this.begin(), { background: true });
  }

  end(): void {
    this.#timer?.cancel();
  }
}
