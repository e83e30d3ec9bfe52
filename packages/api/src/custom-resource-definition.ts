// The CustomResourceDefinition of a kind (apiextensions.k8s.io/v1), for running on a Kubernetes
// cluster.

import type { Column } from "./column.ts";
import type { KindInfo } from "./kind.ts";
import { crdDialect, type JsonSchema, publishSchema } from "./published-schema.ts";

/** What a Kubernetes API server demands by itself, and a CRD may say nothing of. */
const SERVERS_OWN: readonly string[] = ["apiVersion", "kind", "metadata"];
const METADATA = { type: "object" } as const;

/**
 * Null for kinds of Kubernetes' own groups: they are there, or (Gateway API) come with that
 * project's CRDs, which alone carry the approval that a cluster demands.
 */
export function customResourceDefinition(info: KindInfo): JsonSchema | null {
  if (info.group === "" || info.group.endsWith(".k8s.io")) return null;
  const { group, kind, plural, singular, shortNames, categories } = info;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        ...(shortNames.length === 0 ? {} : { shortNames }),
        ...(categories.length === 0 ? {} : { categories }),
      },
      scope: info.namespaced ? "Namespaced" : "Cluster",
      versions: info.versions.map((name) => versionOf(info, name)),
    },
  };
}

function versionOf(info: KindInfo, name: string): JsonSchema {
  const schema = publishSchema(info.schema, crdDialect);
  const properties = { ...(schema["properties"] as JsonSchema), metadata: METADATA };
  const required = (info.schema.required ?? []).filter((field) => !SERVERS_OWN.includes(field));
  return {
    name,
    served: true,
    storage: name === info.version,
    schema: { openAPIV3Schema: { ...schema, properties, required } },
    additionalPrinterColumns: info.columns.flatMap(printerColumn),
    ...(info.hasStatus ? { subresources: { status: {} } } : {}),
  };
}

function printerColumn(column: Column): JsonSchema[] {
  const { name, description, jsonPath, priority } = column;
  if (jsonPath === undefined) return [];
  const isTime = jsonPath === ".metadata.creationTimestamp";
  const type = isTime ? "date" : column.type;
  return [{ name, type, description, jsonPath, ...(priority === 0 ? {} : { priority }) }];
}
