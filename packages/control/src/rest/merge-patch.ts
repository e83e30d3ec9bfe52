// JSON Merge Patch (RFC 7386): null removes, objects merge, everything else replaces.

import { isFields } from "./body.ts";
import { copyJson } from "./codec.ts";

/** The patched copy. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return copyJson(patch);
  const merged = isFields(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = applyMergePatch(merged[key], value);
  }
  return merged;
}
