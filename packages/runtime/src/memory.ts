// Gives back what starting took. A thread that has loaded its code keeps the heap it needed for
// that, although it will need little: measured on an idle agent's main thread, 34 MB before and
// 19 MB after. It stops the thread for some tens of milliseconds, so it is for threads that serve
// no requests, once.

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { trimHeap } from "./system-calls.ts";

type Collect = (options: {
  type: "major";
  execution: "sync";
  flavor: "regular" | "last-resort";
}) => void;

export function releaseMemory(): void {
  // Other flavours leave the young generation as large as it grew.
  collector()?.({ type: "major", execution: "sync", flavor: "last-resort" });
  trimHeap();
}

/**
 * Finds out what this thread needs no more, when memory is scarce: a thread that refuses all work
 * would otherwise keep it for lack of a reason to look.
 */
export function collectGarbage(): void {
  collector()?.({ type: "major", execution: "sync", flavor: "regular" });
}

let known: Collect | null = null;

/** Null now and then: flags are the process's, and another thread may have just taken this one. */
function collector(): Collect | null {
  if (known !== null) return known;
  setFlagsFromString("--expose-gc");
  known = runInNewContext("globalThis.gc ?? null") as Collect | null;
  setFlagsFromString("--no-expose-gc");
  return known;
}

/** What this process may use: its cgroup's limit, or the host's memory. */
export function memoryLimitBytes(): number {
  const total = totalmem();
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < total ? constrained : total;
}

/**
 * What this process uses and the system could not take back: without the pages of files, such as
 * the program's own, which it shares with others of its kind. proc(5), statm.
 */
export function residentBytes(): number {
  const rss = process.memoryUsage.rss();
  try {
    const [, resident = 0, shared = 0] = readFileSync("/proc/self/statm", "latin1")
      .split(" ")
      .map(Number);
    return resident > 0 ? Math.round((rss * (resident - shared)) / resident) : rss;
  } catch {
    return rss;
  }
}

/** The C library's free memory goes back to the system, where it can be asked for that. */
export function trimMemory(): void {
  trimHeap();
}
