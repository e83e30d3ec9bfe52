// Fields that no schema knows: dropped before anything is stored, and named to the caller as
// `fieldValidation` asks (https://kubernetes.io/docs/reference/using-api/api-concepts/).

import type { Schema } from "@weft/api";
import { isFields } from "./body.ts";

/** Removes unknown fields in place; answers their paths. */
export function dropUnknownFields(schema: Schema, value: unknown): string[] {
  const dropped: string[] = [];
  drop(schema, value, "", dropped);
  return dropped;
}

function drop(schema: Schema, value: unknown, path: string, dropped: string[]): void {
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    value.forEach((item, index) => drop(items, item, `${path}[${index}]`, dropped));
    return;
  }
  if (!isFields(value)) return;
  const { properties, additionalProperties } = schema;
  if (properties === undefined && additionalProperties === undefined) return;
  for (const key of Object.keys(value)) {
    const below = path === "" ? key : `${path}.${key}`;
    const known =
      properties !== undefined && Object.hasOwn(properties, key)
        ? properties[key]
        : additionalProperties;
    if (known === undefined) {
      delete value[key];
      dropped.push(below);
    } else drop(known, value[key], below, dropped);
  }
}
