// From an algorithm's name to its picker.

import type { Algorithm } from "../cluster-table.ts";
import { LeastRequestPicker } from "./least-request.ts";
import { type Candidate, type Chance, isUsable, type Picker } from "./picker.ts";
import { RandomPicker } from "./random.ts";
import { RoundRobinPicker } from "./round-robin.ts";

/** A `ClusterRow` is one. */
export interface PickerSettings {
  readonly algorithm: Algorithm;
  readonly choiceCount: number;
}

/** A picker over the candidates that are healthy and not among the `ejected` keys. */
export function createPicker<E extends Candidate>(
  settings: PickerSettings,
  candidates: readonly E[],
  ejected: ReadonlySet<string>,
  chance: Chance,
): Picker<E> {
  const usable = candidates.filter((candidate) => isUsable(candidate, ejected));
  switch (settings.algorithm) {
    case "round-robin":
      return new RoundRobinPicker(usable, chance);
    case "least-request":
      return new LeastRequestPicker(usable, settings.choiceCount, chance);
    case "random":
    case "none":
      return new RandomPicker(usable, chance);
  }
}
