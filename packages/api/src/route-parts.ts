// Parts of the Gateway API's routes that several kinds share.

import { checkServicePort } from "./http-filter-rules.ts";
import { dnsSubdomain, headerName } from "./name.ts";
import { backendProperties, backendWeight, parentReferenceSchema } from "./ref.ts";
import { checkParentRefs } from "./route-rules.ts";
import { choice, list, object, type Schema, type Static, string, withRules } from "./schema.ts";

export const parentRefsSchema: Schema<Static<typeof parentReferenceSchema>[]> = withRules(
  list("What the route attaches to.", parentReferenceSchema, { maxItems: 32 }),
  checkParentRefs,
);

export const matchTypeSchema: Schema<"Exact" | "RegularExpression"> = choice(
  "How the value is compared.",
  ["Exact", "RegularExpression"],
  { default: "Exact" },
);

const headerMatch = object(
  "A demand on a header field.",
  {
    type: matchTypeSchema,
    name: headerName("Its name; case does not matter."),
    value: string("What its value is compared with.", { minLength: 1, maxLength: 4096 }),
  },
  { required: ["name", "value"] },
);

export type HttpHeaderMatch = Static<typeof headerMatch>;

export const headerMatchesSchema: Schema<HttpHeaderMatch[]> = list(
  "Demands on header fields.",
  headerMatch,
  { listType: "map", keys: ["name"], maxItems: 16 },
);

const streamBackend = withRules(
  object(
    "Where a share of the connections goes.",
    { ...backendProperties, weight: backendWeight },
    { required: ["name"] },
  ),
  checkServicePort,
);

const streamRule = object(
  "Where connections go.",
  {
    name: dnsSubdomain("Its name."),
    backendRefs: list("Where they go.", streamBackend, { minItems: 1, maxItems: 16 }),
  },
  { required: ["backendRefs"] },
);

export type StreamRouteRule = Static<typeof streamRule>;

/** The one rule of a route of byte streams. */
export const streamRulesSchema: Schema<StreamRouteRule[]> = list("The one rule.", streamRule, {
  minItems: 1,
  maxItems: 1,
});
