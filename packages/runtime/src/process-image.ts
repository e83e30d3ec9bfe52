// Becoming another program without becoming another process: the process number, the children and
// chosen descriptors stay, everything else is new. Children that Node did not start in this image
// are reaped by hand. Where FFI is missing none of this is possible. execve(2), waitpid(2).

import { Socket } from "node:net";
import { systemCalls, systemNumbers } from "./system-calls.ts";

/** How a child ended, as Node would tell it. */
export type ChildEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: number };

const noHang = 1;

export function canReplaceProcess(): boolean {
  return typeof process.execve === "function" && systemCalls() !== null;
}

/**
 * Runs `file` in this process from now on; `kept` descriptors stay open. Does not return; throws
 * when the system refuses, and then nothing has changed.
 */
export function replaceProcess(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  kept: readonly number[],
): void {
  if (process.execve === undefined) throw new Error("this Node cannot replace its process");
  for (const fd of kept) systemCalls()?.ioctl(fd, systemNumbers.keepOnExec);
  try {
    process.execve(file, [file, ...args], environment);
  } catch (error) {
    sealDescriptors(kept);
    throw error;
  }
}

/** Programs started from now on do not get them. */
export function sealDescriptors(fds: readonly number[]): void {
  for (const fd of fds) systemCalls()?.ioctl(fd, systemNumbers.closeOnExec);
}

/** The descriptor under a pipe or socket of Node's. */
export function descriptorOf(stream: unknown): number {
  return (stream as { _handle?: { fd?: number } | null } | null)?._handle?.fd ?? -1;
}

/** A socket over a descriptor that this process was started with. */
export function socketOf(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: true });
}

/** Resolves when a child ends that this image did not start. */
export function childEnd(pid: number): Promise<ChildEnd> {
  return new Promise((resolve) => {
    const look = (): void => {
      const end = reap(pid);
      if (end === null) return;
      process.off("SIGCHLD", look);
      resolve(end);
    };
    process.on("SIGCHLD", look);
    look();
  });
}

/** Null while it runs. A child that is not ours, or already reaped, counts as ended. */
function reap(pid: number): ChildEnd | null {
  const status = Buffer.alloc(4);
  const found = systemCalls()?.waitpid(pid, status, noHang) ?? -1;
  if (found === 0) return null;
  if (found < 0) return { kind: "exited", code: 0 };
  const word = status.readInt32LE(0);
  const signal = word & 0x7f;
  return signal === 0
    ? { kind: "exited", code: (word >> 8) & 0xff }
    : { kind: "signalled", signal };
}
