// From an algorithm's name to its picker.

import type { Algorithm } from "../cluster-table.ts";
import type { Candidate, Chance, Picker } from "./picker.ts";

export interface PickerSettings {
  readonly algorithm: Algorithm;
  readonly choiceCount: number;
}

/** A picker over the candidates that are healthy and not among the `ejected` keys. */
export declare function createPicker<E extends Candidate>(
  settings: PickerSettings,
  candidates: readonly E[],
  ejected: ReadonlySet<string>,
  chance: Chance,
): Picker<E>;
