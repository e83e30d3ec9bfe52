// Outlier detection, the workers' half: consecutive errors of each endpoint, in memory that all
// workers share. Pages never move, so an endpoint's counters stay valid as long as anyone holds
// them, however much the cluster grows.

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
  readonly #gateway: number;
  readonly #server: number;

  /** `words` is a view of a whole page, `slot` counts within it. */
  constructor(words: Int32Array, slot: number) {
    this.#words = words;
    this.#gateway = slot * wordsPerSlot;
    this.#server = this.#gateway + 1;
  }

  gatewayErrors(): number {
    return Atomics.load(this.#words, this.#gateway);
  }

  serverErrors(): number {
    return Atomics.load(this.#words, this.#server);
  }

  reset(): void {
    Atomics.store(this.#words, this.#gateway, 0);
    Atomics.store(this.#words, this.#server, 0);
  }

  /**
   * Counts an attempt. True when a count has just reached its limit: then exactly one worker, this
   * one, tells the main thread.
   */
  record(row: OutlierRow, outcome: Outcome): boolean {
    if (outcome === Outcome.Success) {
      if (this.gatewayErrors() !== 0 || this.serverErrors() !== 0) this.reset();
      return false;
    }
    const server = Atomics.add(this.#words, this.#server, 1) + 1;
    if (outcome === Outcome.ServerError) {
      if (this.gatewayErrors() !== 0) Atomics.store(this.#words, this.#gateway, 0);
      return server === row.consecutive5xx;
    }
    const gateway = Atomics.add(this.#words, this.#gateway, 1) + 1;
    return gateway === row.consecutiveGatewayErrors || server === row.consecutive5xx;
  }
}

/** The counters of a table's endpoints, in the order of its rows. */
export function slotCounters(where: EndpointSlots): SlotCounters[] {
  const views = where.pages.map((page) => new Int32Array(page));
  return Array.from(where.slots, (slot) => slotAt(views, slot));
}

/** `views` are views of the pages, in order. */
export function slotAt(views: readonly Int32Array[], slot: number): SlotCounters {
  const view = views[Math.floor(slot / slotsPerPage)] as Int32Array;
  return new SlotCounters(view, slot % slotsPerPage);
}
