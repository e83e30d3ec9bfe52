// Whose a capture table is: written into its comment, so that a table whose agent is gone can be
// told from one in use, by whoever looks.

import { readlinkSync } from "node:fs";
import { isRunning, markOf } from "../process-mark.ts";

export interface CaptureMark {
  readonly pid: number;
  readonly begun: string;
  /** Of the process namespace that `pid` is a number of. */
  readonly namespace: string;
  readonly scope: string;
}

/** `elsewhere`: an agent of another process namespace; whether it runs cannot be told from here. */
export type OwnerState = "running" | "gone" | "elsewhere";

/** At most 128 characters, as comments of tables may have. */
export function ownMark(scope: string): string {
  const { begun, pid } = markOf(process.pid);
  return `weft1 pid=${pid} begun=${begun} pidns=${processNamespace()} scope=${scope}`;
}

/**
 * A group, a user and a routing table of the agent with that process number: above every account's,
 * and different from every other agent's.
 */
export function ownNumber(pid: number): number {
  return 0x7000_0000 + pid;
}

/** Null when the comment is not of our making. */
export function parseMark(comment: string): CaptureMark | null {
  const match = /^weft1 pid=(\d+) begun=(\S*) pidns=(\S*) scope=(\w+)$/.exec(comment);
  if (match === null) return null;
  const [, pid = "", begun = "", namespace = "", scope = ""] = match;
  return { pid: Number(pid), begun, namespace, scope };
}

export function ownerState(mark: CaptureMark): OwnerState {
  if (mark.namespace !== processNamespace()) return "elsewhere";
  return isRunning(mark) ? "running" : "gone";
}

function processNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
  } catch {
    return "";
  }
}
