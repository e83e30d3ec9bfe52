// ConfigMap (core v1): named values that are no secret.

import { column } from "./column.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { Reporter } from "./field-error.ts";
import type { KindInfo } from "./kind.ts";
import { byteLength } from "./name.ts";
import { boolean, map, string, type Static } from "./schema.ts";

/** What data and binaryData may hold together; the same for a Secret. */
export const DATA_BYTES_MAX = 1024 * 1024;

const schema = kindSchema(
  "v1",
  "ConfigMap",
  "Named values for programs and for the mesh to read.",
  {
    data: map("Texts by key; a key holds letters, digits, '-', '_' and '.'.", string("")),
    binaryData: map("Bytes in base64 by key; no key may stand in data too.", {
      ...string(""),
      format: "byte",
    }),
    immutable: boolean("Once true, data and binaryData cannot change."),
  },
);

export type ConfigMap = Static<typeof schema>;

export const configMapKind: KindInfo<ConfigMap> = defineKind({
  schema,
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  shortNames: ["cm"],
  namespaced: true,
  isCore: true,
  columns: [
    column("Data", "The number of keys.", (object) => {
      return countOf(object.data) + countOf(object.binaryData);
    }),
  ],
  check(object, report) {
    checkDataKeys(object.data, report.at("data"));
    checkDataKeys(object.binaryData, report.at("binaryData"));
    for (const key of Object.keys(object.binaryData ?? {})) {
      if (Object.hasOwn(object.data ?? {}, key)) {
        report.invalid(`data[${key}]`, key, "must not stand in binaryData too");
      }
    }
    const size = dataBytes(object.data) + dataBytes(object.binaryData);
    if (size > DATA_BYTES_MAX) report.tooLong("", DATA_BYTES_MAX);
  },
  checkUpdate(object, previous, report) {
    checkImmutableData(object, previous, ["data", "binaryData"], report);
  },
});

export type DataMap = Readonly<Record<string, string>> | undefined;

export function countOf(data: DataMap): number {
  return Object.keys(data ?? {}).length;
}

export function dataBytes(data: DataMap): number {
  return Object.values(data ?? {}).reduce((sum, value) => sum + byteLength(value), 0);
}

const DATA_KEY = /^[-._a-zA-Z0-9]+$/;

export function checkDataKeys(data: DataMap, report: Reporter): void {
  for (const key of Object.keys(data ?? {})) {
    if (key.length > 253) report.invalid(`[${key}]`, key, "must be no more than 253 characters");
    if (key === "." || key === ".." || key.startsWith("..")) {
      report.invalid(`[${key}]`, key, "must not be '.' and must not start with '..'");
    } else if (!DATA_KEY.test(key)) {
      report.invalid(`[${key}]`, key, "a key must hold letters, digits, '-', '_' or '.' only");
    }
  }
}

/** Once `immutable` is true, it stays true and the fields keep their values. */
export function checkImmutableData<T extends { immutable?: boolean }>(
  object: T,
  previous: T,
  fields: readonly (keyof T & string)[],
  report: Reporter,
): void {
  if (previous.immutable !== true) return;
  const detail = "field is immutable when `immutable` is set";
  if (object.immutable !== true) report.forbidden("immutable", detail);
  for (const field of fields) {
    if (!sameData(object[field] as DataMap, previous[field] as DataMap)) {
      report.forbidden(field, detail);
    }
  }
}

function sameData(data: DataMap, previous: DataMap): boolean {
  const entries = Object.entries(data ?? {});
  if (entries.length !== countOf(previous)) return false;
  return entries.every(([key, value]) => previous?.[key] === value);
}
