// Strategic merge patch, for the core kinds: as a merge patch, but lists with a merge key are
// merged item by item, and directives replace, delete and order. The form is described at
//
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md

import type { Schema } from "@weft/api";
import { type Fields, isFields } from "./body.ts";
import { copyJson, isDeepEqual } from "./codec.ts";
import { badRequest } from "./status.ts";

const directive = "$patch";
const retainKeys = "$retainKeys";
const orderPrefix = "$setElementOrder/";
const deletePrefix = "$deleteFromPrimitiveList/";

/** The patched copy. Throws 400 for directives that make no sense. */
export function applyStrategicMerge(schema: Schema, standing: Fields, patch: Fields): Fields {
  const merged = mergeObject(schema, copyJson(standing), patch);
  return merged ?? {};
}

/** Null: the patch says to delete the object itself. */
function mergeObject(schema: Schema, standing: Fields, patch: Fields): Fields | null {
  const how = patch[directive];
  if (how === "delete") return null;
  if (how === "replace") return withoutDirectives(patch);
  if (how !== undefined && how !== "merge") {
    throw badRequest(`unknown ${directive} directive ${JSON.stringify(how)}`);
  }
  keepOnly(standing, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$")) continue;
    const below = fieldSchema(schema, key);
    if (value === null) delete standing[key];
    else if (Array.isArray(value)) {
      standing[key] = mergeList(below, standing[key], value, patch[orderPrefix + key]);
    } else if (isFields(value)) {
      const merged = mergeObject(below, isFields(standing[key]) ? standing[key] : {}, value);
      if (merged === null) delete standing[key];
      else standing[key] = merged;
    } else standing[key] = value;
  }
  applyListDirectives(schema, standing, patch);
  return standing;
}

/** `$retainKeys`: fields of a union that the patch does not name go. */
function keepOnly(standing: Fields, patch: Fields): void {
  const keys = patch[retainKeys];
  if (keys === undefined) return;
  if (!Array.isArray(keys)) throw badRequest(`${retainKeys} must be a list of field names`);
  for (const key of Object.keys(standing)) if (!keys.includes(key)) delete standing[key];
}

/** Deletions from lists of plain values, and orders of lists the patch does not change. */
function applyListDirectives(schema: Schema, standing: Fields, patch: Fields): void {
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) {
      const list = standing[key.slice(deletePrefix.length)];
      if (!Array.isArray(value)) throw badRequest(`${key} must be a list`);
      if (!Array.isArray(list)) continue;
      standing[key.slice(deletePrefix.length)] = list.filter((item) => !value.includes(item));
    } else if (key.startsWith(orderPrefix)) {
      const field = key.slice(orderPrefix.length);
      const list = standing[field];
      if (Array.isArray(list) && !Array.isArray(patch[field])) {
        standing[field] = inOrder(fieldSchema(schema, field), list, value);
      }
    }
  }
}

function mergeList(
  schema: Schema,
  standing: unknown,
  patch: readonly unknown[],
  order: unknown,
): unknown[] {
  const isMerged = schema["x-kubernetes-patch-strategy"] === "merge";
  const key = schema["x-kubernetes-patch-merge-key"];
  const replaces = patch.some((item) => isFields(item) && item[directive] === "replace");
  if (!isMerged || replaces) {
    const items = patch.filter((item) => !(isFields(item) && isDirectiveOnly(item)));
    return items.map((item) => (isFields(item) ? withoutDirectives(item) : item));
  }
  const list: unknown[] = Array.isArray(standing) ? [...standing] : [];
  if (key === undefined) {
    for (const item of patch) {
      if (!list.some((present) => isDeepEqual(present, item))) list.push(item);
    }
  } else mergeItems(schema.items ?? {}, key, list, patch);
  return order === undefined ? list : inOrder(schema, list, order);
}

function mergeItems(schema: Schema, key: string, list: unknown[], patch: readonly unknown[]): void {
  for (const item of patch) {
    if (!isFields(item)) throw badRequest(`an item of a list merged by "${key}" is no object`);
    const value = item[key];
    if (value === undefined) throw badRequest(`an item of a list merged by "${key}" has none`);
    const at = list.findIndex((present) => isFields(present) && present[key] === value);
    const present = at < 0 ? {} : list[at];
    const merged = mergeObject(schema, isFields(present) ? present : {}, item);
    if (merged === null) {
      if (at >= 0) list.splice(at, 1);
    } else if (at < 0) list.push(merged);
    else list[at] = merged;
  }
}

/**
 * Named items in the given order; items it does not name keep their place before the next named.
 */
function inOrder(schema: Schema, list: readonly unknown[], order: unknown): unknown[] {
  if (!Array.isArray(order)) throw badRequest(`${orderPrefix} directives must be lists`);
  const key = schema["x-kubernetes-patch-merge-key"];
  const identity = (item: unknown): unknown =>
    key !== undefined && isFields(item) ? item[key] : item;
  const wanted = order.map(identity);
  const named = list
    .filter((item) => wanted.includes(identity(item)))
    .toSorted((a, b) => wanted.indexOf(identity(a)) - wanted.indexOf(identity(b)));
  return list.map((item) => (wanted.includes(identity(item)) ? named.shift() : item));
}

function fieldSchema(schema: Schema, key: string): Schema {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key] ?? {};
  return additionalProperties ?? {};
}

function isDirectiveOnly(item: Fields): boolean {
  return Object.keys(item).every((key) => key.startsWith("$"));
}

function withoutDirectives(value: Fields): Fields {
  const clean: Fields = {};
  for (const [key, below] of Object.entries(value)) {
    if (key.startsWith("$") || below === null) continue;
    clean[key] = isFields(below) ? withoutDirectives(below) : below;
  }
  return clean;
}
