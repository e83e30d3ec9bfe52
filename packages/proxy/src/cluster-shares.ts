// What the workers of a proxy share of each cluster: circuit breaking counters, outlier counters
// and who sits out. Kept on the main thread, which alone decides ejections (decision D4).

import type { Clock } from "@weft/runtime";
import type { ClusterRow, EndpointTable, ResourceChange, Tables } from "@weft/rules";
import { typeUrls } from "@weft/xds";
import type { ClusterShare } from "./messages.ts";
import {
  CircuitBreaker,
  createClusterCounters,
  forgetWorker,
} from "./upstream/circuit-breaking.ts";
import { type EndpointVerdict, OutlierDetector } from "./upstream/outlier.ts";
import type { EndpointSlots } from "./upstream/outlier-counters.ts";

interface Share {
  readonly counters: SharedArrayBuffer;
  slots: EndpointSlots;
}

export class ClusterShares {
  readonly #workerCount: number;
  readonly #clock: Clock;
  readonly #detector: OutlierDetector;
  readonly #shares = new Map<string, Share>();

  constructor(
    workerCount: number,
    clock: Clock,
    onEjections: (cluster: string, ejected: ReadonlySet<string>) => void,
  ) {
    this.#workerCount = Math.max(1, workerCount);
    this.#clock = clock;
    this.#detector = new OutlierDetector({ onEjections });
  }

  /** The shares of every cluster that a change touches, by its own row or its endpoints. */
  changed(changes: readonly ResourceChange[], before: Tables, after: Tables): ClusterShare[] {
    const names = new Set<string>();
    for (const { typeUrl, changed, removed } of changes) {
      if (typeUrl === typeUrls.cluster) {
        for (const { name } of changed) names.add(name);
        for (const name of removed) this.#remove(name);
      } else if (typeUrl === typeUrls.endpoint) {
        const tables = new Set([...changed.map(({ name }) => name), ...removed]);
        for (const row of after.clusters.values()) {
          if (row.endpointsName !== null && tables.has(row.endpointsName)) names.add(row.name);
        }
      }
    }
    const shares: ClusterShare[] = [];
    for (const name of names) {
      const row = after.clusters.get(name);
      if (row === undefined) continue;
      const table = endpointsFor(row, after);
      const old = before.clusters.get(name);
      const isSame = old === row && table === endpointsFor(row, before) && this.#shares.has(name);
      if (!isSame) shares.push(this.#set(row, table));
    }
    return shares;
  }

  /** The shares of all clusters, for a new worker. */
  all(tables: Tables): ClusterShare[] {
    return Array.from(tables.clusters.values(), (row) => {
      const share = this.#shares.get(row.name);
      if (share === undefined) return this.#set(row, endpointsFor(row, tables));
      return { name: row.name, ...share, ejected: [...this.#detector.ejected(row.name)] };
    });
  }

  limitReached(cluster: string, endpoint: string): void {
    this.#detector.limitReached(cluster, endpoint, this.#clock.nowMs());
  }

  sweep(): void {
    this.#detector.sweep(this.#clock.nowMs());
  }

  forgetWorker(worker: number): void {
    for (const { counters } of this.#shares.values()) forgetWorker(counters, worker);
  }

  verdicts(cluster: string): readonly EndpointVerdict[] {
    return this.#detector.verdicts(cluster);
  }

  /** The counters of a cluster, for reading. */
  breaker(row: ClusterRow): CircuitBreaker | null {
    const share = this.#shares.get(row.name);
    return share === undefined ? null : new CircuitBreaker(share.counters, 0, row.limits);
  }

  #set(row: ClusterRow, table: EndpointTable | null): ClusterShare {
    const counters =
      this.#shares.get(row.name)?.counters ?? createClusterCounters(this.#workerCount);
    const slots = this.#detector.setCluster(row.name, row.outlier, table, this.#clock.nowMs());
    this.#shares.set(row.name, { counters, slots });
    return { name: row.name, counters, slots, ejected: [...this.#detector.ejected(row.name)] };
  }

  #remove(name: string): void {
    this.#shares.delete(name);
    this.#detector.removeCluster(name);
  }
}

export function endpointsFor(row: ClusterRow, tables: Tables): EndpointTable | null {
  return row.endpoints ?? tables.endpoints.get(row.endpointsName ?? "") ?? null;
}
