// Ends what this process started when this process is killed, even by KILL.

import { type ChildProcess, spawn } from "node:child_process";

/**
 * A shell that waits for the end of a pipe only this process holds: when this process dies, even by
 * KILL, the pipe closes and the group gets TERM. It costs one idle `sh`.
 */
export function startGuard(groupId: number): ChildProcess {
  const guard = spawn(
    "/bin/sh",
    ["-c", 'read -r _; kill -TERM "-$1" 2>/dev/null', "weft-guard", String(groupId)],
    {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      env: {},
    },
  );
  guard.on("error", () => {});
  guard.unref();
  return guard;
}
