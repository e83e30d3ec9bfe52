// What a worker runs by at this moment: one pointer to the tables, swapped when a change has been
// compiled, and the clusters that live on from one set of tables to the next.

import { type Clock, type Timers } from "@weft/runtime";
import { Compilation, emptyTables, type ResourceChange, type Tables } from "@weft/rules";
import type { Entry } from "../exchange/exchange.ts";
import type { ClusterShare } from "../messages.ts";
import type { Thread } from "../thread.ts";
import { Cluster } from "../upstream/cluster.ts";

/** How long compiling may hold up requests at a time. */
const sliceMs = 5;

export interface Change {
  readonly version: string;
  readonly changes: readonly ResourceChange[];
  readonly clusters: readonly ClusterShare[];
}

/**
 * Connections whose listener, or whose way through it (plaintext, mutual TLS), is no more: they
 * finish what is under way and end.
 */
function drainOrphans(thread: Thread, before: Tables, after: Tables): void {
  for (const downstream of thread.downstreams) {
    const { entry } = downstream;
    if (entry === null || !hasChain(before, entry) || hasChain(after, entry)) continue;
    downstream.drain(false);
  }
}

function hasChain(tables: Tables, { listenerName, peer }: Entry): boolean {
  const row = tables.listeners.get(listenerName);
  return row !== undefined && (peer.isTls ? row.tlsChain : row.plainChain) !== null;
}

export interface CurrentEvents {
  onConfigured(version: string): void;
  onLimitReached(cluster: string, endpoint: string): void;
}

export class Current {
  tables: Tables = emptyTables;
  version = "";
  readonly clusters: Map<string, Cluster> = new Map();
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #events: CurrentEvents;
  readonly #queue: { thread: Thread; change: Change }[] = [];
  readonly #afterwards: (() => void)[] = [];
  #isWorking = false;

  constructor(clock: Clock, timers: Timers, events: CurrentEvents) {
    this.#clock = clock;
    this.#timers = timers;
    this.#events = events;
  }

  /** Changes take effect in the order of the calls, each whole. */
  apply(thread: Thread, change: Change): void {
    this.#queue.push({ thread, change });
    if (!this.#isWorking) this.#work();
  }

  /** Runs it when every change applied so far is in force. */
  afterChanges(run: () => void): void {
    if (this.#isWorking) this.#afterwards.push(run);
    else run();
  }

  sweep(nowMs: number): void {
    for (const cluster of this.clusters.values()) cluster.sweep(nowMs);
  }

  #work(): void {
    const next = this.#queue.shift();
    this.#isWorking = next !== undefined;
    if (next === undefined) {
      for (const run of this.#afterwards.splice(0)) run();
      return;
    }
    const compilation = new Compilation(this.tables, next.change.changes);
    const slice = (): void => {
      const endMs = this.#clock.monotonicMs() + sliceMs;
      if (!compilation.step(() => this.#clock.monotonicMs() < endMs)) {
        this.#timers.after(0, slice);
        return;
      }
      this.#swap(next.thread, compilation, next.change);
      this.#work();
    };
    slice();
  }

  #swap(thread: Thread, compilation: Compilation, change: Change): void {
    const error = compilation.errors[0];
    if (error !== undefined) {
      // The main thread compiled the same with the same code: this cannot be, and the old tables
      // are sound.
      thread.log.error("a worker refused a checked change", { ...error });
      return;
    }
    const { tables } = compilation;
    for (const share of change.clusters) {
      const row = tables.clusters.get(share.name);
      if (row === undefined) continue;
      let cluster = this.clusters.get(share.name);
      if (cluster === undefined) {
        cluster = new Cluster(thread, row, share, this.#events);
        this.clusters.set(share.name, cluster);
      }
      const table = row.endpoints ?? tables.endpoints.get(row.endpointsName ?? "") ?? null;
      cluster.eject(new Set(share.ejected));
      cluster.configure(row, table, share);
    }
    const before = this.tables;
    this.tables = tables;
    this.version = change.version;
    if (tables.listeners !== before.listeners) drainOrphans(thread, before, tables);
    for (const [name, cluster] of this.clusters) {
      if (tables.clusters.has(name)) continue;
      this.clusters.delete(name);
      cluster.remove();
    }
    this.#events.onConfigured(change.version);
  }
}
