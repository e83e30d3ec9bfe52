// References between objects, as the Gateway API writes them.

import {
  dnsSubdomain,
  groupName,
  kindName,
  namespaceName,
  objectName,
  portNumber,
} from "./name.ts";
import { integer, object, type Schema, type Static } from "./schema.ts";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";

/** What a route attaches to: a Gateway, or a Service (GAMMA). */
export const parentReferenceSchema = object(
  "A Gateway, or a Service of the mesh, that a route attaches to.",
  {
    group: groupName("Group of the parent; empty for a Service.", { default: GATEWAY_GROUP }),
    kind: kindName("Kind of the parent: Gateway or Service.", { default: "Gateway" }),
    namespace: namespaceName("Namespace of the parent; the route's own where absent."),
    name: objectName("Name of the parent."),
    sectionName: dnsSubdomain("One listener of a Gateway, or one port of a Service, by name."),
    port: portNumber("One port of the parent, by number."),
  },
  { required: ["name"] },
);

export type ParentReference = Static<typeof parentReferenceSchema>;

const backendFields = {
  group: groupName("Group of the backend; empty for a Service.", { default: "" }),
  kind: kindName("Kind of the backend.", { default: "Service" }),
  name: objectName("Name of the backend."),
  namespace: namespaceName("Namespace of the backend; the route's own where absent."),
  port: portNumber("Port of the Service; required where the backend is one."),
} as const;

export const backendObjectReferenceSchema = object("Where requests go.", backendFields, {
  required: ["name"],
});

export type BackendObjectReference = Static<typeof backendObjectReferenceSchema>;

/** The properties of a backend, for schemas that add to them. */
export const backendProperties = backendFields;

/** The weight of one backend among several. */
export const backendWeight: Schema<number> = integer("Its share against the others'.", {
  minimum: 0,
  maximum: 1_000_000,
  default: 1,
});

export const localObjectReferenceSchema = object(
  "An object of the same namespace.",
  {
    group: groupName("Group of the object; empty for the core group."),
    kind: kindName("Kind of the object."),
    name: objectName("Name of the object."),
  },
  { required: ["group", "kind", "name"] },
);

export type LocalObjectReference = Static<typeof localObjectReferenceSchema>;

export const secretObjectReferenceSchema = object(
  "A Secret, or another object that holds a certificate.",
  {
    group: groupName("Group of the object; empty for a Secret.", { default: "" }),
    kind: kindName("Kind of the object.", { default: "Secret" }),
    name: objectName("Name of the object."),
    namespace: namespaceName("Namespace of the object; elsewhere needs a ReferenceGrant."),
  },
  { required: ["name"] },
);

export type SecretObjectReference = Static<typeof secretObjectReferenceSchema>;

export const objectReferenceSchema = object(
  "An object of any kind.",
  {
    group: groupName("Group of the object; empty for the core group."),
    kind: kindName("Kind of the object."),
    name: objectName("Name of the object."),
    namespace: namespaceName("Namespace of the object; the referring one's own where absent."),
  },
  { required: ["group", "kind", "name"] },
);

export type ObjectReference = Static<typeof objectReferenceSchema>;
