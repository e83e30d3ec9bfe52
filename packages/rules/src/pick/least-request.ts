// Least request: of a few endpoints drawn by weight (two unless told otherwise), the one with the
// fewest attempts under way for its weight. Two choices are nearly as good as looking at all of
// them, and do not make every worker run to the same idle endpoint (Mitzenmacher 2001). On a tie
// the first drawn wins, so that an idle cluster is used in proportion to weight.

import { type Candidate, type Chance, type Picker, pickUntried } from "./picker.ts";
import { indexOnLine, lineLength, weightLine } from "./weighted.ts";

export class LeastRequestPicker<E extends Candidate> implements Picker<E> {
  readonly size: number;
  readonly #candidates: readonly E[];
  readonly #line: Float64Array | null;
  readonly #length: number;
  readonly #choiceCount: number;
  readonly #chance: Chance;

  constructor(candidates: readonly E[], choiceCount: number, chance: Chance) {
    this.size = candidates.length;
    this.#candidates = candidates;
    this.#line = weightLine(candidates.map((candidate) => candidate.row.weight));
    this.#length = this.#line === null ? candidates.length : lineLength(this.#line);
    this.#choiceCount = choiceCount;
    this.#chance = chance;
  }

  pick(): E | null {
    if (this.size === 0) return null;
    const first = this.#draw();
    let best = this.#candidates[first] as E;
    if (this.size === 1) return best;
    for (let i = 1; i < this.#choiceCount; i++) {
      const other = this.#candidates[this.#drawOther(first)] as E;
      if (this.#isLessBusy(other, best)) best = other;
    }
    return best;
  }

  pickOther(tried: readonly E[]): E | null {
    return pickUntried(this, this.#candidates, tried, this.#chance);
  }

  /** Rows of equal weights are not touched: of many endpoints none is in the processor's cache. */
  #isLessBusy(one: E, than: E): boolean {
    return this.#line === null
      ? one.activeCount < than.activeCount
      : one.activeCount * than.row.weight < than.activeCount * one.row.weight;
  }

  #draw(): number {
    const point = this.#chance.next() * this.#length;
    return this.#line === null ? Math.floor(point) : indexOnLine(this.#line, point);
  }

  /**
   * Another one than `index`: exactly so for equal weights, else the neighbour when the draw
   * repeats.
   */
  #drawOther(index: number): number {
    if (this.#line === null) {
      const other = Math.floor(this.#chance.next() * (this.size - 1));
      return other < index ? other : other + 1;
    }
    const other = this.#draw();
    return other === index ? (index + 1) % this.size : other;
  }
}
