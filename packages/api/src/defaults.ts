// Fills in what a schema defaults, in place. Nulls count as absent, as they do for Kubernetes' own
// kinds.

import type { Schema } from "./schema.ts";

/**
 * Drops null fields and sets absent ones to their defaults, depth first where a default is itself
 * an object.
 */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return;
    for (const item of value) applyDefaults(schema.items, item);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const fields = value as Record<string, unknown>;
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return;
  for (const key of Object.keys(fields)) if (fields[key] === null) delete fields[key];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default !== undefined && !Object.hasOwn(fields, name)) {
      fields[name] = structuredClone(property.default);
    }
    if (Object.hasOwn(fields, name)) applyDefaults(property, fields[name]);
  }
  if (schema.additionalProperties === undefined) return;
  for (const entry of Object.values(fields)) applyDefaults(schema.additionalProperties, entry);
}
