// Which route a request meets: the virtual host by its authority, then the first route that matches
// (Envoy's order: exact domain, `*x` longest first, `x*` longest first, `*`).

import type { RouteTable, VirtualHostRow } from "./route-table.ts";
import type { RouteRow, WeightedClusterRow } from "./tables.ts";

/** What matching reads of a request; wire's `RequestHead` is one. */
export interface RequestView {
  readonly method: string;
  /** Without the query; "" for CONNECT. */
  readonly path: string;
  /** With its question mark; "" when there is none. */
  readonly query: string;
  /** Lower case `host[:port]`. */
  readonly authority: string;
  /** "http" or "https"; "" counts as "http". */
  readonly scheme: string;
  /** [name, value, …] with lower-case names. */
  readonly headers: readonly string[];
}

export declare function matchVirtualHost(
  table: RouteTable,
  authority: string,
): VirtualHostRow | null;

export declare function matchRoute(
  virtualHost: VirtualHostRow,
  request: RequestView,
): RouteRow | null;

/** One of the weighted clusters; `chance` is a number in [0, 1). */
export declare function chooseCluster(
  clusters: readonly WeightedClusterRow[],
  weightTotal: number,
  chance: number,
): WeightedClusterRow | null;
