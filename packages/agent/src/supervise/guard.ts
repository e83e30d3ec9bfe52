// An exception in one part of the agent (health, telemetry, answers) must not end the program
// beside it: it is logged, and the part goes on with its next round (decision D5).

import type { Logger } from "@weft/runtime";

/** `act`, with what it throws logged under the part's name. */
export function guarded<Args extends readonly unknown[]>(
  log: Logger,
  part: string,
  act: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      act(...args);
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log.error(`${part} failed; it goes on with its next round`, { reason });
    }
  };
}
