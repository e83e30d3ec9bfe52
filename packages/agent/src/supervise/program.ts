// The program beside the proxy: started in a process group of its own with its standard streams
// untouched, ended politely, then firmly. A guard ends it when this process is killed. After a hot
// upgrade it is adopted: it runs on, and this process, which is still its parent, reaps it.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { childEnd, descriptorOf, type Runtime, sealDescriptors, type Timer } from "@weft/runtime";
import type { RunningProgram } from "../upgrade/handover.ts";
import { findExecutable } from "./executable.ts";
import { startGuard } from "./group-guard.ts";

export interface ProgramEntry {
  /** A command that becomes the one given after it; empty: none. */
  readonly through: readonly string[];
  /** The user it runs as; null: this process's. */
  readonly uid: number | null;
}

export interface ProgramOptions {
  readonly runtime: Runtime;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program. */
  readonly environment: Readonly<Record<string, string>>;
  /** With capture: how its sockets become known; null: it is started as it is. */
  readonly entry: ProgramEntry | null;
  /** Milliseconds between TERM and KILL. */
  readonly killAfterMs: number;
}

export type ProgramExit =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: NodeJS.Signals }
  | { readonly kind: "not-started"; readonly message: string; readonly code: number };

/**
 * The exit code a shell would report for this end: 127 not found, 126 not executable, 128 + n for a
 * signal.
 */
export function exitCodeOf(exit: ProgramExit): number {
  if (exit.kind === "signalled") return 128 + constants.signals[exit.signal];
  return exit.code;
}

const groupLookMs = 50;

/** The group's leader, as this process knows it. */
interface Leader {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly ended: Promise<ProgramExit>;
  readonly guard: RunningProgram["guard"];
}

export class Program {
  /** The program itself ended, or could not be started. */
  readonly exited: Promise<ProgramExit>;
  /** Nothing of its process group is left. */
  readonly gone: Promise<void>;
  readonly #leader: Leader;
  readonly #runtime: Runtime;
  readonly #killAfterMs: number;
  #killTimer: Timer | null = null;
  #isGone = false;
  #setGone: () => void = () => {};

  static start(options: ProgramOptions): Program {
    return new Program(options, startLeader(options));
  }

  /** Goes on with a program that runs. */
  static adopt(
    options: Pick<ProgramOptions, "runtime" | "killAfterMs">,
    running: RunningProgram,
  ): Program {
    const { guard, pid } = running;
    if (guard !== null) sealDescriptors([guard.fd]);
    const ended = childEnd(pid).then((end): ProgramExit => {
      if (end.kind === "exited") return end;
      return { kind: "signalled", signal: signalName(end.signal) };
    });
    return new Program(options, { pid, ended, guard });
  }

  private constructor(options: Pick<ProgramOptions, "runtime" | "killAfterMs">, leader: Leader) {
    this.#runtime = options.runtime;
    this.#killAfterMs = options.killAfterMs;
    this.#leader = leader;
    this.gone = new Promise((resolve) => {
      this.#setGone = resolve;
    });
    this.exited = leader.ended.then((exit) => {
      // What the program left behind in its group goes with it.
      if (exit.kind !== "not-started") this.terminate();
      this.#watchGroup();
      return exit;
    });
  }

  get pid(): number | null {
    return this.#leader.pid ?? null;
  }

  /** What the next image of this process needs to know of it; null when it never started. */
  forHeir(): RunningProgram | null {
    const { guard, pid } = this.#leader;
    return pid === undefined ? null : { pid, guard };
  }

  /**
   * TERM to the process group now, KILL when any of it is still there after the grace. Only the
   * first call does anything: many programs take a second TERM as an order to hurry.
   */
  terminate(): void {
    if (this.#isGone || this.#killTimer !== null) return;
    this.#signal("SIGTERM");
    this.#killTimer = this.#runtime.timers.after(this.#killAfterMs, () => this.kill());
  }

  /** KILL to the process group. */
  kill(): void {
    if (!this.#isGone) this.#signal("SIGKILL");
  }

  /** False when there is no such group any more. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#leader;
    if (pid === undefined) return false;
    try {
      process.kill(-pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  /** After the program's own end: no event tells of the others, so they are looked for. */
  #watchGroup(): void {
    if (this.#signal(0)) {
      this.#runtime.timers.after(groupLookMs, () => this.#watchGroup());
      return;
    }
    this.#isGone = true;
    this.#killTimer?.cancel();
    this.#endGuard();
    this.#setGone();
  }

  #endGuard(): void {
    const { guard } = this.#leader;
    if (guard === null) return;
    try {
      process.kill(guard.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

function startLeader(options: ProgramOptions): Leader {
  const { through = [], uid = null } = options.entry ?? {};
  const [file = "", ...args] = [...through, options.command, ...options.args];
  // What leads to a program that is not there would say so in its own words.
  const isThere = through.length === 0 || isExecutable(options.command, options.environment);
  // `detached` gives the program a session, and so a process group, of its own.
  const child = spawn(isThere ? file : options.command, isThere ? args : [...options.args], {
    stdio: "inherit",
    detached: true,
    env: { ...options.environment },
    ...(uid === null ? {} : { uid, gid: uid }),
  });
  const ended = new Promise<ProgramExit>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) resolve(notStarted(options.command, error));
    });
    child.once("exit", (code, signal) => {
      resolve(
        signal === null ? { kind: "exited", code: code ?? 0 } : { kind: "signalled", signal },
      );
    });
  });
  const guard = child.pid === undefined ? null : startGuard(child.pid);
  const guardPid = guard?.pid;
  return {
    pid: child.pid,
    ended,
    guard:
      guardPid === undefined ? null : { pid: guardPid, fd: descriptorOf(guard?.stdin ?? null) },
  };
}

function signalName(number: number): NodeJS.Signals {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return (found?.[0] ?? "SIGKILL") as NodeJS.Signals;
}

/** As execvp(3) looks for it. */
function isExecutable(command: string, environment: ProgramOptions["environment"]): boolean {
  const folders = command.includes("/") ? ["."] : (environment["PATH"] ?? "").split(":");
  return findExecutable(command, command.startsWith("/") ? ["/"] : folders) !== null;
}

function notStarted(command: string, error: NodeJS.ErrnoException): ProgramExit {
  const said = `cannot start "${command}"`;
  if (error.code === "ENOENT") {
    const fix = "give its path or put its folder on PATH";
    return { kind: "not-started", code: 127, message: `${said}: no such program; ${fix}` };
  }
  if (error.code === "EACCES") {
    const fix = "try chmod +x or start it through its interpreter";
    return { kind: "not-started", code: 126, message: `${said}: it is not executable; ${fix}` };
  }
  return { kind: "not-started", code: 126, message: `${said}: ${error.message}` };
}
