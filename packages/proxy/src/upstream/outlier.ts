// Outlier detection, the main thread's half: which endpoints sit out, for how long and why. Workers
// count consecutive errors in shared memory (`outlier-counters.ts`) and tell here only when a count
// reaches its limit; everything else happens on a sweep, off the request. As in Envoy, an
// endpoint's n-th ejection in a row lasts n times the base, and n falls by one for every interval
// it stays in.

import type { EndpointTable, OutlierRow } from "@weft/rules";
import {
  createCounterPage,
  type EndpointSlots,
  type SlotCounters,
  slotAt,
  slotsPerPage,
} from "./outlier-counters.ts";

interface EjectionRecord {
  readonly atMs: number;
  readonly durationMs: number;
  readonly reason: string;
}

/** What `weft proxy endpoints` shows. Times are wall milliseconds. */
export interface EndpointVerdict {
  readonly key: string;
  readonly isEjected: boolean;
  /** Why it sits out, or why it would but may not; "" otherwise. */
  readonly reason: string;
  readonly untilMs: number | null;
  readonly ejectionCount: number;
  /** Latest last, at most eight. */
  readonly history: readonly EjectionRecord[];
}

export interface OutlierEvents {
  /** The endpoints that sit out have changed: every worker gets a new picker. */
  onEjections(cluster: string, ejected: ReadonlySet<string>): void;
}

interface Watched {
  readonly key: string;
  readonly slot: number;
  readonly counters: SlotCounters;
  isUsable: boolean;
  ejectedUntilMs: number | null;
  /** n of `base × n`. */
  streak: number;
  count: number;
  reason: string;
  history: EjectionRecord[];
}

class WatchedCluster {
  row: OutlierRow | null = null;
  readonly pages: SharedArrayBuffer[] = [];
  readonly views: Int32Array[] = [];
  readonly endpoints = new Map<string, Watched>();
  ejected: ReadonlySet<string> = new Set();
  nextSweepMs = 0;
  slotCount = 0;
  readonly free: number[] = [];
  /** Slots given back since the last sweep: a worker may still count in them. */
  resting: number[] = [];
}

const historyMax = 8;

/** All clusters of one proxy. Times are wall milliseconds, passed in. */
export class OutlierDetector {
  readonly #events: OutlierEvents;
  readonly #clusters = new Map<string, WatchedCluster>();

  constructor(events: OutlierEvents) {
    this.#events = events;
  }

  /**
   * A cluster is new, or its settings or endpoints changed. Answers where workers count, in the
   * order of `table.rows`; send it to them together with the resource.
   */
  setCluster(
    name: string,
    row: OutlierRow | null,
    table: EndpointTable | null,
    nowMs: number,
  ): EndpointSlots {
    let cluster = this.#clusters.get(name);
    if (cluster === undefined) {
      cluster = new WatchedCluster();
      cluster.nextSweepMs = nowMs + (row?.intervalMs ?? 0);
      this.#clusters.set(name, cluster);
    }
    cluster.row = row;
    const slots = takeEndpoints(cluster, table);
    if (row === null) for (const endpoint of cluster.endpoints.values()) readmit(endpoint);
    readmitSurplus(cluster);
    this.#publish(name, cluster);
    return { pages: [...cluster.pages], slots };
  }

  removeCluster(name: string): void {
    this.#clusters.delete(name);
  }

  /** A worker counted an endpoint up to its limit. */
  limitReached(name: string, key: string, nowMs: number): void {
    const cluster = this.#clusters.get(name);
    const endpoint = cluster?.endpoints.get(key);
    if (cluster === undefined || endpoint === undefined) return;
    judge(cluster, endpoint, nowMs);
    this.#publish(name, cluster);
  }

  /** Does what is due. Call it often (every second): each cluster keeps its own interval. */
  sweep(nowMs: number): void {
    for (const [name, cluster] of this.#clusters) {
      const { row } = cluster;
      if (row === null || !isDue(cluster.nextSweepMs, row.intervalMs, nowMs)) continue;
      cluster.nextSweepMs = nowMs + row.intervalMs;
      cluster.free.push(...cluster.resting);
      cluster.resting = [];
      for (const endpoint of cluster.endpoints.values()) {
        if (endpoint.ejectedUntilMs !== null) {
          if (isDue(endpoint.ejectedUntilMs, row.ejectionMaxMs, nowMs)) readmit(endpoint);
        } else if (endpoint.streak > 0 && overLimit(cluster, endpoint) === "") {
          endpoint.streak--;
        }
      }
      for (const endpoint of cluster.endpoints.values()) judge(cluster, endpoint, nowMs);
      this.#publish(name, cluster);
    }
  }

  /** Keys of the endpoints that sit out. */
  ejected(name: string): ReadonlySet<string> {
    return this.#clusters.get(name)?.ejected ?? new Set();
  }

  verdicts(name: string): readonly EndpointVerdict[] {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) return [];
    return Array.from(cluster.endpoints.values(), (endpoint) => ({
      key: endpoint.key,
      isEjected: endpoint.ejectedUntilMs !== null,
      reason: endpoint.reason,
      untilMs: endpoint.ejectedUntilMs,
      ejectionCount: endpoint.count,
      history: [...endpoint.history],
    }));
  }

  #publish(name: string, cluster: WatchedCluster): void {
    const ejected = new Set<string>();
    for (const endpoint of cluster.endpoints.values()) {
      if (endpoint.ejectedUntilMs !== null) ejected.add(endpoint.key);
    }
    const before = cluster.ejected;
    if (ejected.size === before.size && [...ejected].every((key) => before.has(key))) return;
    cluster.ejected = ejected;
    this.#events.onEjections(name, ejected);
  }
}

