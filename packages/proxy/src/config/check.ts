// Accepts or refuses an xDS response whole. It compiles on the main thread what the workers are
// about to compile, with the same code: what passes here cannot fail there. What the built-in proxy
// cannot do is refused by name, never ignored.

import { type CompileError, compileChanges, type ResourceChange, type Tables } from "@weft/rules";

export interface CheckResult {
  /** The tables with the change in them; the old ones when it was refused. */
  readonly tables: Tables;
  /** Text of the NACK, or null. */
  readonly refusal: string | null;
}

export function checkChange(tables: Tables, change: ResourceChange): CheckResult {
  const compiled = compileChanges(tables, [change]);
  if (compiled.errors.length === 0) return { tables: compiled.tables, refusal: null };
  return { tables, refusal: refusalText(compiled.errors) };
}

const shownMax = 10;

/** One line: every resource, field and reason, up to ten of them. */
export function refusalText(errors: readonly CompileError[]): string {
  const shown = errors
    .slice(0, shownMax)
    .map((e) => `${e.resource}: ${e.field === "" ? "" : `${e.field}: `}${e.reason}`);
  const more = errors.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}
