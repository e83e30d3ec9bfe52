// Circuit breaking: how many connections, waiting requests, requests and retries a cluster may have
// at once. What a limit counts is per proxy, not per worker (decision D4), so the counters of a
// cluster live in one SharedArrayBuffer. Each worker's share is kept beside the totals: when a
// worker dies with work in hand, the main thread takes its share back.

import type { CircuitLimitsRow } from "@weft/rules";

const limits = { Connections: 0, Pending: 1, Requests: 2, Retries: 3 } as const;

/** What is limited. */
export const Limit: typeof limits = Object.freeze(limits);
export type Limit = (typeof Limit)[keyof typeof Limit];

// Layout in 32-bit words: totals, refusals since the start, the retry budget's clock, then a row
// per worker.
const refusedAt = 4;
const retryClockAt = 8;
const sharesAt = 16;
const rowWords = 4;

/** Made by the main thread, once per cluster, and sent to every worker. */
export function createClusterCounters(workerCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer((sharesAt + workerCount * rowWords) * 4);
}

/** Takes back what a dead worker held; its successor may then use the same number. */
export function forgetWorker(counters: SharedArrayBuffer, worker: number): void {
  const words = new Int32Array(counters);
  for (let limit = 0; limit < rowWords; limit++) {
    const share = Atomics.exchange(words, sharesAt + worker * rowWords + limit, 0);
    Atomics.sub(words, limit, share);
  }
}

/**
 * The counters of one cluster as one worker uses them; also a `RetryAccount` of the retry budget.
 */
export class CircuitBreaker {
  readonly limits: CircuitLimitsRow;
  readonly #words: Int32Array;
  readonly #shares: number;

  /** `worker` counts from 0. Changed limits are a new breaker over the same counters. */
  constructor(counters: SharedArrayBuffer, worker: number, rows: CircuitLimitsRow) {
    this.limits = rows;
    this.#words = new Int32Array(counters);
    this.#shares = sharesAt + worker * rowWords;
    if (this.#shares + rowWords > this.#words.length) {
      throw new RangeError(`worker ${worker} has no row in these counters`);
    }
  }

  admitConnection(): boolean {
    return this.#admit(Limit.Connections, this.limits.connectionsMax);
  }

  releaseConnection(): void {
    this.#release(Limit.Connections);
  }

  /** A request that waits for a connection. */
  admitPending(): boolean {
    return this.#admit(Limit.Pending, this.limits.pendingMax);
  }

  releasePending(): void {
    this.#release(Limit.Pending);
  }

  /** A request on a connection, until its response has ended. */
  admitRequest(): boolean {
    return this.#admit(Limit.Requests, this.limits.requestsMax);
  }

  releaseRequest(): void {
    this.#release(Limit.Requests);
  }

  /** Fewer than `max` may be under way; the retry budget says how many, and counts its refusals. */
  admitRetry(max: number): boolean {
    return this.#tryAdd(Limit.Retries, max);
  }

  releaseRetry(): void {
    this.#release(Limit.Retries);
  }

  countRetryRefusal(): void {
    Atomics.add(this.#words, refusedAt + Limit.Retries, 1);
  }

  /** How many are under way, over all workers. */
  count(limit: Limit): number {
    return Atomics.load(this.#words, limit);
  }

  /** How many were refused since the cluster's counters were made. */
  refusedCount(limit: Limit): number {
    return Atomics.load(this.#words, refusedAt + limit) >>> 0;
  }

  requestsUnderWay(): number {
    return this.count(Limit.Requests) + this.count(Limit.Pending);
  }

  retryClock(): number {
    return Atomics.load(this.#words, retryClockAt);
  }

  advanceRetryClock(from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, retryClockAt, from, to) === from;
  }

  #admit(limit: Limit, max: number): boolean {
    if (this.#tryAdd(limit, max)) return true;
    Atomics.add(this.#words, refusedAt + limit, 1);
    return false;
  }

  #tryAdd(limit: Limit, max: number): boolean {
    if (Atomics.add(this.#words, limit, 1) >= max) {
      Atomics.sub(this.#words, limit, 1);
      return false;
    }
    Atomics.add(this.#words, this.#shares + limit, 1);
    return true;
  }

  #release(limit: Limit): void {
    Atomics.sub(this.#words, this.#shares + limit, 1);
    Atomics.sub(this.#words, limit, 1);
  }
}
