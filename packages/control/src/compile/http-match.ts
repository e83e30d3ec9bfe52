// HTTPRoute matches as Envoy route matches, and the order in which the Gateway API wants them
// tried.
// https://gateway-api.sigs.k8s.io/reference/spec/ (HTTPRouteRule.matches)

import type { HttpPathMatch, HttpRoute, HttpRouteMatch } from "@weft/api";
import {
  type HeaderMatcher,
  QueryParameterMatcher,
  RouteMatch,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { HeaderMatcher as HeaderMatcherMessage } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { StringMatcher } from "@weft/xds/messages/envoy/type/matcher/v3/string.js";
import { byAge } from "../model/policy-targets.ts";

/** Where a match stands: its route, rule and place in the rule. */
export interface PlacedMatch {
  readonly route: HttpRoute;
  readonly ruleIndex: number;
  readonly matchIndex: number;
  readonly match: HttpRouteMatch;
}

const pathRanks = { Exact: 2, RegularExpression: 1, PathPrefix: 0 } as const;

/**
 * Most specific first: an exact path, a pattern, the longest prefix; then a method, the most
 * headers, the most query parameters; then the older route, its name, and the order written.
 */
export function byPrecedence(a: PlacedMatch, b: PlacedMatch): number {
  const [pathA, pathB] = [pathOf(a.match), pathOf(b.match)];
  return (
    pathRanks[pathB.type] - pathRanks[pathA.type] ||
    pathB.value.length - pathA.value.length ||
    Number(b.match.method !== undefined) - Number(a.match.method !== undefined) ||
    headersOf(b.match).length - headersOf(a.match).length ||
    queryOf(b.match).length - queryOf(a.match).length ||
    byAge(a.route, b.route) ||
    a.ruleIndex - b.ruleIndex ||
    a.matchIndex - b.matchIndex
  );
}

/** The path demanded, with defaults; a prefix without its trailing slashes ("/" becomes ""). */
export function pathOf(match: HttpRouteMatch): Required<HttpPathMatch> {
  const { type = "PathPrefix", value = "/" } = match.path ?? {};
  return { type, value: type === "PathPrefix" ? value.replace(/\/+$/, "") : value };
}

export function compileMatch(match: HttpRouteMatch): RouteMatch {
  const headers = headersOf(match).map(({ name, type, value }) =>
    headerMatcher(name.toLowerCase(), type ?? "Exact", value),
  );
  if (match.method !== undefined) headers.unshift(headerMatcher(":method", "Exact", match.method));
  return RouteMatch.fromPartial({
    pathSpecifier: pathSpecifier(match),
    headers,
    queryParameters: queryOf(match).map(({ name, type, value }) =>
      QueryParameterMatcher.fromPartial({
        name,
        queryParameterMatchSpecifier: {
          $case: "stringMatch",
          stringMatch: textMatcher(type ?? "Exact", value),
        },
      }),
    ),
  });
}

/** Every pattern of a match, with where it stands. */
export function patternsOf(match: HttpRouteMatch): { field: string; pattern: string }[] {
  const patterns: { field: string; pattern: string }[] = [];
  const path = pathOf(match);
  if (path.type === "RegularExpression") patterns.push({ field: "path", pattern: path.value });
  for (const { name, type, value } of headersOf(match)) {
    if (type === "RegularExpression") patterns.push({ field: `headers[${name}]`, pattern: value });
  }
  for (const { name, type, value } of queryOf(match)) {
    if (type === "RegularExpression") {
      patterns.push({ field: `queryParams[${name}]`, pattern: value });
    }
  }
  return patterns;
}

export function headerMatcher(
  name: string,
  type: "Exact" | "RegularExpression",
  value: string,
): HeaderMatcher {
  return HeaderMatcherMessage.fromPartial({
    name,
    headerMatchSpecifier: { $case: "stringMatch", stringMatch: textMatcher(type, value) },
  });
}

function pathSpecifier(match: HttpRouteMatch): NonNullable<RouteMatch["pathSpecifier"]> {
  const { type, value } = pathOf(match);
  if (type === "Exact") return { $case: "path", path: value };
  if (type === "RegularExpression") {
    return { $case: "safeRegex", safeRegex: { engineType: undefined, regex: value } };
  }
  if (value === "") return { $case: "prefix", prefix: "/" };
  return { $case: "pathSeparatedPrefix", pathSeparatedPrefix: value };
}

function textMatcher(type: "Exact" | "RegularExpression", value: string): StringMatcher {
  return type === "Exact"
    ? StringMatcher.fromPartial({ matchPattern: { $case: "exact", exact: value } })
    : StringMatcher.fromPartial({
        matchPattern: { $case: "safeRegex", safeRegex: { regex: value } },
      });
}

/** Of several demands on one header the first alone counts. */
function headersOf(match: HttpRouteMatch): NonNullable<HttpRouteMatch["headers"]> {
  return firstByName(match.headers ?? [], (name) => name.toLowerCase());
}

function queryOf(match: HttpRouteMatch): NonNullable<HttpRouteMatch["queryParams"]> {
  return firstByName(match.queryParams ?? [], (name) => name);
}

/** Of several with one name the first. */
export function firstByName<T extends { name: string }>(
  demands: readonly T[],
  fold: (name: string) => string,
): T[] {
  const seen = new Set<string>();
  return demands.filter(({ name }) => {
    const folded = fold(name);
    if (seen.has(folded)) return false;
    seen.add(folded);
    return true;
  });
}

/** The text as an RE2 pattern of itself. */
export function quotePattern(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}
