// The real effects of this process. The only place that reads the clock, sets timers or rolls dice.

import { randomBytes, randomInt } from "node:crypto";
import { writeSync } from "node:fs";
// The global of that name is a getter, which costs more than the clock itself.
import { performance } from "node:perf_hooks";
import type { Clock, Timers } from "./clock.ts";
import { createLogger, type LogLevel, type Logger } from "./log.ts";
import type { Random } from "./random.ts";
import type { Runtime } from "./runtime.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

export const systemTimers: Timers = {
  after(delayMs, fn, options) {
    const handle = setTimeout(fn, delayMs);
    if (options?.background === true) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  every(periodMs, fn, options) {
    const handle = setInterval(fn, periodMs);
    if (options?.background === true) handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
};

export const systemRandom: Random = {
  next: () => Math.random(),
  integer: (below) => (below <= 1 ? 0 : randomInt(below)),
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

export interface SystemRuntimeOptions {
  log?: Logger;
  level?: LogLevel;
  format?: "text" | "json";
}

/** The real runtime; without a logger, lines go to standard error. */
export function systemRuntime(options: SystemRuntimeOptions = {}): Runtime {
  const log =
    options.log ??
    createLogger({
      clock: systemClock,
      write: writeToStderr,
      level: options.level ?? "info",
      format: options.format ?? "text",
    });
  return { clock: systemClock, timers: systemTimers, random: systemRandom, log };
}

/** Synchronous, so that the last line before an exit is not lost; a full pipe drops the line. */
function writeToStderr(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody reads standard error any more: there is nowhere left to say so.
  }
}
