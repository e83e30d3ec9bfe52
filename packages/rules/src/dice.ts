// Chance for fuzz runs and their tests: what `fuzz(dice, steps)` rolls. Runtime's `Random` is one.

export interface Dice {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [0, below). */
  integer(below: number): number;
}

/** Reproducible: Marsaglia's xorshift on 32 bits. */
export function seededDice(seed: number): Dice {
  let word = Math.imul(seed + 1, 0x9e3779b1) || 1;
  const next = (): number => {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    return (word >>> 0) / 4294967296;
  };
  // The first words still show how small the seed was.
  for (let i = 0; i < 8; i++) next();
  return { next, integer: (below) => Math.floor(next() * below) };
}

export function oneOf<T>(dice: Dice, items: readonly T[]): T {
  return items[dice.integer(items.length)] as T;
}
