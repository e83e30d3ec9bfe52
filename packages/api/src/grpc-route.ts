// GRPCRoute (Gateway API v1, standard channel), attached to Gateways or, in the mesh, to Services
// (GAMMA).

import { pathColumn } from "./column.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { Reporter } from "./field-error.ts";
import { checkFilter, checkFilters, checkServicePort } from "./http-filter-rules.ts";
import { headerModifierSchema, requestMirrorSchema } from "./http-route-filter.ts";
import type { KindInfo } from "./kind.ts";
import { dnsSubdomain, hostname } from "./name.ts";
import {
  backendProperties,
  backendWeight,
  GATEWAY_GROUP,
  localObjectReferenceSchema,
} from "./ref.ts";
import { headerMatchesSchema, matchTypeSchema, parentRefsSchema } from "./route-parts.ts";
import { checkHeaderPatterns, checkMatchCount, checkPattern } from "./route-rules.ts";
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

const methodMatchShape = object("A demand on what is called.", {
  type: about(matchTypeSchema, "How service and method are compared."),
  service: string("The service with its package, e.g. `shop.v1.Catalog`.", { maxLength: 1024 }),
  method: string("The method of the service.", { maxLength: 1024 }),
});
export type GrpcMethodMatch = Static<typeof methodMatchShape>;
const methodMatch: Schema<GrpcMethodMatch> = withRules(methodMatchShape, checkMethodMatch);

const matchShape = object("Demands that must all hold.", {
  method: methodMatch,
  headers: headerMatchesSchema,
});
export type GrpcRouteMatch = Static<typeof matchShape>;
const match: Schema<GrpcRouteMatch> = withRules(matchShape, checkHeaderPatterns);

const filterShape = object(
  "One thing done to requests or answers; the field named like the type holds its settings.",
  {
    type: choice("Which.", [
      "ResponseHeaderModifier",
      "RequestHeaderModifier",
      "RequestMirror",
      "ExtensionRef",
    ]),
    requestHeaderModifier: about(headerModifierSchema, "Changes to the request's header fields."),
    responseHeaderModifier: about(headerModifierSchema, "Changes to the answer's header fields."),
    requestMirror: requestMirrorSchema,
    extensionRef: about(localObjectReferenceSchema, "A filter that the Gateway API does not know."),
  },
  { required: ["type"] },
);
export type GrpcRouteFilter = Static<typeof filterShape>;
const filter: Schema<GrpcRouteFilter> = withRules(filterShape, checkFilter);

const filters = withRules(
  list("What is done to requests and answers.", filter, { maxItems: 16 }),
  checkFilters,
);

const backendRef = withRules(
  object(
    "Where a share of the requests goes.",
    {
      ...backendProperties,
      weight: backendWeight,
      filters: about(filters, "What is done to requests that go here."),
    },
    { required: ["name"] },
  ),
  checkServicePort,
);

const rule = object("Which requests, and what becomes of them.", {
  name: dnsSubdomain("Its name, unique in the route."),
  matches: list("Requests that meet any of these; none: all.", match, { maxItems: 64 }),
  filters,
  backendRefs: list("Where they go; none at all answers UNAVAILABLE.", backendRef, {
    maxItems: 16,
  }),
});
export type GrpcRouteRule = Static<typeof rule>;

const spec = object("Which requests, and what becomes of them.", {
  parentRefs: parentRefsSchema,
  hostnames: list("Hosts it is for; not used on a Service.", hostname(""), { maxItems: 16 }),
  rules: withRules(
    list("The rules; the most specific match wins.", rule, { maxItems: 16 }),
    checkMatchCount,
  ),
});

const schema = kindSchema(
  "gateway.networking.k8s.io/v1",
  "GRPCRoute",
  "Which gRPC requests to a Gateway or Service go where, and how.",
  { spec, status: routeStatusSchema },
  { required: ["spec"] },
);

export type GrpcRoute = Static<typeof schema>;

export const grpcRouteKind: KindInfo<GrpcRoute> = defineKind({
  schema,
  group: GATEWAY_GROUP,
  version: "v1",
  kind: "GRPCRoute",
  plural: "grpcroutes",
  categories: ["gateway-api"],
  namespaced: true,
  columns: [pathColumn("Hostnames", "Hosts it is for.", ".spec.hostnames")],
});

const SERVICE_NAME = /^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$/i;
const METHOD_NAME = /^[A-Za-z_][A-Za-z_0-9]*$/;

/** Plain names are those of protobuf; a pattern is anything that RE2 takes. */
function checkMethodMatch(match: GrpcMethodMatch, report: Reporter): void {
  const { type = "Exact", service, method } = match;
  if (service === undefined && method === undefined) {
    report.required("", "service, method or both");
  }
  if (type === "RegularExpression") {
    if (service !== undefined) checkPattern("service", service, report);
    if (method !== undefined) checkPattern("method", method, report);
    return;
  }
  if (service !== undefined && !SERVICE_NAME.test(service)) {
    report.invalid("service", service, "must be names joined by dots, as in protobuf");
  }
  if (method !== undefined && !METHOD_NAME.test(method)) {
    report.invalid("method", method, "must be a name of letters, digits and '_', no digit first");
  }
}
