// GRPCRoute matches as Envoy route matches, and the order in which the Gateway API wants them
// tried. A gRPC request is a POST to `/<service>/<method>`.
// https://gateway-api.sigs.k8s.io/reference/spec/ (GRPCRouteRule.matches)

import type { GrpcMethodMatch, GrpcRoute, GrpcRouteMatch } from "@weft/api";
import { RouteMatch } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { byAge } from "../model/policy-targets.ts";
import { firstByName, headerMatcher, quotePattern } from "./http-match.ts";

/** Where a match stands: its route, rule and place in the rule. */
export interface PlacedGrpcMatch {
  readonly route: GrpcRoute;
  readonly ruleIndex: number;
  readonly matchIndex: number;
  readonly match: GrpcRouteMatch;
}

const ANY_NAME = "[^/]+";

/**
 * Most specific first: the longest service, the longest method, the most headers; then the older
 * route, its name, and the order written.
 */
export function byGrpcPrecedence(a: PlacedGrpcMatch, b: PlacedGrpcMatch): number {
  const [one, other] = [a.match.method, b.match.method];
  return (
    serviceOf(other).length - serviceOf(one).length ||
    (other?.method ?? "").length - (one?.method ?? "").length ||
    headersOf(b.match).length - headersOf(a.match).length ||
    byAge(a.route, b.route) ||
    a.ruleIndex - b.ruleIndex ||
    a.matchIndex - b.matchIndex
  );
}

export function compileGrpcMatch(match: GrpcRouteMatch): RouteMatch {
  const headers = headersOf(match).map(({ name, type, value }) =>
    headerMatcher(name.toLowerCase(), type ?? "Exact", value),
  );
  headers.unshift(headerMatcher(":method", "Exact", "POST"));
  return RouteMatch.fromPartial({ pathSpecifier: pathSpecifier(match.method), headers });
}

/** Every pattern of a match, with where it stands. */
export function grpcPatternsOf(match: GrpcRouteMatch): { field: string; pattern: string }[] {
  const patterns: { field: string; pattern: string }[] = [];
  const { type, service, method } = match.method ?? {};
  if (type === "RegularExpression") {
    if (service !== undefined) patterns.push({ field: "method.service", pattern: service });
    if (method !== undefined) patterns.push({ field: "method.method", pattern: method });
  }
  for (const { name, type: how, value } of headersOf(match)) {
    if (how === "RegularExpression") patterns.push({ field: `headers[${name}]`, pattern: value });
  }
  return patterns;
}

function pathSpecifier(
  demand: GrpcMethodMatch | undefined,
): NonNullable<RouteMatch["pathSpecifier"]> {
  const service = serviceOf(demand);
  const method = demand?.method ?? "";
  if (service === "" && method === "") return { $case: "prefix", prefix: "/" };
  if (demand?.type === "RegularExpression") return regexPath(group(service), group(method));
  if (service === "") return regexPath(ANY_NAME, quotePattern(method));
  if (method === "") return { $case: "prefix", prefix: `/${service}/` };
  return { $case: "path", path: `/${service}/${method}` };
}

function regexPath(service: string, method: string): NonNullable<RouteMatch["pathSpecifier"]> {
  const regex = `/${service}/${method}`;
  return { $case: "safeRegex", safeRegex: { engineType: undefined, regex } };
}

/** An alternative in the pattern stays within its half of the path. */
function group(pattern: string): string {
  return pattern === "" ? ANY_NAME : `(?:${pattern})`;
}

/** Protobuf writes a full name with a dot in front or without; paths have none. */
function serviceOf(demand: GrpcMethodMatch | undefined): string {
  const service = demand?.service ?? "";
  return demand?.type === "RegularExpression" ? service : service.replace(/^\./, "");
}

/** Of several demands on one header the first alone counts. */
function headersOf(match: GrpcRouteMatch): NonNullable<GrpcRouteMatch["headers"]> {
  return firstByName(match.headers ?? [], (name) => name.toLowerCase());
}
