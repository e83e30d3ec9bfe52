// SelfSubjectAccessReview (authorization.k8s.io/v1): the question of `kubectl auth can-i`. Posted
// and answered, never stored.

import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { boolean, object, type Static, string } from "./schema.ts";

const resourceAttributes = object("An act on objects.", {
  namespace: string("The namespace; empty: all."),
  verb: string("The act, e.g. get or *."),
  group: string("The group, or *."),
  version: string("The version, or *."),
  resource: string("The kind in plural, or *."),
  subresource: string("The subresource."),
  name: string("One object; empty: all."),
});

const nonResourceAttributes = object("An act on a path that is no object.", {
  path: string("The path."),
  verb: string("The method in lower case."),
});

const spec = object("What the caller would do.", { resourceAttributes, nonResourceAttributes });

const status = object(
  "Whether the caller may.",
  {
    allowed: boolean("The answer."),
    denied: boolean("Whether it is refused outright."),
    reason: string("Why."),
    evaluationError: string("What went wrong on the way."),
  },
  { required: ["allowed"] },
);

const schema = kindSchema(
  "authorization.k8s.io/v1",
  "SelfSubjectAccessReview",
  "Asks whether the caller may do something.",
  { spec, status },
  { required: ["spec"], isReview: true },
);

export type SelfSubjectAccessReview = Static<typeof schema>;

export const selfSubjectAccessReviewKind: KindInfo<SelfSubjectAccessReview> = defineKind({
  schema,
  group: "authorization.k8s.io",
  version: "v1",
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  namespaced: false,
  isCore: true,
  isReview: true,
  verbs: ["create"],
});
