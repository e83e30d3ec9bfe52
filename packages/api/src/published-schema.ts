// A schema as others read it: OpenAPI v3, OpenAPI v2 (Swagger) and the structural schema of a CRD.

import type { Schema } from "./schema.ts";

export type JsonSchema = Record<string, unknown>;

/** How each dialect writes what may be a number or a name. */
export interface SchemaDialect {
  readonly intOrString: JsonSchema;
  /** Replaces a schema, e.g. by a reference; null leaves it. */
  replace?(schema: Schema): JsonSchema | null;
  /** Patch strategies and formats that CRDs may not have. */
  readonly hasPatchStrategies: boolean;
}

export const crdDialect: SchemaDialect = {
  intOrString: {
    anyOf: [{ type: "integer" }, { type: "string" }],
    "x-kubernetes-int-or-string": true,
  },
  hasPatchStrategies: false,
};

/** Plain JSON of a schema, without its rules. */
export function publishSchema(schema: Schema, dialect: SchemaDialect): JsonSchema {
  const replaced = dialect.replace?.(schema) ?? null;
  if (replaced !== null) return replaced;
  const published: JsonSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (value === undefined || keyword === "rules") continue;
    if (keyword.startsWith("x-kubernetes-patch") && !dialect.hasPatchStrategies) continue;
    if (keyword === "description" && value === "") continue;
    published[keyword] = publishKeyword(keyword, value, dialect);
  }
  if (schema["x-kubernetes-int-or-string"] !== true) return published;
  delete published["x-kubernetes-int-or-string"];
  return { ...published, ...dialect.intOrString };
}

function publishKeyword(keyword: string, value: unknown, dialect: SchemaDialect): unknown {
  switch (keyword) {
    case "items":
    case "additionalProperties":
      return publishSchema(value as Schema, dialect);
    case "properties": {
      const properties = Object.entries(value as Readonly<Record<string, Schema>>);
      return Object.fromEntries(
        properties.map(([name, property]) => [name, publishSchema(property, dialect)]),
      );
    }
    default:
      return value;
  }
}
