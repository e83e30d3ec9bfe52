// Makes a kind's row: the schema of the whole object around the kind's own properties, then
// defaults, validation and columns over it.

import { ageColumn, type Column, nameColumn } from "./column.ts";
import { applyDefaults } from "./defaults.ts";
import { type FieldError, Reporter, type ValidateOptions } from "./field-error.ts";
import type { ApiObject, KindInfo, Verb } from "./kind.ts";
import { checkMetadataUpdate, type ObjectMeta, objectMetaSchema } from "./metadata.ts";
import { dnsLabelError, dnsSubdomainError, serviceNameError } from "./name.ts";
import { anyObject, type ObjectOf, type Schema, string } from "./schema.ts";
import { checkSchema } from "./validate.ts";

type Properties = Readonly<Record<string, Schema>>;

/** An object with apiVersion, kind and metadata beside the kind's own properties. */
export type KindObject<
  V extends string,
  K extends string,
  P extends Properties,
  R extends keyof P,
> = { apiVersion: V; kind: K; metadata: ObjectMeta } & ObjectOf<P, R>;

/** The schema of a whole object; the kind's own properties are usually spec and status. */
export function kindSchema<
  V extends string,
  K extends string,
  const P extends Properties,
  const R extends keyof P & string = never,
>(
  _apiVersion: V,
  _kind: K,
  description: string,
  properties: P,
  options: { readonly required?: readonly R[]; readonly isReview?: true } = {},
): Schema<KindObject<V, K, P, R>> {
  const isReview = options.isReview === true;
  return {
    type: "object",
    description,
    properties: {
      apiVersion: string("The version of this object's shape."),
      kind: string("What this object is."),
      metadata: isReview ? anyObject("Not used.") : objectMetaSchema,
      ...properties,
    },
    required: [
      "apiVersion",
      "kind",
      ...(isReview ? [] : ["metadata"]),
      ...(options.required ?? []),
    ],
  };
}

export interface KindDefinition<T extends ApiObject> {
  readonly schema: Schema<T>;
  readonly group: string;
  readonly version: string;
  /** Further versions of the same shape. */
  readonly otherVersions?: readonly string[];
  readonly kind: NoInfer<T>["kind"];
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  readonly verbs?: readonly Verb[];
  readonly isCore?: true;
  /** Posted and answered, never stored: it needs no name. */
  readonly isReview?: true;
  readonly nameRule?: KindInfo["nameRule"];
  readonly selectableFields?: readonly string[];
  /** Those of priority 0 stand between Name and Age, those of priority 1 after Age. */
  readonly columns?: readonly Column<NoInfer<T>>[];
  /** All columns, where Name and Age do not stand so. */
  readonly allColumns?: readonly Column<NoInfer<T>>[];
  /** Defaults that a schema cannot say, after those it can. */
  fillDefaults?(object: NoInfer<T>): void;
  /** Checks over the whole object. */
  check?(object: NoInfer<T>, report: Reporter): void;
  checkUpdate?(object: NoInfer<T>, previous: NoInfer<T>, report: Reporter): void;
}

const ALL_VERBS: readonly Verb[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

export function defineKind<T extends ApiObject>(definition: KindDefinition<T>): KindInfo<T> {
  const { schema, group, version, kind, plural, namespaced, isReview = false } = definition;
  const identity: Identity = {
    apiVersions: [version, ...(definition.otherVersions ?? [])].map((one) => {
      return group === "" ? one : `${group}/${one}`;
    }),
    kind,
    namespaced,
    nameError: nameErrors[definition.nameRule ?? "subdomain"],
  };
  return {
    group,
    version,
    versions: [version, ...(definition.otherVersions ?? [])],
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: definition.shortNames ?? [],
    categories: definition.categories ?? [],
    namespaced,
    verbs: definition.verbs ?? ALL_VERBS,
    description: schema.description ?? "",
    schema,
    hasStatus: !isReview && schema.properties?.["status"] !== undefined,
    isCore: definition.isCore === true,
    nameRule: definition.nameRule ?? "subdomain",
    selectableFields: definition.selectableFields ?? [],
    columns: definition.allColumns ?? withNameAndAge(definition.columns ?? []),
    defaults(value: ApiObject): void {
      applyDefaults(schema, value);
      definition.fillDefaults?.(value as T);
    },
    validate(value: unknown, options?: ValidateOptions): FieldError[] {
      const report = new Reporter("", options);
      const isShaped = checkSchema(schema, value, report);
      checkType(identity, value, report);
      if (!isReview) checkIdentity(identity, value, report);
      if (isShaped) definition.check?.(value as T, report);
      return report.errors;
    },
    validateUpdate(value: T, previous: T): FieldError[] {
      const report = new Reporter("");
      checkMetadataUpdate(value.metadata, previous.metadata, report.at("metadata"));
      definition.checkUpdate?.(value, previous, report);
      return report.errors;
    },
  };
}

function withNameAndAge<T extends ApiObject>(columns: readonly Column<T>[]): readonly Column<T>[] {
  const always = columns.filter((one) => one.priority === 0);
  const wide = columns.filter((one) => one.priority === 1);
  return [nameColumn, ...always, ageColumn, ...wide];
}

const nameErrors = {
  subdomain: dnsSubdomainError,
  label: dnsLabelError,
  service: serviceNameError,
} as const;

interface Identity {
  readonly apiVersions: readonly string[];
  readonly kind: string;
  readonly namespaced: boolean;
  readonly nameError: (name: string) => string | null;
}

/** Absent and of another type are the schema's to say. */
function stringField(value: unknown, name: string): string | null {
  if (typeof value !== "object" || value === null) return null;
  const field = (value as Readonly<Record<string, unknown>>)[name];
  return typeof field === "string" ? field : null;
}

function checkType(identity: Identity, value: unknown, report: Reporter): void {
  const { apiVersions, kind: ownKind } = identity;
  const apiVersion = stringField(value, "apiVersion");
  const kind = stringField(value, "kind");
  if (apiVersion !== null && !apiVersions.includes(apiVersion)) {
    report.notSupported("apiVersion", apiVersion, apiVersions);
  }
  if (kind !== null && kind !== ownKind) report.notSupported("kind", kind, [ownKind]);
}

function checkIdentity(identity: Identity, value: unknown, report: Reporter): void {
  if (typeof value !== "object" || value === null || !("metadata" in value)) return;
  const at = report.at("metadata");
  const name = stringField(value.metadata, "name");
  const nameError = name === null || name === "" ? null : identity.nameError(name);
  if (name === "") at.required("name", "name or generateName is required");
  if (nameError !== null) at.invalid("name", name, nameError);
  const namespace = stringField(value.metadata, "namespace") ?? "";
  if (!identity.namespaced) {
    if (namespace !== "") at.forbidden("namespace", "not allowed on this type");
    return;
  }
  if (namespace === "") return at.required("namespace");
  const namespaceError = dnsLabelError(namespace);
  if (namespaceError !== null) at.invalid("namespace", namespace, namespaceError);
}
