// Fields of an object of any shape: which are unknown to its kind, and the value at a path.

import type { Schema } from "./schema.ts";

/** Paths of fields that the schema does not know, e.g. `spec.prots`; with `prune` they are removed, too. */
export function unknownFields(
  schema: Schema,
  value: unknown,
  options: { readonly prune?: boolean } = {},
): string[] {
  const found: string[] = [];
  visit(schema, value, "", options.prune === true, found);
  return found;
}

function visit(
  schema: Schema,
  value: unknown,
  path: string,
  isPruning: boolean,
  found: string[],
): void {
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return;
  const { items, properties, additionalProperties } = schema;
  if (Array.isArray(value)) {
    if (items === undefined) return;
    value.forEach((item, index) => {
      visit(items, item, `${path}[${index}]`, isPruning, found);
    });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (properties === undefined && additionalProperties === undefined) return;
  const fields = value as Record<string, unknown>;
  for (const [name, field] of Object.entries(fields)) {
    const below = path === "" ? name : `${path}.${name}`;
    const fieldSchema =
      properties !== undefined && Object.hasOwn(properties, name)
        ? properties[name]
        : additionalProperties;
    if (fieldSchema !== undefined) visit(fieldSchema, field, below, isPruning, found);
    else {
      found.push(below);
      if (isPruning) delete fields[name];
    }
  }
}

/** The value of a field selector's path as text, e.g. `involvedObject.name`; "" where there is none. */
export function fieldValue(value: unknown, path: string): string {
  let current: unknown = value;
  for (const name of path.split(".")) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, name)) return "";
    current = (current as Readonly<Record<string, unknown>>)[name];
  }
  return current === undefined || current === null || typeof current === "object"
    ? ""
    : String(current);
}
