// TERM and INT as two abort signals: the first asks to stop, the second to stop now.

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
