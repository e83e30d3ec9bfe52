// What an owner of a socket or of a turn throws is a bug. It costs one connection and not the
// thread, and whoever runs the thread is told.

let onFault: ((error: unknown) => void) | null = null;

/**
 * Takes what an owner throws: a bug, which then costs its connection and not the thread. Without a
 * handler it is thrown on.
 */
export function handleFaults(handler: ((error: unknown) => void) | null): void {
  onFault = handler;
}

/** Gives what was thrown to the handler, or throws it on. */
export function reportFault(error: unknown): void {
  if (onFault === null) throw error;
  onFault(error);
}
