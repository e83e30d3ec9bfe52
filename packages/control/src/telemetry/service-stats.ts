// What the proxies measured, per service over the last 30 seconds: the rows of `weft stat` (design
// section 7). Counts lie in slots of one second, so that a window is a sum and forgetting is cheap.

import { type Clock, requestDurationBounds } from "@weft/runtime";
import type { LoadRow } from "@weft/xds/messages/weft/v1/agent.js";

export type Direction = "inbound" | "outbound";

/** One row of `weft stat -o json`. */
export interface StatRow {
  readonly namespace: string;
  readonly service: string;
  readonly requestsPerSecond: number;
  /** Fractions of the window's requests; null without requests. */
  readonly successRate: number | null;
  readonly latencyMs: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  readonly mtlsShare: number | null;
}

export interface ServiceName {
  readonly namespace: string;
  readonly service: string;
}

const slotMs = 1_000;
const bucketCount = requestDurationBounds.length + 1;

interface Slot {
  readonly index: number;
  requests: number;
  successes: number;
  overMtls: number;
  readonly buckets: Float64Array;
}

interface Series {
  readonly name: ServiceName;
  readonly direction: Direction;
  /** When the first report's interval began: a younger series is averaged over its age. */
  readonly sinceMs: number;
  /** Oldest first. */
  slots: Slot[];
}

export class ServiceStats {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #series = new Map<string, Series>();

  constructor(options: { clock: Clock; windowMs: number }) {
    this.#clock = options.clock;
    this.#windowMs = options.windowMs;
  }

  /** Adds one row of a report that covers the last `intervalMs`. */
  add(direction: Direction, name: ServiceName, row: LoadRow, intervalMs: number): void {
    const requests = Number(row.requests);
    if (requests === 0 || name.service === "") return;
    const slot = this.#slot(direction, name, intervalMs);
    slot.requests += requests;
    if (row.success) slot.successes += requests;
    if (row.mtls) slot.overMtls += requests;
    row.durationBuckets.forEach((count, index) => {
      const at = Math.min(index, bucketCount - 1);
      slot.buckets[at] = (slot.buckets[at] ?? 0) + Number(count);
    });
  }

  /** A row for each of `names` and for every service that was called in the window, by name. */
  rows(direction: Direction, namespace: string | null, names: readonly ServiceName[]): StatRow[] {
    const out = new Map<string, StatRow>();
    for (const series of this.#series.values()) {
      this.#forget(series);
      if (series.slots.length === 0) continue;
      if (series.direction !== direction) continue;
      if (namespace !== null && series.name.namespace !== namespace) continue;
      out.set(keyOf(direction, series.name), this.#row(series));
    }
    for (const name of names) {
      const key = keyOf(direction, name);
      if (!out.has(key)) out.set(key, emptyRow(name));
    }
    return [...out.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  #slot(direction: Direction, name: ServiceName, intervalMs: number): Slot {
    const nowMs = this.#clock.monotonicMs();
    const key = keyOf(direction, name);
    let series = this.#series.get(key);
    if (series !== undefined) this.#forget(series);
    if (series === undefined || series.slots.length === 0) {
      const sinceMs = nowMs - Math.min(Math.max(intervalMs, slotMs), this.#windowMs);
      // Only the two: rows go out as they are, and a reporter knows more about itself.
      const { namespace, service } = name;
      series = { name: { namespace, service }, direction, sinceMs, slots: [] };
      this.#series.set(key, series);
    }
    const index = Math.floor(nowMs / slotMs);
    const last = series.slots.at(-1);
    if (last?.index === index) return last;
    const slot: Slot = {
      index,
      requests: 0,
      successes: 0,
      overMtls: 0,
      buckets: new Float64Array(bucketCount),
    };
    series.slots.push(slot);
    return slot;
  }

  #forget(series: Series): void {
    const oldest = Math.floor((this.#clock.monotonicMs() - this.#windowMs) / slotMs);
    const kept = series.slots.findIndex(({ index }) => index > oldest);
    if (kept > 0) series.slots.splice(0, kept);
    else if (kept === -1) series.slots = [];
  }

  #row(series: Series): StatRow {
    let requests = 0;
    let successes = 0;
    let overMtls = 0;
    const buckets = new Float64Array(bucketCount);
    for (const slot of series.slots) {
      requests += slot.requests;
      successes += slot.successes;
      overMtls += slot.overMtls;
      slot.buckets.forEach((count, index) => {
        buckets[index] = (buckets[index] ?? 0) + count;
      });
    }
    const ageMs = this.#clock.monotonicMs() - series.sinceMs;
    const seconds = Math.min(this.#windowMs, Math.max(ageMs, slotMs)) / 1000;
    const latency = (quantile: number): number | null => quantileMs(buckets, quantile);
    return {
      ...series.name,
      requestsPerSecond: requests / seconds,
      successRate: successes / requests,
      latencyMs: { p50: latency(0.5), p95: latency(0.95), p99: latency(0.99) },
      mtlsShare: overMtls / requests,
    };
  }
}

/**
 * Within the bucket that holds the quantile, durations count as evenly spread (as Prometheus'
 * histogram_quantile does); beyond the last bound its value stands. Null without durations.
 */
export function quantileMs(buckets: ArrayLike<number>, quantile: number): number | null {
  let total = 0;
  for (let i = 0; i < buckets.length; i++) total += buckets[i] ?? 0;
  if (total === 0) return null;
  const rank = quantile * total;
  let below = 0;
  for (let i = 0; i < requestDurationBounds.length; i++) {
    const count = buckets[i] ?? 0;
    if (below + count >= rank && count > 0) {
      const lower = i === 0 ? 0 : (requestDurationBounds[i - 1] ?? 0);
      const upper = requestDurationBounds[i] ?? lower;
      return (lower + ((upper - lower) * (rank - below)) / count) * 1000;
    }
    below += count;
  }
  return (requestDurationBounds.at(-1) ?? 0) * 1000;
}

function keyOf(direction: Direction, { namespace, service }: ServiceName): string {
  return `${direction}/${namespace}/${service}`;
}

function emptyRow(name: ServiceName): StatRow {
  const latencyMs = { p50: null, p95: null, p99: null };
  return { ...name, requestsPerSecond: 0, successRate: null, latencyMs, mtlsShare: null };
}
