// Connections of downstreams that are older than their listener allows (`max_connection_duration`)
// are told to go: HTTP/2 by GOAWAY in two phases, HTTP/1 by its next response. Without that, those
// that never rest keep to the proxy that was there first, however many there are today.

import type { ListenerRow, Tables } from "@weft/rules";
import type { Thread } from "./thread.ts";

/** They go by up to this share earlier than they must, so that not all go at once. */
const spread = 0.1;

/** A share of the age that a connection may reach; each has its own. */
export function ageShare(chance: number): number {
  return 1 - spread * chance;
}

/** To be called about every second. */
export function retireOld({ current, downstreams }: Thread, nowMs: number): void {
  const { listeners } = current.tables;
  if (!haveLimit(listeners)) return;
  for (const downstream of downstreams) {
    const { entry } = downstream;
    const row = entry === null ? undefined : listeners.get(entry.listenerName);
    if (row === undefined) continue;
    const limitMs = ageLimitMs(row, entry?.peer.isTls === true);
    if (limitMs !== null) downstream.retireIfOlder(nowMs, limitMs);
  }
}

function haveLimit(listeners: Tables["listeners"]): boolean {
  for (const row of listeners.values()) {
    if (ageLimitMs(row, true) !== null || ageLimitMs(row, false) !== null) return true;
  }
  return false;
}

function ageLimitMs({ tlsChain, plainChain }: ListenerRow, isTls: boolean): number | null {
  return (isTls ? tlsChain : plainChain)?.http?.connectionAgeMaxMs ?? null;
}