/** A time further away than it can be was set before the wall clock was put back. */
function isDue(atMs: number, awayMaxMs: number, nowMs: number): boolean {
  return nowMs >= atMs || atMs - nowMs > awayMaxMs;
}

/** Takes over the endpoints of a table: those that stay keep slot and history. */
function takeEndpoints(cluster: WatchedCluster, table: EndpointTable | null): Uint32Array {
  const rows = table?.rows ?? [];
  const slots = new Uint32Array(rows.length);
  const kept = new Set<string>();
  for (const [i, row] of rows.entries()) {
    kept.add(row.key);
    let endpoint = cluster.endpoints.get(row.key);
    if (endpoint === undefined) {
      const slot = takeSlot(cluster);
      endpoint = {
        key: row.key,
        slot,
        counters: slotAt(cluster.views, slot),
        isUsable: true,
        ejectedUntilMs: null,
        streak: 0,
        count: 0,
        reason: "",
        history: [],
      };
      endpoint.counters.reset();
      cluster.endpoints.set(row.key, endpoint);
    }
    endpoint.isUsable = row.health === "healthy" || row.health === "degraded";
    slots[i] = endpoint.slot;
  }
  for (const [key, endpoint] of cluster.endpoints) {
    if (kept.has(key)) continue;
    cluster.endpoints.delete(key);
    cluster.resting.push(endpoint.slot);
  }
  return slots;
}

function takeSlot(cluster: WatchedCluster): number {
  const slot = cluster.free.pop() ?? cluster.slotCount++;
  if (slot >= cluster.pages.length * slotsPerPage) {
    const page = createCounterPage();
    cluster.pages.push(page);
    cluster.views.push(new Int32Array(page));
  }
  return slot;
}

/** Why an endpoint deserves to sit out now, or "". */
function overLimit(cluster: WatchedCluster, endpoint: Watched): string {
  const { row } = cluster;
  if (row === null) return "";
  const gateway = endpoint.counters.gatewayErrors();
  if (row.consecutiveGatewayErrors > 0 && gateway >= row.consecutiveGatewayErrors) {
    return `${gateway} consecutive gateway errors`;
  }
  const server = endpoint.counters.serverErrors();
  if (row.consecutive5xx > 0 && server >= row.consecutive5xx) return `${server} consecutive 5xx`;
  return "";
}

function judge(cluster: WatchedCluster, endpoint: Watched, nowMs: number): void {
  const { row } = cluster;
  if (row === null || endpoint.ejectedUntilMs !== null) return;
  const reason = overLimit(cluster, endpoint);
  if (reason === "") {
    endpoint.reason = "";
    return;
  }
  if (!mayEject(cluster, endpoint)) {
    endpoint.reason = `${reason}, kept: too many endpoints are ejected`;
    return;
  }
  endpoint.streak++;
  endpoint.count++;
  const durationMs = Math.min(row.baseEjectionMs * endpoint.streak, row.ejectionMaxMs);
  endpoint.ejectedUntilMs = nowMs + durationMs;
  endpoint.reason = reason;
  endpoint.history.push({ atMs: nowMs, durationMs, reason });
  if (endpoint.history.length > historyMax) endpoint.history.shift();
}

/** At most the configured share may sit out, and never the last one that could be picked. */
function mayEject(cluster: WatchedCluster, endpoint: Watched): boolean {
  let ejectedCount = 0;
  let usableCount = 0;
  for (const other of cluster.endpoints.values()) {
    if (other.ejectedUntilMs !== null) ejectedCount++;
    else if (other.isUsable && other !== endpoint) usableCount++;
  }
  return usableCount > 0 && ejectedCount < ejectedMax(cluster);
}

/** A small cluster may still lose one: half of three is one, a tenth of five is one. */
function ejectedMax(cluster: WatchedCluster): number {
  const { row } = cluster;
  if (row === null || row.ejectionPercentMax === 0) return 0;
  const share = Math.floor((cluster.endpoints.size * row.ejectionPercentMax) / 100);
  return row.ejectAtLeastOne ? Math.max(1, share) : share;
}

/** After endpoints left, those that sit out may be too many: the ones due first come back. */
function readmitSurplus(cluster: WatchedCluster): void {
  const out: Watched[] = [];
  let usableCount = 0;
  for (const endpoint of cluster.endpoints.values()) {
    if (endpoint.ejectedUntilMs !== null) out.push(endpoint);
    else if (endpoint.isUsable) usableCount++;
  }
  out.sort((a, b) => a.ejectedUntilMs! - b.ejectedUntilMs!);
  let ejectedCount = out.length;
  for (const endpoint of out) {
    const isSurplus = ejectedCount > ejectedMax(cluster);
    if (!isSurplus && (usableCount > 0 || !endpoint.isUsable)) continue;
    readmit(endpoint);
    ejectedCount--;
    if (endpoint.isUsable) usableCount++;
  }
}

function readmit(endpoint: Watched): void {
  if (endpoint.ejectedUntilMs === null) return;
  endpoint.ejectedUntilMs = null;
  endpoint.reason = "";
  endpoint.counters.reset();
}
