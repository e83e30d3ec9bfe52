// Random: each pick independent of the last, in proportion to weight.

import { type Candidate, type Chance, type Picker, pickUntried } from "./picker.ts";
import { indexOnLine, lineLength, weightLine } from "./weighted.ts";

export class RandomPicker<E extends Candidate> implements Picker<E> {
  readonly size: number;
  readonly #candidates: readonly E[];
  readonly #line: Float64Array | null;
  readonly #length: number;
  readonly #chance: Chance;

  constructor(candidates: readonly E[], chance: Chance) {
    this.size = candidates.length;
    this.#candidates = candidates;
    this.#line = weightLine(candidates.map((candidate) => candidate.row.weight));
    this.#length = this.#line === null ? candidates.length : lineLength(this.#line);
    this.#chance = chance;
  }

  pick(): E | null {
    if (this.size === 0) return null;
    const point = this.#chance.next() * this.#length;
    const index = this.#line === null ? Math.floor(point) : indexOnLine(this.#line, point);
    return this.#candidates[index] as E;
  }

  pickOther(tried: readonly E[]): E | null {
    return pickUntried(this, this.#candidates, tried, this.#chance);
  }
}
