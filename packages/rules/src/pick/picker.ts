// What all pickers share. A picker is made for one set of endpoints and never changes: a balancer
// replaces it when endpoints, health or ejections change, and an exchange picks from the one it
// began with.

import type { EndpointRow } from "../endpoint-table.ts";

/**
 * What a picker needs to know about an endpoint; the proxy's own endpoint objects are candidates.
 */
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

const redraws = 4;

/**
 * A few fresh picks, which keep the algorithm's preference; then the first untried endpoint from a
 * random place on; then, when all were tried, any.
 */
export function pickUntried<E extends Candidate>(
  picker: Picker<E>,
  candidates: readonly E[],
  tried: readonly E[],
  chance: Chance,
): E | null {
  for (let i = 0; i < redraws; i++) {
    const picked = picker.pick();
    if (picked === null || !isTried(picked, tried)) return picked;
  }
  const from = Math.floor(chance.next() * candidates.length);
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[(from + i) % candidates.length] as E;
    if (!isTried(candidate, tried)) return candidate;
  }
  return picker.pick();
}

/** By key, because an update may have replaced the object since it was tried. */
function isTried(candidate: Candidate, tried: readonly Candidate[]): boolean {
  for (const other of tried) if (other.row.key === candidate.row.key) return true;
  return false;
}
