// Reproducible chance: the sfc32 generator from one seed.

import type { Random } from "../random.ts";

export function seededRandom(seed: number): Random {
  let a = seed >>> 0;
  let b = 0x9e3779b9;
  let c = 0x243f6a88;
  let counter = 1;
  const word = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) word();
  const next = (): number => word() / 4294967296;
  return {
    next,
    integer: (below) => (below <= 1 ? 0 : Math.floor(next() * below)),
    bytes(count) {
      const out = new Uint8Array(count);
      for (let i = 0; i < count; i++) out[i] = word() & 255;
      return out;
    },
  };
}
