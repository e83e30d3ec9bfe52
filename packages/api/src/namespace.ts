// Namespace (core v1): where names are unique, and what defaults of policies hang on.

import { column } from "./column.ts";
import { conditionSchema } from "./condition.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { list, object, string, type Static } from "./schema.ts";

/** Set by the server to the namespace's name, so that selectors can name it. */
const NAME_LABEL = "kubernetes.io/metadata.name";

const spec = object("What the namespace waits for before it goes.", {
  finalizers: list("Names of those who must finish first.", string("")),
});

const status = object("What is known of the namespace.", {
  phase: string("Active, or Terminating while its objects are being deleted."),
  conditions: list("Observed facts.", conditionSchema, {
    listType: "map",
    keys: ["type"],
    mergeKey: "type",
  }),
});

const schema = kindSchema(
  "v1",
  "Namespace",
  "A scope for names, and for the defaults of policies.",
  { spec, status },
);

export type Namespace = Static<typeof schema>;

export const namespaceKind: KindInfo<Namespace> = defineKind({
  schema,
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  shortNames: ["ns"],
  namespaced: false,
  isCore: true,
  nameRule: "label",
  selectableFields: ["status.phase"],
  columns: [column("Status", "The phase.", (object) => object.status?.phase ?? "Active")],
  fillDefaults(object) {
    object.status ??= {};
    object.status.phase ??= "Active";
    object.metadata.labels = { ...object.metadata.labels, [NAME_LABEL]: object.metadata.name };
  },
});
