// Real processes under a test: started with their output kept, awaited by what they print, always
// ended.

import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { TestContext } from "node:test";

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything printed so far, both streams. */
  output(): string;
  /**
   * Resolves with the match when a line fits; rejects with the output when the process ends or time
   * is up.
   */
  printed(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Exit code, or 128 + n for a signal is null here: see `signal`. */
  ended(timeoutMs?: number): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a program that ends with the test. */
export function start(
  context: TestContext,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Started {
  const child = spawn(command, [...args], { stdio: ["ignore", "pipe", "pipe"], ...options });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const exit = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  exit.catch(() => {});
  /** A detached process leads a group of its own, which ends with it. */
  const signal = (name: NodeJS.Signals): void => {
    if (options.detached !== true || child.pid === undefined) child.kill(name);
    else process.kill(-child.pid, name);
  };
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const started: Started = {
    child,
    pid: child.pid ?? -1,
    output: () => text,
    async printed(pattern, timeoutMs = 20_000) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const match = pattern.exec(text);
        if (match !== null) return match;
        if (isOver() || Date.now() > deadline) {
          const why = isOver()
            ? `ended (${child.exitCode ?? child.signalCode})`
            : "said nothing like it";
          throw new Error(
            `${command} ${args.join(" ")}: ${why}; wanted ${pattern}; printed:\n${text}`,
          );
        }
        await delay(20);
      }
    },
    async ended(timeoutMs = 20_000) {
      if (!isOver()) {
        const timer = delay(timeoutMs, "late" as const, { ref: false });
        if ((await Promise.race([exit, timer])) === "late") {
          throw new Error(`${command} ${args.join(" ")} did not end; printed:\n${text}`);
        }
      }
      return { code: child.exitCode, signal: child.signalCode };
    },
    async stop(name = "SIGTERM") {
      if (isOver() || child.pid === undefined) return;
      signal(name);
      const timer = delay(15_000, "late" as const, { ref: false });
      if ((await Promise.race([exit, timer])) === "late") signal("SIGKILL");
    },
  };
  context.after(() => started.stop());
  return started;
}

/** Runs a program to its end. Rejects when it takes over `timeoutMs`. */
export function run(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { input?: string; timeoutMs?: number } = {},
): Promise<Finished> {
  const { input, timeoutMs = 60_000, ...rest } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { ...rest, stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(
        new Error(`${command} ${args.join(" ")} took over ${timeoutMs} ms\n${stdout}${stderr}`),
      );
    }, timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

/**
 * Tries until `attempt` answers something other than null; rejects with the last error when time is
 * up.
 */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T | null> | T | null,
  timeoutMs = 20_000,
  stepMs = 50,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown = null;
  for (;;) {
    try {
      const value = await attempt();
      if (value !== null) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `not within ${timeoutMs} ms: ${what}`,
        last === null ? undefined : { cause: last },
      );
    }
    await delay(stepMs);
  }
}
