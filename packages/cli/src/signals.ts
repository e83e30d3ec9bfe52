// TERM and INT as two abort signals: the first asks to stop, the second to stop now. USR2 asks a
// workload to become the Weft that is installed now.

import path from "node:path";
import type { CliContext } from "./context.ts";

export interface UpgradeSignal {
  readonly launcher: string;
  readonly args: readonly string[];
  readonly onRequest: (listener: () => void) => void;
}

/** From here on USR2 does not end the process. */
export function listenForUpgrade(context: CliContext): UpgradeSignal {
  let onRequest = (): void => {};
  process.on("SIGUSR2", () => onRequest());
  const beside = path.join(import.meta.dirname, "../bin/weft");
  return {
    launcher: context.launcher || beside,
    args: process.argv.slice(2),
    onRequest: (listener) => {
      onRequest = listener;
    },
  };
}

export interface StopSignals {
  readonly stop: AbortSignal;
  readonly stopNow: AbortSignal;
  /** Gives the signals back to the process. */
  release(): void;
}

export function listenForStop(): StopSignals {
  const stop = new AbortController();
  const stopNow = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) stopNow.abort();
    else stop.abort();
  };
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, onSignal);
  return {
    stop: stop.signal,
    stopNow: stopNow.signal,
    release() {
      for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.off(name, onSignal);
    },
  };
}
