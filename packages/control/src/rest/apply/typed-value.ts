// How values of a schema divide into fields: which lists have keyed items, which are sets, which
// values are one field however large (atomic). Field sets, comparison and merging all walk this.

import { listKey, type Schema } from "@weft/api";
import { type Fields, isFields } from "../body.ts";
import { copyJson, isDeepEqual } from "../codec.ts";
import { FieldSet } from "./field-set.ts";

/** A part of a value that has fields of its own. */
interface Part {
  readonly step: string;
  readonly value: unknown;
  readonly schema: Schema;
  /** A field that the schema names, not an entry of a map or list. */
  readonly isNamed: boolean;
}

/** The fields directly in a value, or null when the value is one field as a whole. */
function partsOf(schema: Schema, value: unknown): Part[] | null {
  if (Array.isArray(value)) {
    const type = schema["x-kubernetes-list-type"];
    const items = schema.items ?? {};
    if (type === "set") {
      return value.map((item) => ({
        step: setStep(item),
        value: item,
        schema: items,
        isNamed: false,
      }));
    }
    if (type !== "map") return null;
    return value.map((item) => ({
      step: keyStep(schema, item),
      value: item,
      schema: items,
      isNamed: false,
    }));
  }
  if (!isFields(value) || schema["x-kubernetes-map-type"] === "atomic") return null;
  return Object.entries(value).map(([key, below]) => {
    const named = namedSchema(schema, key);
    return {
      step: `f:${key}`,
      value: below,
      schema: named ?? schema.additionalProperties ?? {},
      isNamed: named !== undefined,
    };
  });
}

