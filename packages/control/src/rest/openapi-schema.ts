// The named schemas of the OpenAPI documents: each kind and its list, and what all kinds share.

import {
  apiVersionOf,
  type JsonSchema,
  type KindInfo,
  objectMetaSchema,
  publishSchema,
  type Schema,
  type SchemaDialect,
} from "@weft/api";

export const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
const INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/** OpenAPI v3 or v2, which differ in where schemas lie and in how they say int-or-string. */
export interface Dialect {
  readonly schemaPath: string;
  readonly intOrString: JsonSchema;
}

export const openapiV3: Dialect = {
  schemaPath: "#/components/schemas/",
  intOrString: { oneOf: [{ type: "integer" }, { type: "string" }], format: "int-or-string" },
};

export const openapiV2: Dialect = {
  schemaPath: "#/definitions/",
  intOrString: { type: "string", format: "int-or-string" },
};

/** `{"$ref": …}` to a named schema. */
export function reference(dialect: Dialect, name: string): JsonSchema {
  return { $ref: dialect.schemaPath + name };
}

const coreGroups: Readonly<Record<string, string>> = {
  "": "io.k8s.api.core",
  "discovery.k8s.io": "io.k8s.api.discovery",
  "authorization.k8s.io": "io.k8s.api.authorization",
};

/** e.g. `io.k8s.api.core.v1.Service` or `dev.weft.v1alpha1.Workload`. */
export function schemaName(info: KindInfo, version: string): string {
  const start = coreGroups[info.group] ?? info.group.split(".").toReversed().join(".");
  return `${start}.${version}.${info.kind}`;
}

/** Every schema that a document over these kinds and versions refers to. */
export function namedSchemas(
  kinds: readonly (readonly [info: KindInfo, version: string])[],
  dialect: Dialect,
): Record<string, JsonSchema> {
  const schemas: Record<string, JsonSchema> = sharedSchemas(dialect);
  for (const [info, version] of kinds) {
    const name = schemaName(info, version);
    schemas[name] = kindSchema(info, version, dialect);
    if (info.verbs.includes("list")) schemas[`${name}List`] = listSchema(info, version, dialect);
  }
  return schemas;
}

function kindSchema(info: KindInfo, version: string, dialect: Dialect): JsonSchema {
  const { group, kind } = info;
  return {
    ...publishSchema(info.schema, dialectOf(dialect)),
    "x-kubernetes-group-version-kind": [{ group, version, kind }],
  };
}

/** Shared parts become references, and descriptions stay with the field. */
function dialectOf(dialect: Dialect): SchemaDialect {
  return {
    intOrString: dialect.intOrString,
    hasPatchStrategies: true,
    replace(schema: Schema): JsonSchema | null {
      if (schema === objectMetaSchema) {
        return referenceTo(
          dialect,
          `${META}.ObjectMeta`,
          "The object's name, identity and labels.",
        );
      }
      if (schema["x-kubernetes-int-or-string"] === true) {
        return referenceTo(dialect, INT_OR_STRING, schema.description ?? "");
      }
      return null;
    },
  };
}

/** A reference with a description; OpenAPI v3 has room for one only beside `allOf`. */
function referenceTo(dialect: Dialect, name: string, description: string): JsonSchema {
  const ref = reference(dialect, name);
  const words = description === "" ? {} : { description };
  return dialect === openapiV3 ? { allOf: [ref], ...words } : { ...ref, ...words };
}

function listSchema(info: KindInfo, version: string, dialect: Dialect): JsonSchema {
  const { group, kind } = info;
  return {
    type: "object",
    description: `A list of ${kind} objects, of ${apiVersionOf(info, version)}.`,
    properties: {
      apiVersion: { type: "string", description: "The version of this list's shape." },
      kind: { type: "string", description: `${kind}List.` },
      metadata: referenceTo(
        dialect,
        `${META}.ListMeta`,
        "The revision and what is left of the list.",
      ),
      items: {
        type: "array",
        description: "The objects.",
        items: reference(dialect, schemaName(info, version)),
      },
    },
    required: ["items"],
    "x-kubernetes-group-version-kind": [{ group, version, kind: `${kind}List` }],
  };
}

const text = (description: string): JsonSchema => ({ type: "string", description });

function sharedSchemas(dialect: Dialect): Record<string, JsonSchema> {
  const dialectOfParts: SchemaDialect = { intOrString: {}, hasPatchStrategies: true };
  return {
    [`${META}.ObjectMeta`]: publishSchema(objectMetaSchema, dialectOfParts),
    [`${META}.ListMeta`]: {
      type: "object",
      description: "What a list carries beside its items.",
      properties: {
        resourceVersion: text("The revision the list was read at; a watch can start from it."),
        continue: text("Where there is more: the token for the next part."),
        remainingItemCount: { type: "integer", format: "int64", description: "How many are left." },
        selfLink: text("No longer set."),
      },
    },
    [`${META}.Patch`]: {
      type: "object",
      description: "A change, in the form its content type says.",
    },
    [`${META}.DeleteOptions`]: deleteOptions(dialect),
    [`${META}.Preconditions`]: {
      type: "object",
      description: "What must hold for a deletion.",
      properties: { uid: text("The object's UID."), resourceVersion: text("Its revision.") },
    },
    [`${META}.Status`]: statusSchema(),
    [INT_OR_STRING]: { ...dialect.intOrString, description: "A number, or a name." },
  };
}

function deleteOptions(dialect: Dialect): JsonSchema {
  return {
    type: "object",
    description: "How an object is deleted.",
    properties: {
      apiVersion: text("v1."),
      kind: text("DeleteOptions."),
      dryRun: { type: "array", items: { type: "string" }, description: "All: nothing is stored." },
      gracePeriodSeconds: { type: "integer", format: "int64", description: "Not used." },
      orphanDependents: { type: "boolean", description: "No longer used." },
      propagationPolicy: text("Orphan, Background or Foreground."),
      preconditions: referenceTo(dialect, `${META}.Preconditions`, "What must hold."),
    },
  };
}

function statusSchema(): JsonSchema {
  return {
    type: "object",
    description: "What the API answers where it answers no object.",
    properties: {
      apiVersion: text("v1."),
      kind: text("Status."),
      metadata: { type: "object", description: "Nothing." },
      status: text("Success or Failure."),
      message: text("What happened, for people."),
      reason: text("Why, in one word."),
      details: { type: "object", description: "The object and the causes." },
      code: { type: "integer", format: "int32", description: "The HTTP status." },
    },
    "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "Status" }],
  };
}
