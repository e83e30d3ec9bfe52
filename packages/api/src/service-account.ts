// ServiceAccount (core v1): the name in a workload's SPIFFE ID.

import { column } from "./column.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { boolean, list, object, string, type Static } from "./schema.ts";

const secretReference = object("An object by name.", {
  apiVersion: string("API version of the object."),
  kind: string("Kind of the object."),
  namespace: string("Namespace of the object."),
  name: string("Name of the object."),
  uid: string("UID of the object."),
  resourceVersion: string("Revision of the object."),
  fieldPath: string("A field within the object."),
});

const pullSecret = object("A Secret of the same namespace.", { name: string("Its name.") });

const schema = kindSchema("v1", "ServiceAccount", "An identity that workloads run under.", {
  secrets: list("Secrets that its workloads may use.", secretReference, {
    listType: "map",
    keys: ["name"],
    mergeKey: "name",
  }),
  imagePullSecrets: list("Secrets for pulling images; kept, not used.", pullSecret),
  automountServiceAccountToken: boolean("Whether a token is mounted; kept, not used."),
});

export type ServiceAccount = Static<typeof schema>;

export const serviceAccountKind: KindInfo<ServiceAccount> = defineKind({
  schema,
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  shortNames: ["sa"],
  namespaced: true,
  isCore: true,
  columns: [
    column("Secrets", "The number of its secrets.", (object) => object.secrets?.length ?? 0, {
      type: "integer",
    }),
  ],
});