function namedSchema(schema: Schema, key: string): Schema | undefined {
  const { properties } = schema;
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

function setStep(item: unknown): string {
  return `v:${JSON.stringify(item)}`;
}

function keyStep(schema: Schema, item: unknown): string {
  const keys = isFields(item) ? listKey(schema, item) : {};
  const sorted = Object.fromEntries(Object.entries(keys).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return `k:${JSON.stringify(sorted)}`;
}

/** Every field of an object: what a manager owns that applied it. */
export function fieldSetOf(schema: Schema, value: unknown): FieldSet {
  const set = new FieldSet();
  collect(schema, value, set);
  return set;
}

/** Adds the fields below `value` to the node that stands for it. */
function collect(schema: Schema, value: unknown, node: FieldSet): void {
  for (const part of partsOf(schema, value) ?? []) {
    const child = node.at(part.step);
    const below = partsOf(part.schema, part.value);
    const isEmpty = below?.length === 0;
    // An empty keyed list or set says nothing of any item, so nobody owns it.
    const isOwned = below === null || !part.isNamed || (isEmpty && !Array.isArray(part.value));
    if (isOwned) child.isMember = true;
    collect(part.schema, part.value, child);
    if (child.isEmpty) node.below.delete(part.step);
  }
}

export interface Comparison {
  readonly added: FieldSet;
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** Which fields came, changed and went between two values of one schema. */
export function compareValues(schema: Schema, before: unknown, after: unknown): Comparison {
  const comparison = { added: new FieldSet(), changed: new FieldSet(), removed: new FieldSet() };
  compare(schema, before, after, [], comparison);
  return comparison;
}

function compare(
  schema: Schema,
  before: unknown,
  after: unknown,
  path: readonly string[],
  comparison: Comparison,
): void {
  const old = partsOf(schema, before);
  const now = partsOf(schema, after);
  if (old === null || now === null || Array.isArray(before) !== Array.isArray(after)) {
    if (!isDeepEqual(before, after)) comparison.changed.insert(path);
    return;
  }
  const standing = new Map(old.map((part) => [part.step, part]));
  for (const part of now) {
    const below = [...path, part.step];
    const previous = standing.get(part.step);
    standing.delete(part.step);
    if (previous === undefined) insertWhole(part, below, comparison.added);
    else compare(part.schema, previous.value, part.value, below, comparison);
  }
  for (const part of standing.values()) {
    insertWhole(part, [...path, part.step], comparison.removed);
  }
}

/** A part that came or went: itself and everything in it, structures included. */
function insertWhole(part: Part, path: readonly string[], set: FieldSet): void {
  markAll(part.schema, part.value, set.reach(path));
}

function markAll(schema: Schema, value: unknown, node: FieldSet): void {
  node.isMember = true;
  for (const part of partsOf(schema, value) ?? []) {
    markAll(part.schema, part.value, node.at(part.step));
  }
}

/** Fields the schema names count as members where anything below them does. */
export function withNamedMembers(schema: Schema, set: FieldSet): FieldSet {
  const result = new FieldSet();
  result.isMember = set.isMember;
  for (const [step, child] of set.below) {
    const named = step.startsWith("f:") ? namedSchema(schema, step.slice(2)) : undefined;
    const below = named ?? schema.items ?? schema.additionalProperties ?? {};
    const copy = withNamedMembers(below, child);
    if (named !== undefined) copy.isMember = true;
    result.below.set(step, copy);
  }
  return result;
}

/** The applied values over the standing ones. */
export function mergeApplied(schema: Schema, standing: unknown, applied: unknown): unknown {
  if (Array.isArray(applied)) return mergeLists(schema, standing, applied);
  if (!isFields(applied) || schema["x-kubernetes-map-type"] === "atomic") {
    return copyJson(applied);
  }
  const merged: Fields = isFields(standing) ? { ...standing } : {};
  for (const [key, value] of Object.entries(applied)) {
    const below = namedSchema(schema, key) ?? schema.additionalProperties ?? {};
    merged[key] = mergeApplied(below, merged[key], value);
  }
  return merged;
}

/** The applied order holds; items that only stand keep their place before what follows them. */
function mergeLists(schema: Schema, standing: unknown, applied: readonly unknown[]): unknown {
  const type = schema["x-kubernetes-list-type"];
  if ((type !== "set" && type !== "map") || !Array.isArray(standing)) {
    return copyJson(applied);
  }
  const stepOf = type === "set" ? setStep : (item: unknown) => keyStep(schema, item);
  const present = new Map<string, unknown>(standing.map((item) => [stepOf(item), item]));
  const places = mergeOrder([...present.keys()], applied.map(stepOf));
  return places.map(({ step, index }) =>
    index === null
      ? present.get(step)
      : mergeApplied(schema.items ?? {}, present.get(step), applied[index]),
  );
}

interface Place {
  readonly step: string;
  /** Among the applied items; null for one that only stands. */
  readonly index: number | null;
}

/** As Kubernetes interleaves the two, so that a list does not change order between servers. */
function mergeOrder(standing: readonly string[], applied: readonly string[]): Place[] {
  const isApplied = new Set(applied);
  const isStanding = new Set(standing);
  const shared = applied.filter((step) => isStanding.has(step));
  const placed = new Set<string>();
  const places: Place[] = [];
  let at = 0;
  let nextShared = 0;
  applied.forEach((step, index) => {
    for (; at < standing.length; at++) {
      const other = standing[at] as string;
      if (!isApplied.has(other)) places.push({ step: other, index: null });
      else if (!placed.has(other) && other === shared[nextShared]) break;
    }
    places.push({ step, index });
    placed.add(step);
    if (step === shared[nextShared]) nextShared++;
  });
  for (const other of standing.slice(at)) {
    if (!isApplied.has(other)) places.push({ step: other, index: null });
  }
  return places;
}

/** The value without the fields in `doomed`, sparing each that is a member of `kept`. */
export function withoutFields(
  schema: Schema,
  value: unknown,
  doomed: FieldSet,
  kept: FieldSet,
): unknown {
  const parts = partsOf(schema, value);
  if (parts === null) return value;
  const remaining: unknown[] = [];
  const fields: Fields = {};
  for (const part of parts) {
    const doom = doomed.below.get(part.step);
    const keep = kept.below.get(part.step);
    if (doom?.isMember === true && keep?.isMember !== true) continue;
    const rest =
      doom === undefined
        ? part.value
        : withoutFields(part.schema, part.value, doom, keep ?? new FieldSet());
    if (Array.isArray(value)) remaining.push(rest);
    else fields[part.step.slice(2)] = rest;
  }
  return Array.isArray(value) ? remaining : fields;
}
