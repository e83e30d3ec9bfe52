// One schema per kind (decision D1): plain JSON Schema data in the subset that Kubernetes calls
// structural, from which come the TypeScript type (`Static`), the validator, the defaults, OpenAPI
// and the CRD. Why not a library: docs/decisions says what it cost to load one.

import type { Reporter } from "./field-error.ts";

declare const typed: unique symbol;

/** A check that a schema cannot say, run on each value whose shape is right. */
export type Rule<T> = (value: T, report: Reporter) => void;

export interface SchemaFields {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly enum?: readonly (string | number)[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly maxProperties?: number;
  readonly "x-kubernetes-list-type"?: "atomic" | "map" | "set";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic";
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-preserve-unknown-fields"?: true;
  readonly "x-kubernetes-patch-strategy"?: "merge";
  readonly "x-kubernetes-patch-merge-key"?: string;
  /** Checks in code; never published. */
  readonly rules?: readonly Rule<never>[];
}

/** A schema whose values have the TypeScript type `T`. */
export interface Schema<T = unknown> extends SchemaFields {
  readonly [typed]?: T;
}

/** The TypeScript type of a schema's values. */
export type Static<S> = S extends { readonly [typed]?: infer T } ? T : never;

type Properties = Readonly<Record<string, Schema>>;

export type ObjectOf<P extends Properties, R extends keyof P> = Flat<
  { -readonly [K in R]: Static<P[K]> } & { -readonly [K in Exclude<keyof P, R>]?: Static<P[K]> }
>;

type Flat<T> = { [K in keyof T]: T[K] };

/**
 * Options of a list: `listType` "map" needs `keys`. `mergeKey` is for strategic merge patch (core
 * kinds only).
 */
export interface ListOptions {
  readonly listType?: "atomic" | "map" | "set";
  readonly keys?: readonly string[];
  readonly mergeKey?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly default?: unknown;
}

export function object<const P extends Properties, const R extends keyof P & string = never>(
  description: string,
  properties: P,
  options: { readonly required?: readonly R[]; readonly default?: unknown; atomic?: true } = {},
): Schema<ObjectOf<P, R>> {
  const { required, atomic, ...rest } = options;
  return {
    type: "object",
    description,
    properties,
    ...(required === undefined ? {} : { required }),
    ...(atomic === undefined ? {} : { "x-kubernetes-map-type": "atomic" }),
    ...rest,
  };
}

export function list<T>(
  description: string,
  items: Schema<T>,
  options: ListOptions = {},
): Schema<T[]> {
  const { listType = "atomic", keys, mergeKey, ...rest } = options;
  return {
    type: "array",
    description,
    items,
    "x-kubernetes-list-type": listType,
    ...(keys === undefined ? {} : { "x-kubernetes-list-map-keys": keys }),
    ...(mergeKey === undefined
      ? {}
      : {
          "x-kubernetes-patch-strategy": "merge",
          ...(mergeKey === "" ? {} : { "x-kubernetes-patch-merge-key": mergeKey }),
        }),
    ...rest,
  };
}

export function map<T>(
  description: string,
  values: Schema<T>,
  options: { readonly atomic?: true; readonly maxProperties?: number } = {},
): Schema<Record<string, T>> {
  const { atomic, ...rest } = options;
  return {
    type: "object",
    description,
    additionalProperties: values,
    ...(atomic === undefined ? {} : { "x-kubernetes-map-type": "atomic" }),
    ...rest,
  };
}

export function string(description: string, options: SchemaFields = {}): Schema<string> {
  return { type: "string", description, ...options };
}

export function integer(description: string, options: SchemaFields = {}): Schema<number> {
  return { type: "integer", description, format: "int32", ...options };
}

export function int64(description: string, options: SchemaFields = {}): Schema<number> {
  return { type: "integer", description, format: "int64", ...options };
}

export function boolean(description: string, options: SchemaFields = {}): Schema<boolean> {
  return { type: "boolean", description, ...options };
}

export function choice<const V extends string>(
  description: string,
  values: readonly V[],
  options: SchemaFields = {},
): Schema<V> {
  return { type: "string", description, enum: values, ...options };
}

export function numberChoice<const V extends number>(
  description: string,
  values: readonly V[],
  options: SchemaFields = {},
): Schema<V> {
  return { type: "integer", description, enum: values, ...options };
}

export function intOrString(
  description: string,
  options: SchemaFields = {},
): Schema<number | string> {
  return { description, "x-kubernetes-int-or-string": true, ...options };
}

export function dateTime(description: string): Schema<string> {
  return { type: "string", description, format: "date-time" };
}

/** An object of any shape, kept as it is. */
export function anyObject(description: string): Schema<Record<string, unknown>> {
  return { type: "object", description, "x-kubernetes-preserve-unknown-fields": true };
}

/** The same schema under another description, with other limits or a default. */
export function about<T>(
  schema: Schema<T>,
  description: string,
  options: SchemaFields = {},
): Schema<T> {
  return { ...schema, description, ...options };
}

export function withRules<T>(schema: Schema<T>, ...rules: readonly Rule<T>[]): Schema<T> {
  return { ...schema, rules: [...(schema.rules ?? []), ...(rules as readonly Rule<never>[])] };
}
