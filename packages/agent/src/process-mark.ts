// Tells whether a process seen earlier still runs. A number alone does not: numbers are used again,
// and in a container every run of the same program has the same one.

import { readFileSync } from "node:fs";

export interface ProcessMark {
  readonly pid: number;
  /** When it began, as the kernel counts, with the kernel's own run; "" where that is not told. */
  readonly begun: string;
}

export function markOf(pid: number): ProcessMark {
  return { pid, begun: begunOf(pid) };
}

export function isRunning(mark: ProcessMark): boolean {
  try {
    process.kill(mark.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return mark.begun === begunOf(mark.pid);
}

/** Field 22 of `/proc/<pid>/stat` (proc(5)); the name in field 2 may hold spaces and brackets. */
function begunOf(pid: number): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return `${boot}:${afterName[19] ?? ""}`;
  } catch {
    return "";
  }
}
