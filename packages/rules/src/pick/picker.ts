// What all pickers share. A picker is made for one set of endpoints and never changes: a balancer replaces it
// when endpoints, health or ejections change, and an exchange picks from the one it began with.

import type { EndpointRow } from "../endpoint-table.ts";

/** What a picker needs to know about an endpoint; the proxy's own endpoint objects are candidates. */
export interface Candidate {
  readonly row: EndpointRow;
  /** Attempts under way, kept by the proxy. */
  readonly activeCount: number;
}

/** A source of numbers in [0, 1); runtime's `Random` is one. */
export interface Chance {
  next(): number;
}

export interface Picker<E extends Candidate> {
  /** How many endpoints can be picked. */
  readonly size: number;
  /** Null only when `size` is 0. */
  pick(): E | null;
  /** Prefers an endpoint outside `tried`; one of them where there is no other. */
  pickOther(tried: readonly E[]): E | null;
}

/** Whether an endpoint may be picked. */
export function isUsable(candidate: Candidate, ejected: ReadonlySet<string>): boolean {
  const { health, key } = candidate.row;
  return (health === "healthy" || health === "degraded") && !ejected.has(key);
}
