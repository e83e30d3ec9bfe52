// Whether an agent is being upgraded, seen from another process: it then has a child that was told
// to be its bridge (`handover.ts`). proc(5).

import { readFileSync } from "node:fs";
import { handoverVariable } from "./handover.ts";

/** The bridge's process; 0 when there is none, or this user may not look. */
export function findBridge(pid: number): number {
  const children = readText(`/proc/${pid}/task/${pid}/children`).split(" ").map(Number);
  return children.find((child) => child > 0 && isBridge(child)) ?? 0;
}

function isBridge(pid: number): boolean {
  const variables = readText(`/proc/${pid}/environ`).split("\0");
  return variables.some((text) => text.startsWith(`${handoverVariable}={"role":"bridge"`));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
