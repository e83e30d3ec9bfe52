// Server-side apply: merge what one manager wants into what stands, refuse where another manager
// owns a field that would change, drop what this manager no longer wants and nobody else owns.
// (https://kubernetes.io/docs/reference/using-api/server-side-apply/)

import type { ApiObject, KindInfo, ManagedFieldsEntry } from "@weft/api";
import { StatusError } from "../status.ts";
import { differenceOf, type FieldSet, intersectionOf, showPath, unionOf } from "./field-set.ts";
import {
  decodeOwnerships,
  encodeOwnerships,
  isSameWriter,
  ownedPart,
  type Ownership,
  type Writer,
} from "./managed-fields.ts";
import {
  compareValues,
  fieldSetOf,
  mergeApplied,
  withNamedMembers,
  withoutFields,
} from "./typed-value.ts";

export interface Applied {
  readonly object: ApiObject;
  readonly managedFields: ManagedFieldsEntry[];
}

/** Throws 409 with every conflicting field unless `isForced`. */
export function applyObject(
  info: KindInfo,
  standing: ApiObject | null,
  wanted: ApiObject,
  writer: Writer,
  isForced: boolean,
): Applied {
  const { schema } = info;
  const ownerships = standingOwnerships(info, standing, writer);
  const own = ownerships.find((one) => isSameWriter(one, writer));
  const others = ownerships.filter((one) => one !== own);
  const all = fieldSetOf(schema, wanted);
  const set = ownedPart(info, all, writer.subresource);
  const merged = mergeApplied(schema, standing ?? {}, wanted);
  const object = dropAbandoned(info, merged, own, others, all);
  const found = compareValues(schema, standing ?? {}, object);
  const touched = unionOf(found.added, found.changed);
  const conflicts = others
    .map((one) => ({ one, shared: intersectionOf(one.set, touched) }))
    .filter(({ shared }) => !shared.isEmpty);
  if (conflicts.length > 0 && !isForced) throw conflictError(conflicts);
  const left = others.map((one) => ({
    ...one,
    set: differenceOf(differenceOf(one.set, intersectionOf(one.set, touched)), found.removed),
  }));
  const isSame = own !== undefined && nothingIn(found) && isEqualSet(own.set, set);
  const entry: Ownership = { ...writer, set, time: isSame ? own.time : writer.time };
  return { object: object as ApiObject, managedFields: encodeOwnerships([...left, entry]) };
}

/** What nobody is recorded for was there before the first apply, and is not to be lost by it. */
function standingOwnerships(
  info: KindInfo,
  standing: ApiObject | null,
  writer: Writer,
): Ownership[] {
  const recorded = decodeOwnerships(standing?.metadata.managedFields);
  if (standing === null || recorded.length > 0) return recorded;
  const { added } = compareValues(info.schema, { metadata: {} }, standing);
  const set = ownedPart(info, added, writer.subresource);
  return [{ ...writer, manager: "before-first-apply", operation: "Update", set }];
}

/** Removes what the manager applied before, does not want now, and nobody else owns. */
function dropAbandoned(
  info: KindInfo,
  merged: unknown,
  own: Ownership | undefined,
  others: readonly Ownership[],
  set: FieldSet,
): unknown {
  if (own === undefined) return merged;
  const before = withNamedMembers(info.schema, own.set);
  const doomed = differenceOf(before, withNamedMembers(info.schema, set));
  if (doomed.isEmpty) return merged;
  const owned = others.reduce((all, one) => unionOf(all, one.set), set);
  const kept = withNamedMembers(info.schema, owned);
  return withoutFields(info.schema, merged, doomed, kept);
}

function nothingIn(found: { added: FieldSet; changed: FieldSet; removed: FieldSet }): boolean {
  return found.added.isEmpty && found.changed.isEmpty && found.removed.isEmpty;
}

function isEqualSet(a: FieldSet, b: FieldSet): boolean {
  return differenceOf(a, b).isEmpty && differenceOf(b, a).isEmpty;
}

interface Conflict {
  readonly one: Ownership;
  readonly shared: FieldSet;
}

function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.flatMap(({ one, shared }) =>
    shared.paths().map((path) => ({
      reason: "FieldManagerConflict",
      message: `conflict with ${showManager(one)}`,
      field: showPath(path),
    })),
  );
  const [only] = causes;
  const text =
    causes.length === 1 && only !== undefined
      ? `1 conflict: ${only.message}: ${only.field}`
      : `${causes.length} conflicts: ${conflicts.map(showConflict).join("\n")}`;
  return new StatusError(409, "Conflict", `Apply failed with ${text}`, { causes });
}

function showConflict({ one, shared }: Conflict): string {
  const fields = shared.paths().map((path) => `- ${showPath(path)}`);
  return `conflicts with ${showManager(one)}:\n${fields.join("\n")}`;
}

function showManager({ manager, operation, apiVersion, subresource }: Ownership): string {
  const through = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  const using = operation === "Update" ? ` using ${apiVersion}` : "";
  return JSON.stringify(manager) + through + using;
}
