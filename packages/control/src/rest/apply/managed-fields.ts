// Who owns which field. Every write updates the record: an apply owns exactly what it applied, any
// other write what it changed; a field that is changed or removed is no longer owned by others.

import type { ApiObject, KindInfo, ManagedFieldsEntry } from "@weft/api";
import {
  differenceOf,
  FieldSet,
  fromFieldsV1,
  isSameSet,
  toFieldsV1,
  unionOf,
} from "./field-set.ts";
import { compareValues } from "./typed-value.ts";

export interface Writer {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  /** The version the request was made in. */
  readonly apiVersion: string;
  /** "" or "status". */
  readonly subresource: string;
  readonly time: string;
}

export interface Ownership extends Writer {
  readonly set: FieldSet;
}

/** More entries of updates than this are folded into one, as Kubernetes does. */
const updatersMax = 10;

export function decodeOwnerships(entries: readonly ManagedFieldsEntry[] | undefined): Ownership[] {
  const ownerships: Ownership[] = [];
  for (const entry of entries ?? []) {
    const set = fromFieldsV1(entry.fieldsV1 ?? {});
    if (set === null) continue;
    ownerships.push({
      manager: entry.manager ?? "unknown",
      operation: entry.operation ?? "Update",
      apiVersion: entry.apiVersion ?? "",
      subresource: entry.subresource ?? "",
      time: entry.time ?? "",
      set,
    });
  }
  return ownerships;
}

export function encodeOwnerships(ownerships: readonly Ownership[]): ManagedFieldsEntry[] {
  const ranked = ownerships
    .filter((ownership) => !ownership.set.isEmpty)
    .toSorted((a, b) => compareText(sortKey(a), sortKey(b)));
  return foldOldUpdaters(ranked).map((ownership) => ({
    manager: ownership.manager,
    operation: ownership.operation,
    apiVersion: ownership.apiVersion,
    ...(ownership.time === "" ? {} : { time: ownership.time }),
    fieldsType: "FieldsV1",
    fieldsV1: toFieldsV1(ownership.set),
    ...(ownership.subresource === "" ? {} : { subresource: ownership.subresource }),
  }));
}

/** Appliers first, then by time. */
function sortKey({ operation, time, manager, apiVersion, subresource }: Ownership): string {
  return [operation, time, manager, apiVersion, subresource].join("\0");
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function foldOldUpdaters(ownerships: readonly Ownership[]): readonly Ownership[] {
  const updaters = ownerships.filter((one) => one.operation === "Update");
  const surplus = updaters.slice(0, Math.max(0, updaters.length - updatersMax + 1));
  if (surplus.length < 2) return ownerships;
  const [first, ...others] = surplus;
  if (first === undefined) return ownerships;
  const set = others.reduce((all, one) => unionOf(all, one.set), first.set);
  const folded: Ownership = { ...first, manager: "ancient-changes", subresource: "", set };
  return [
    ...ownerships.filter((one) => one.operation === "Apply"),
    folded,
    ...updaters.slice(surplus.length),
  ];
}

export function isSameWriter(a: Writer, b: Writer): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === "Apply" || a.apiVersion === b.apiVersion)
  );
}

/** The record after an update from `before` (null: a create) to `after`. */
export function trackUpdate(
  info: KindInfo,
  before: ApiObject | null,
  after: ApiObject,
  writer: Writer,
): ManagedFieldsEntry[] {
  const ownerships = statedOwnerships(before, after);
  const found = compareValues(info.schema, before ?? { metadata: {} }, after);
  const touched = ownedPart(info, unionOf(found.added, found.changed), writer.subresource);
  const gone = ownedPart(info, found.removed, writer.subresource);
  const all = ownerships.map((one) => {
    const kept = isSameWriter(one, writer) ? one.set : differenceOf(one.set, touched);
    return { ...one, set: differenceOf(kept, gone) };
  });
  const own = all.find((one) => isSameWriter(one, writer));
  const others = all.filter((one) => one !== own);
  const set = unionOf(own?.set ?? new FieldSet(), touched);
  const isSame = own !== undefined && isSameSet(own.set, set) && touched.isEmpty && gone.isEmpty;
  return encodeOwnerships([...others, { ...writer, set, time: isSame ? own.time : writer.time }]);
}

/**
 * A caller may edit the record itself (kubectl does, when it moves to server-side apply): what it
 * sent counts, a list with one empty entry clears it, anything unreadable leaves it as it was.
 */
function statedOwnerships(before: ApiObject | null, after: ApiObject): Ownership[] {
  const stated = after.metadata.managedFields;
  if (before === null) return [];
  if (stated?.length === 1 && Object.keys(stated[0] ?? {}).length === 0) return [];
  const decoded = decodeOwnerships(stated);
  return decoded.length > 0 ? decoded : decodeOwnerships(before.metadata.managedFields);
}

/** Fields nobody owns: identity and what the server keeps; and what this subresource cannot set. */
export function ownedPart(info: KindInfo, set: FieldSet, subresource: string): FieldSet {
  const owned = new FieldSet();
  for (const [step, child] of set.below) {
    if (step === "f:apiVersion" || step === "f:kind") continue;
    if (info.hasStatus && (step === "f:status") !== (subresource === "status")) continue;
    if (step === "f:metadata") {
      const metadata = ownedMetadata(child);
      if (!metadata.isEmpty) owned.below.set(step, metadata);
    } else owned.below.set(step, child);
  }
  return owned;
}

const serverMetadata: ReadonlySet<string> = new Set(
  [
    "name",
    "namespace",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => `f:${name}`),
);

function ownedMetadata(set: FieldSet): FieldSet {
  const owned = new FieldSet();
  for (const [step, child] of set.below) {
    if (!serverMetadata.has(step)) owned.below.set(step, child);
  }
  return owned;
}
