// Checks a value of any shape against a schema and reports every wrong field. A schema's rules run
// on each value whose shape (types, required fields) is right all the way down, so one bad route
// rule does not hide what is wrong with the next.

import type { Reporter } from "./field-error.ts";
import { formatError } from "./format.ts";
import { patternSentence } from "./name.ts";
import type { Rule, Schema } from "./schema.ts";

/** True when the shape is right, whatever else was reported. */
export function checkSchema(schema: Schema, value: unknown, report: Reporter): boolean {
  const isShaped = checkValue(schema, value, report);
  if (isShaped) {
    for (const rule of schema.rules ?? []) (rule as Rule<unknown>)(value, report);
  }
  return isShaped;
}

function checkValue(schema: Schema, value: unknown, report: Reporter): boolean {
  if (schema["x-kubernetes-int-or-string"] === true) return checkIntOrString(schema, value, report);
  switch (schema.type) {
    case "object":
      return checkObject(schema, value, report);
    case "array":
      return checkArray(schema, value, report);
    case "string":
      return checkString(schema, value, report);
    case "integer":
    case "number":
      return checkNumber(schema, value, report);
    case "boolean":
      return typeof value === "boolean" || refuseType("boolean", value, report);
    default:
      return true;
  }
}

function checkObject(schema: Schema, value: unknown, report: Reporter): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuseType("object", value, report);
  }
  const fields = value as Readonly<Record<string, unknown>>;
  let isShaped = true;
  for (const name of schema.required ?? []) {
    if (Object.hasOwn(fields, name)) continue;
    report.required(name);
    isShaped = false;
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!Object.hasOwn(fields, name)) continue;
    if (!checkSchema(property, fields[name], report.at(name))) isShaped = false;
  }
  const { additionalProperties, maxProperties } = schema;
  if (additionalProperties !== undefined) {
    for (const [key, entry] of Object.entries(fields)) {
      if (!checkSchema(additionalProperties, entry, report.at(`[${key}]`))) isShaped = false;
    }
  }
  const count = Object.keys(fields).length;
  if (maxProperties !== undefined && count > maxProperties)
    report.tooMany("", count, maxProperties);
  return isShaped;
}

function checkArray(schema: Schema, value: unknown, report: Reporter): boolean {
  if (!Array.isArray(value)) return refuseType("array", value, report);
  const { items, minItems, maxItems } = schema;
  const values: readonly unknown[] = value;
  if (maxItems !== undefined && values.length > maxItems)
    report.tooMany("", values.length, maxItems);
  if (minItems !== undefined && values.length < minItems) {
    report.invalid(
      "",
      value,
      `must have at least ${minItems} ${minItems === 1 ? "item" : "items"}`,
    );
  }
  let isShaped = true;
  values.forEach((item, index) => {
    if (items !== undefined && !checkSchema(items, item, report.at(index))) isShaped = false;
  });
  if (isShaped) checkDuplicates(schema, values, report);
  return isShaped;
}

/** Sets hold each value once, maps each combination of keys. */
function checkDuplicates(schema: Schema, values: readonly unknown[], report: Reporter): void {
  const listType = schema["x-kubernetes-list-type"];
  if (listType !== "set" && listType !== "map") return;
  const seen = new Set<string>();
  values.forEach((value, index) => {
    const identity = listType === "set" ? value : listKey(schema, value);
    const text = JSON.stringify(identity);
    if (seen.has(text)) report.duplicate(`[${index}]`, identity);
    seen.add(text);
  });
}

/** The keys of an item of a `listType` map, defaults standing in for absent ones. */
export function listKey(schema: Schema, item: unknown): Record<string, unknown> {
  const key: Record<string, unknown> = {};
  for (const name of schema["x-kubernetes-list-map-keys"] ?? []) {
    const value = (item as Readonly<Record<string, unknown>>)[name];
    const standard = schema.items?.properties?.[name]?.default;
    if (value !== undefined) key[name] = value;
    else if (standard !== undefined) key[name] = standard;
  }
  return key;
}

function checkString(schema: Schema, value: unknown, report: Reporter): boolean {
  if (typeof value !== "string") return refuseType("string", value, report);
  const { minLength, maxLength, pattern, format } = schema;
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    report.notSupported("", value, schema.enum);
    return true;
  }
  if (value === "" && minLength !== undefined && minLength > 0) {
    report.invalid("", value, "must not be empty");
    return true;
  }
  const length = characterCount(value);
  if (minLength !== undefined && length < minLength) {
    report.invalid("", value, `must have at least ${minLength} characters`);
  }
  if (maxLength !== undefined && length > maxLength) report.tooLong("", maxLength);
  if (pattern !== undefined && !regexOf(pattern).test(value)) {
    report.invalid("", value, patternSentence(pattern));
  }
  const detail = format === undefined ? null : formatError(format, value);
  if (detail !== null) report.invalid("", value, detail);
  return true;
}

function checkNumber(schema: Schema, value: unknown, report: Reporter): boolean {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    return refuseType(schema.type ?? "number", value, report);
  }
  if (schema.type === "integer" && !Number.isInteger(value)) {
    return refuseType("integer", value, report);
  }
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    report.notSupported("", value, schema.enum);
  }
  if (value < minimum) report.invalid("", value, `must be greater than or equal to ${minimum}`);
  if (value > maximum) report.invalid("", value, `must be less than or equal to ${maximum}`);
  return true;
}

function checkIntOrString(schema: Schema, value: unknown, report: Reporter): boolean {
  if (typeof value === "string") return true;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    return refuseType("integer or string", value, report);
  }
  return checkNumber({ ...schema, type: "integer" }, value, report);
}

function refuseType(wanted: string, value: unknown, report: Reporter): false {
  report.typeInvalid("", value, `must be of type ${wanted}`);
  return false;
}

const regexes = new Map<string, RegExp>();

function regexOf(pattern: string): RegExp {
  let regex = regexes.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(pattern);
    regexes.set(pattern, regex);
  }
  return regex;
}

/** JSON Schema counts characters, not UTF-16 units. */
function characterCount(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}
