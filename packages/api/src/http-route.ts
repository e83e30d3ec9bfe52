// HTTPRoute (Gateway API v1, standard channel), attached to Gateways or, in the mesh, to Services
// (GAMMA).

import { pathColumn } from "./column.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import { duration } from "./duration.ts";
import { checkServicePort } from "./http-filter-rules.ts";
import { filtersSchema, HTTP_METHODS } from "./http-route-filter.ts";
import { checkMatch, checkPathMatch, checkRule, checkTimeouts } from "./http-route-rules.ts";
import type { KindInfo } from "./kind.ts";
import { dnsSubdomain, headerName, hostname } from "./name.ts";
import { backendProperties, backendWeight, GATEWAY_GROUP } from "./ref.ts";
import { headerMatchesSchema, matchTypeSchema, parentRefsSchema } from "./route-parts.ts";
import { checkMatchCount } from "./route-rules.ts";
import { routeStatusSchema } from "./route-status.ts";
import {
  about,
  choice,
  list,
  object,
  type Schema,
  type Static,
  string,
  withRules,
} from "./schema.ts";

const anyPath = { type: "PathPrefix", value: "/" } as const;
const anyRequest = [{ path: anyPath }] as const;

const pathMatchShape = object(
  "A demand on the path.",
  {
    type: choice(
      "How it is compared; a prefix ends at a '/'.",
      ["Exact", "PathPrefix", "RegularExpression"],
      { default: "PathPrefix" },
    ),
    value: string("What it is compared with.", { maxLength: 1024, default: "/" }),
  },
  { default: anyPath },
);
export type HttpPathMatch = Static<typeof pathMatchShape>;
const pathMatch: Schema<HttpPathMatch> = withRules(pathMatchShape, checkPathMatch);

const queryParamMatch = object(
  "A demand on a query parameter.",
  {
    type: matchTypeSchema,
    name: headerName("Its name; case matters."),
    value: string("What its value is compared with.", { minLength: 1, maxLength: 1024 }),
  },
  { required: ["name", "value"] },
);

const keyedByName = { listType: "map", keys: ["name"], maxItems: 16 } as const;

const matchShape = object("Demands that must all hold.", {
  path: pathMatch,
  headers: headerMatchesSchema,
  queryParams: list("Demands on query parameters.", queryParamMatch, keyedByName),
  method: choice("The method.", HTTP_METHODS),
});
export type HttpRouteMatch = Static<typeof matchShape>;
const match: Schema<HttpRouteMatch> = withRules(matchShape, checkMatch);

const backendRef = withRules(
  object(
    "Where a share of the requests goes.",
    {
      ...backendProperties,
      weight: backendWeight,
      filters: about(filtersSchema, "What is done to requests that go here."),
    },
    { required: ["name"] },
  ),
  checkServicePort,
);

const timeoutsShape = object("How long a request may take.", {
  request: duration("The whole request with its retries; 0s for no limit."),
  backendRequest: duration("One try; not longer than the whole."),
});
export type HttpRouteTimeouts = Static<typeof timeoutsShape>;
const timeouts: Schema<HttpRouteTimeouts> = withRules(timeoutsShape, checkTimeouts);

const ruleShape = object("Which requests, and what becomes of them.", {
  name: dnsSubdomain("Its name, unique in the route."),
  matches: list("Requests that meet any of these.", match, {
    maxItems: 64,
    default: anyRequest,
  }),
  filters: filtersSchema,
  backendRefs: list("Where they go; none at all answers 500.", backendRef, { maxItems: 16 }),
  timeouts,
});
export type HttpRouteRule = Static<typeof ruleShape>;
const rule: Schema<HttpRouteRule> = withRules(ruleShape, checkRule);

const spec = object("Which requests, and what becomes of them.", {
  parentRefs: parentRefsSchema,
  hostnames: list("Hosts it is for; not used on a Service.", hostname(""), { maxItems: 16 }),
  rules: withRules(
    list("The rules; the most specific match wins.", rule, {
      minItems: 1,
      maxItems: 16,
      default: [{ matches: anyRequest }],
    }),
    checkMatchCount,
  ),
});

export type HttpRouteSpec = Static<typeof spec>;
export type HttpQueryParamMatch = Static<typeof queryParamMatch>;
export type HttpBackendRef = Static<typeof backendRef>;

const schema = kindSchema(
  "gateway.networking.k8s.io/v1",
  "HTTPRoute",
  "Which HTTP requests to a Gateway or Service go where, and how.",
  { spec, status: routeStatusSchema },
  { required: ["spec"] },
);

export type HttpRoute = Static<typeof schema>;

export const httpRouteKind: KindInfo<HttpRoute> = defineKind({
  schema,
  group: GATEWAY_GROUP,
  version: "v1",
  otherVersions: ["v1beta1"],
  kind: "HTTPRoute",
  plural: "httproutes",
  categories: ["gateway-api"],
  namespaced: true,
  columns: [pathColumn("Hostnames", "Hosts it is for.", ".spec.hostnames")],
});
