// ReferenceGrant (Gateway API v1beta1): lets objects of other namespaces refer to objects of this
// one.

import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { groupName, kindName, namespaceName, objectName } from "./name.ts";
import { GATEWAY_GROUP } from "./ref.ts";
import { list, object, type Static } from "./schema.ts";

const grantFrom = object(
  "Objects that may refer.",
  {
    group: groupName("Their group; empty for the core group."),
    kind: kindName("Their kind, e.g. HTTPRoute."),
    namespace: namespaceName("Their namespace."),
  },
  { required: ["group", "kind", "namespace"] },
);

const grantTo = object(
  "Objects that may be referred to.",
  {
    group: groupName("Their group; empty for the core group."),
    kind: kindName("Their kind, e.g. Service."),
    name: objectName("One object; absent: all of the kind in this namespace."),
  },
  { required: ["group", "kind"] },
);

const spec = object(
  "Who may refer to what.",
  {
    from: list("Who may refer.", grantFrom, { minItems: 1, maxItems: 16 }),
    to: list("To what.", grantTo, { minItems: 1, maxItems: 16 }),
  },
  { required: ["from", "to"] },
);

export type ReferenceGrantSpec = Static<typeof spec>;

const schema = kindSchema(
  "gateway.networking.k8s.io/v1beta1",
  "ReferenceGrant",
  "Lets objects of other namespaces refer to objects of this one.",
  { spec },
  { required: ["spec"] },
);

export type ReferenceGrant = Static<typeof schema>;

export const referenceGrantKind: KindInfo<ReferenceGrant> = defineKind({
  schema,
  group: GATEWAY_GROUP,
  version: "v1beta1",
  otherVersions: ["v1"],
  kind: "ReferenceGrant",
  plural: "referencegrants",
  shortNames: ["refgrant"],
  categories: ["gateway-api"],
  namespaced: true,
});
