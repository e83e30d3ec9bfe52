// Reads Envoy's counters now and then, and keeps what came since the last report.

import type { LoadRow, ProxyWorkload } from "@weft/proxy";
import { type Runtime, sleep, type Timer } from "@weft/runtime";
import { emptyReading, loadRows, readLoad, type Reading } from "./load.ts";

export interface LoadMeterOptions {
  readonly runtime: Runtime;
  readonly workload: ProxyWorkload;
  /** Rejects while Envoy is not there. */
  readonly read: () => Promise<string>;
  readonly clusterNames: () => Iterable<string>;
}

const periodMs = 2_000;
/** Every thread of Envoy has given what it counted by then. */
const flushMs = 20;

export class LoadMeter {
  readonly #options: LoadMeterOptions;
  readonly #timer: Timer;
  #last: Reading = emptyReading;
  #rows: LoadRow[] = [];

  constructor(options: LoadMeterOptions) {
    this.#options = options;
    this.#timer = options.runtime.timers.every(periodMs, () => void this.read(), {
      background: true,
    });
  }

  async read(): Promise<void> {
    const { clusterNames, read, runtime, workload } = this.#options;
    const last = this.#last;
    // Counters are of now, histograms of the last flush: the first question makes Envoy flush.
    await read().catch(() => null);
    await sleep(runtime.timers, flushMs);
    const text = await read().catch(() => null);
    // An Envoy that was started meanwhile counts from the beginning.
    if (text === null || last !== this.#last) return;
    this.#last = readLoad(text);
    this.#rows.push(...loadRows(last, this.#last, workload, clusterNames()));
  }

  /** Its next counters begin anew. */
  restarted(): void {
    this.#last = { ...emptyReading };
  }

  take(): LoadRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  close(): void {
    this.#timer.cancel();
  }
}
