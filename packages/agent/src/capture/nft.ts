// The nft(8) program: found on PATH or where systems put it, fed a script on standard input. One
// script is one transaction of the kernel: all of it or nothing.

import { spawnSync } from "node:child_process";
import { findExecutable } from "../supervise/executable.ts";

export interface NftResult {
  readonly isOk: boolean;
  readonly output: string;
  /** What it complained of, in one line. */
  readonly complaint: string;
}

/** Often not on the PATH of a user who is not root. */
const systemFolders = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
const patienceMs = 10_000;

/** Null when it is not installed. */
export function findNft(pathVariable: string = process.env["PATH"] ?? ""): string | null {
  return findExecutable("nft", [...pathVariable.split(":"), ...systemFolders]);
}

/** Takes some milliseconds, in which this thread waits: rules are set at start and end alone. */
export function runNft(nft: string, args: readonly string[], script = ""): NftResult {
  const { error, status, stderr, stdout } = spawnSync(nft, [...args], {
    input: script,
    encoding: "utf8",
    timeout: patienceMs,
    env: { LC_ALL: "C" },
  });
  if (error !== undefined) return { isOk: false, output: "", complaint: error.message };
  const complaint = stderr.split("\n")[0]?.trim() ?? "";
  return { isOk: status === 0, output: stdout, complaint };
}
