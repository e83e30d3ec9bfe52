// Round robin: over a whole turn each endpoint is picked exactly as often as its weight says, and
// evenly spread within the turn. Equal weights are a plain index. Otherwise the turn walks the line
// of weights in steps of about the golden section of its length, with a step that has no divisor in
// common with the length: every unit of the line is met once a turn, and neighbouring picks are far
// apart. The place in the turn is the only thing that moves; it starts at random so that workers
// and fresh pickers do not all begin with the first endpoint.

import { type Candidate, type Chance, type Picker, pickUntried } from "./picker.ts";
import { greatestCommonDivisor, indexOnLine, lineLength, weightLine } from "./weighted.ts";

const goldenSection = (Math.sqrt(5) - 1) / 2;

export class RoundRobinPicker<E extends Candidate> implements Picker<E> {
  readonly size: number;
  readonly #candidates: readonly E[];
  readonly #line: Float64Array | null;
  readonly #length: number;
  readonly #step: number;
  readonly #chance: Chance;
  #place: number;

  constructor(candidates: readonly E[], chance: Chance) {
    this.size = candidates.length;
    this.#candidates = candidates;
    this.#line = weightLine(candidates.map((candidate) => candidate.row.weight));
    this.#length = this.#line === null ? candidates.length : lineLength(this.#line);
    this.#step = this.#line === null ? 1 : stepFor(this.#length);
    this.#chance = chance;
    this.#place = Math.floor(chance.next() * this.#length);
  }

  pick(): E | null {
    if (this.size === 0) return null;
    const place = this.#place;
    const next = place + this.#step;
    this.#place = next >= this.#length ? next - this.#length : next;
    const index = this.#line === null ? place : indexOnLine(this.#line, place);
    return this.#candidates[index] as E;
  }

  pickOther(tried: readonly E[]): E | null {
    return pickUntried(this, this.#candidates, tried, this.#chance);
  }
}

function stepFor(length: number): number {
  let step = Math.max(1, Math.round(length * goldenSection));
  while (greatestCommonDivisor(step, length) !== 1) step++;
  return step;
}
