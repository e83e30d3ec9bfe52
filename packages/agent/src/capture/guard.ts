// Takes a capture away when its agent is killed: a shell that waits for the end of a pipe which
// only the agent holds, as `supervise/program.ts` has one for the program. It removes the table
// only while it is still that agent's: a successor may have put its own in its place.

import { type ChildProcess, spawn } from "node:child_process";
import { childEnd, closeDescriptor, descriptorOf } from "@weft/runtime";
import type { ClientRoute } from "./client-route.ts";

export interface CaptureGuardOptions {
  readonly nft: string;
  readonly table: string;
  /** The table's comment. */
  readonly mark: string;
  readonly cgroupFolder: string | null;
  readonly routes: ClientRoute | null;
}

/** A guard as the next image of this process knows it. */
export interface GuardHandle {
  readonly pid: number;
  /** This end of the pipe. */
  readonly fd: number;
}

/** Ends a guard of the process that this one was; another watches in its place. */
export function releaseGuard({ fd, pid }: GuardHandle): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
  closeDescriptor(fd);
  void childEnd(pid);
}

/**
 * Arguments: nft, table, mark, cgroup folder or "", ip or "", routing table. The program may take a
 * while to end.
 */
const script = `read -r _
if "$1" list table inet "$2" 2>/dev/null | grep -qF "$3"; then
  printf 'table inet %s\\ndelete table inet %s\\n' "$2" "$2" | "$1" -f -
fi
if [ -n "$5" ]; then
  for family in -4 -6; do
    while "$5" "$family" rule del lookup "$6"; do :; done
    "$5" "$family" route flush table "$6"
  done
fi
n=0
while [ -n "$4" ] && [ -d "$4" ] && ! rmdir "$4" 2>/dev/null && [ $n -lt 150 ]; do
  n=$((n + 1))
  sleep 0.1
done`;

export class CaptureGuard {
  readonly #child: ChildProcess;

  constructor(options: CaptureGuardOptions) {
    const { cgroupFolder, mark, nft, routes, table } = options;
    const places = [cgroupFolder ?? "", routes?.ip ?? "", String(routes?.table ?? 0)];
    this.#child = spawn(
      "/bin/sh",
      ["-c", script, "weft-capture-guard", nft, table, mark, ...places],
      {
        stdio: ["pipe", "ignore", "ignore"],
        detached: true,
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      },
    );
    this.#child.on("error", () => {});
    this.#child.stdin?.on("error", () => {});
    this.#child.unref();
  }

  /** Null when it could not be started. */
  get handle(): GuardHandle | null {
    const { pid, stdin } = this.#child;
    return pid === undefined ? null : { pid, fd: descriptorOf(stdin) };
  }

  /** Nothing is left to do, or it tries once more what could not be done. */
  close(isDone: boolean): void {
    if (isDone) this.#child.kill("SIGKILL");
    else this.#child.stdin?.end();
  }
}
