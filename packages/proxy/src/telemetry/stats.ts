// What one worker counts. A label set is a cell that its users remember, so that counting a
// request is a few additions; every second the worker sends what was added to the main thread and
// starts from zero.

import { durationBucket, requestDurationBounds } from "@weft/runtime";
import type { RouteRow } from "@weft/rules";
import type { Entry, Exchange } from "../exchange/exchange.ts";
import { type Flag, flagRow } from "./response-flags.ts";

/** One label set's additions, as they travel to the main thread. */
export interface StatsDelta {
  readonly direction: string;
  readonly service: string;
  readonly namespace: string;
  readonly version: string;
  readonly route: string;
  readonly peer: string;
  readonly mtls: boolean;
  readonly code: number;
  readonly flag: string;
  /** -1 where the requests were not gRPC's. */
  readonly grpcStatus: number;
  readonly requests: number;
  readonly buckets: readonly number[];
  readonly sumSeconds: number;
}

/** Additions and readings of one cluster. */
export interface ClusterDelta {
  readonly cluster: string;
  readonly connectFailures: number;
  readonly retries: number;
  readonly openConnections: number;
}

export interface ConnectionCounts {
  inbound: number;
  outbound: number;
}

interface CellLabels {
  readonly direction: string;
  readonly service: string;
  readonly namespace: string;
  readonly version: string;
  readonly route: string;
  readonly peer: string;
  readonly mtls: boolean;
}

/** Requests that differ only in how they ended. */
export class StatsCell {
  readonly labels: CellLabels;
  /** By which users recognise that the cell is still theirs. */
  readonly row: RouteRow | null;
  readonly outcomes: OutcomeCounts[] = [];

  constructor(labels: CellLabels, row: RouteRow | null) {
    this.labels = labels;
    this.row = row;
  }
}

class OutcomeCounts {
  readonly status: number;
  readonly flag: Flag;
  readonly grpcStatus: number;
  requests = 0;
  sumSeconds = 0;
  readonly buckets: number[] = new Array<number>(requestDurationBounds.length + 1).fill(0);

  constructor(status: number, flag: Flag, grpcStatus: number) {
    this.status = status;
    this.flag = flag;
    this.grpcStatus = grpcStatus;
  }
}

/** Beyond so many label sets further ones are counted without route, peer and version. */
const cellsMax = 5000;

export class Stats {
  readonly #cells = new Map<string, StatsCell>();
  /** Downstream connections open now. */
  readonly connections: ConnectionCounts = { inbound: 0, outbound: 0 };
  /** Of them, those that are tunnels: nobody knows when they are idle. */
  tunnelCount = 0;
  /** Accepted, and not yet known for what they are: in their handshake or silent. */
  openingCount = 0;
  /** Requests under way now. */
  activeCount = 0;
  /** Something was counted since `take`. */
  hasNews = false;

  /** Counts an exchange that is over. */
  count(x: Exchange, durationMs: number): void {
    this.activeCount--;
    this.hasNews = true;
    const cell = x.listener?.direction === "inbound" ? this.#inbound(x) : this.#outbound(x);
    add(outcomeCounts(cell, x.status, x.flag, x.grpcStatus), durationMs / 1000);
  }

  /** Counts a request that was refused before it became an exchange. */
  countRefused(entry: Entry, status: number, flag: Flag): void {
    this.hasNews = true;
    const row = entry.thread.current.tables.listeners.get(entry.listenerName);
    const cell = this.#cell(
      {
        direction: row?.direction ?? "outbound",
        service: row?.service ?? "",
        namespace: row?.namespace ?? "",
        version: row?.version ?? "",
        route: "",
        peer: entry.peer.identity,
        mtls: entry.peer.identity !== "",
      },
      null,
    );
    add(outcomeCounts(cell, status, flag, -1), 0);
  }

  /** Everything counted since the last call. */
  take(): StatsDelta[] {
    const deltas: StatsDelta[] = [];
    this.hasNews = false;
    for (const cell of this.#cells.values()) {
      for (const counts of cell.outcomes) {
        if (counts.requests === 0) continue;
        deltas.push({
          ...cell.labels,
          code: counts.status,
          flag: flagRow(counts.flag).code,
          grpcStatus: counts.grpcStatus,
          requests: counts.requests,
          buckets: [...counts.buckets],
          sumSeconds: counts.sumSeconds,
        });
        counts.requests = 0;
        counts.sumSeconds = 0;
        counts.buckets.fill(0);
      }
    }
    return deltas;
  }

  #inbound(x: Exchange): StatsCell {
    const { peer } = x.entry;
    const known = peer.lastCell;
    if (known !== null && known.row === x.route) return known;
    const cell = this.#cell(
      {
        direction: "inbound",
        service: x.listener?.service ?? "",
        namespace: x.listener?.namespace ?? "",
        version: x.listener?.version ?? "",
        route: x.route?.name ?? "",
        peer: peer.identity,
        mtls: peer.identity !== "",
      },
      x.route,
    );
    peer.lastCell = cell;
    return cell;
  }

  #outbound(x: Exchange): StatsCell {
    const endpoint = (x.attempt ?? x.pastAttempts?.at(-1))?.endpoint ?? null;
    const known = endpoint?.lastCell ?? null;
    if (known !== null && known.row === x.route) return known;
    const cluster = x.cluster?.row;
    const cell = this.#cell(
      {
        direction: "outbound",
        service: cluster?.service || (x.virtualHost?.service ?? ""),
        namespace: cluster?.namespace || (x.virtualHost?.namespace ?? ""),
        version: endpoint?.row.version ?? "",
        route: x.route?.name ?? "",
        peer: endpoint?.row.identity ?? "",
        mtls: endpoint?.isMtls ?? false,
      },
      x.route,
    );
    if (endpoint !== null) endpoint.lastCell = cell;
    return cell;
  }

  #cell(labels: CellLabels, row: RouteRow | null): StatsCell {
    const isFull = this.#cells.size >= cellsMax;
    const used = isFull ? { ...labels, route: "", peer: "", version: "" } : labels;
    const key = Object.values(used).join("\n");
    let cell = this.#cells.get(key);
    // A changed route is a new row with the same name: same labels, so the counts go on.
    if (cell === undefined || cell.row !== row) {
      const next = new StatsCell(used, row);
      if (cell !== undefined) next.outcomes.push(...cell.outcomes);
      cell = next;
      this.#cells.set(key, cell);
    }
    return cell;
  }
}

function add(counts: OutcomeCounts, seconds: number): void {
  counts.requests++;
  counts.sumSeconds += seconds;
  const bucket = durationBucket(seconds);
  counts.buckets[bucket] = (counts.buckets[bucket] as number) + 1;
}

function outcomeCounts(
  cell: StatsCell,
  status: number,
  flag: Flag,
  grpcStatus: number,
): OutcomeCounts {
  for (const counts of cell.outcomes) {
    if (counts.status !== status || counts.flag !== flag) continue;
    if (counts.grpcStatus === grpcStatus) return counts;
  }
  const counts = new OutcomeCounts(status, flag, grpcStatus);
  cell.outcomes.push(counts);
  return counts;
}
