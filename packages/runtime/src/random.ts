// Chance. Production uses the process's generator, simulation a seeded one.

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [0, below). */
  integer(below: number): number;
  /** Bytes fit for secrets in production; reproducible in simulation. */
  bytes(count: number): Uint8Array;
}

/** A value spread evenly over `value` ± `share`, e.g. 0.1 for ten percent. */
export function jitter(random: Random, value: number, share: number): number {
  return value * (1 - share + 2 * share * random.next());
}
