// Outlier detection, the workers' half: consecutive errors of each endpoint, in memory that all workers share.
// Pages never move, so an endpoint's counters stay valid as long as anyone holds them, however much the
// cluster grows.

import type { OutlierRow } from "@weft/rules";

export const slotsPerPage = 64;
const wordsPerSlot = 2;

/** Where each endpoint of a table is counted; `slots` runs parallel to the table's rows. */
export interface EndpointSlots {
  readonly pages: readonly SharedArrayBuffer[];
  readonly slots: Uint32Array;
}

export function createCounterPage(): SharedArrayBuffer {
  return new SharedArrayBuffer(slotsPerPage * wordsPerSlot * 4);
}

const outcomes = {
  /** A response below 500. */
  Success: 0,
  /** A 5xx that the endpoint's program made itself. */
  ServerError: 1,
  /** 502, 503, 504, a reset or a failed connection. */
  GatewayError: 2,
} as const;

/** How an attempt went, as outlier detection sees it. */
export const Outcome: typeof outcomes = Object.freeze(outcomes);
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** `status` 0 is an attempt without a response. */
export function outcomeOf(status: number): Outcome {
  if (status === 0 || (status >= 502 && status <= 504)) return Outcome.GatewayError;
  return status >= 500 ? Outcome.ServerError : Outcome.Success;
}

/** The counters of one endpoint. */
export class SlotCounters {
  readonly #words: Int32Array;

  constructor(page: SharedArrayBuffer, slot: number) {
    this.#words = new Int32Array(page, slot * wordsPerSlot * 4, wordsPerSlot);
  }

  gatewayErrors(): number {
    return Atomics.load(this.#words, 0);
  }

  serverErrors(): number {
    return Atomics.load(this.#words, 1);
  }

  reset(): void {
    Atomics.store(this.#words, 0, 0);
    Atomics.store(this.#words, 1, 0);
  }

  /**
   * Counts an attempt. True when a count has just reached its limit: then exactly one worker, this one, tells
   * the main thread.
   */
  record(row: OutlierRow, outcome: Outcome): boolean {
    if (outcome === Outcome.Success) {
      if (this.#words[0] !== 0 || this.#words[1] !== 0) this.reset();
      return false;
    }
    const server = Atomics.add(this.#words, 1, 1) + 1;
    if (outcome === Outcome.ServerError) {
      if (this.#words[0] !== 0) Atomics.store(this.#words, 0, 0);
      return server === row.consecutive5xx;
    }
    const gateway = Atomics.add(this.#words, 0, 1) + 1;
    return gateway === row.consecutiveGatewayErrors || server === row.consecutive5xx;
  }
}

/** The counters of the endpoint at `index` of the table's rows. */
export function countersAt(where: EndpointSlots, index: number): SlotCounters {
  const slot = where.slots[index] as number;
  return slotCounters(where.pages, slot);
}

export function slotCounters(pages: readonly SharedArrayBuffer[], slot: number): SlotCounters {
  return new SlotCounters(
    pages[Math.floor(slot / slotsPerPage)] as SharedArrayBuffer,
    slot % slotsPerPage,
  );
}
