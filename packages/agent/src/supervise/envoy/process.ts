// The Envoy process: in a group of its own, started again when it ends by itself, ended with this
// process whatever ends that. Its log is ours.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { LogLevel, Runtime, Timer } from "@weft/runtime";
import { startGuard } from "../group-guard.ts";

export interface EnvoyProcessOptions {
  readonly runtime: Runtime;
  readonly file: string;
  readonly args: readonly string[];
  readonly dir: string;
  /** It ended by itself; it is started again unless this answers false. */
  readonly onEnded: (how: string, lastLine: string) => boolean;
}

const backoffFirstMs = 100;
const backoffMaxMs = 10_000;
/** Who runs that long is well: the next start is at once again. */
const wellAfterMs = 10_000;
const killAfterMs = 2_000;

export class EnvoyProcess {
  readonly #options: EnvoyProcessOptions;
  #child: ChildProcess | null = null;
  #guard: ChildProcess | null = null;
  #delayMs = backoffFirstMs;
  #restart: Timer | null = null;
  #ended: PromiseWithResolvers<void> | null = null;
  #lastLine = "";
  #startCount = 0;

  constructor(options: EnvoyProcessOptions) {
    this.#options = options;
  }

  /** Null while none runs. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get restartCount(): number {
    return Math.max(0, this.#startCount - 1);
  }

  start(): void {
    const { args, dir, file, runtime } = this.#options;
    const { clock, timers } = runtime;
    this.#restart = null;
    this.#startCount++;
    const startedMs = clock.monotonicMs();
    // A group of its own: a terminal's interrupt is for us, and Envoy has to drain first.
    const child = spawn(file, [...args], {
      cwd: dir,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {},
    });
    this.#child = child;
    this.#guard = child.pid === undefined ? null : startGuard(child.pid);
    for (const stream of [child.stdout, child.stderr]) this.#read(stream);
    const ended = (how: string): void => {
      if (this.#child !== child) return;
      this.#child = null;
      this.#guard?.kill("SIGKILL");
      if (this.#ended !== null) return this.#ended.resolve();
      if (clock.monotonicMs() - startedMs >= wellAfterMs) this.#delayMs = backoffFirstMs;
      const goesOn = this.#options.onEnded(how, this.#lastLine);
      if (!goesOn) return;
      runtime.log.error("Envoy ended and is started again", {
        code: "envoy-ended",
        reason: how,
        inMs: this.#delayMs,
      });
      this.#restart = timers.after(this.#delayMs, () => this.start());
      this.#delayMs = Math.min(backoffMaxMs, this.#delayMs * 2);
    };
    child.once("error", (error) => ended(error.message));
    child.once("exit", (code, signal) => ended(signal ?? `exit code ${code ?? 0}`));
  }

  /** Resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#restart?.cancel();
    this.#ended ??= Promise.withResolvers<void>();
    if (child === null) return;
    child.kill("SIGTERM");
    const { timers } = this.#options.runtime;
    const late = timers.after(killAfterMs, () => void child.kill("SIGKILL"));
    await this.#ended.promise;
    late.cancel();
  }

  #read(stream: NodeJS.ReadableStream | null): void {
    if (stream === null) return;
    const { log } = this.#options.runtime;
    createInterface({ input: stream }).on("line", (line) => {
      const [, word = "", text = line] = /^\[(\w+)\] (.*)$/.exec(line) ?? [];
      this.#lastLine = text;
      log[levels[word] ?? "info"](text, { from: "envoy" });
    });
  }
}

/** Its words for ours. */
const levels: Readonly<Record<string, LogLevel>> = {
  trace: "debug",
  debug: "debug",
  warning: "warn",
  error: "error",
  critical: "error",
};

/** What `process.ts` can read. */
export const logFormat = "[%l] %v";
