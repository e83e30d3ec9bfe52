// The rules of the HTTPRoutes or GRPCRoutes that hold at one port, one entry for each match, in the
// order in which they are tried. From here on both kinds are compiled alike.

import type { GrpcRoute, HttpRoute, HttpRouteRule } from "@weft/api";
import type { RouteMatch } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { AnyRoute } from "../model/route-refs.ts";
import { byGrpcPrecedence, compileGrpcMatch, type PlacedGrpcMatch } from "./grpc-match.ts";
import { byPrecedence, compileMatch, pathOf, type PlacedMatch } from "./http-match.ts";
import { problemsOf } from "./route-problems.ts";

export type RequestRoute = HttpRoute | GrpcRoute;

/** What a rule of either kind does. */
export type RequestRule = Omit<HttpRouteRule, "matches">;

export interface PlacedRule {
  readonly route: RequestRoute;
  readonly rule: RequestRule;
  readonly ruleIndex: number;
  readonly match: RouteMatch;
  /** The path prefix demanded, for rewrites of it. */
  readonly prefix: string;
}

/** All of one kind; matches that cannot be evaluated match nothing. */
export function placeRules(routes: readonly AnyRoute[]): PlacedRule[] {
  const http: PlacedMatch[] = [];
  const grpc: PlacedGrpcMatch[] = [];
  for (const route of routes) {
    const { matches: impossible } = problemsOf(route);
    if (route.kind === "HTTPRoute") {
      for (const at of placesOf(route.spec.rules, impossible)) http.push({ route, ...at });
    } else if (route.kind === "GRPCRoute") {
      for (const at of placesOf(route.spec.rules, impossible)) grpc.push({ route, ...at });
    }
  }
  const httpRules = http.sort(byPrecedence).map((at): PlacedRule => {
    const { route, ruleIndex, match } = at;
    const rule = route.spec.rules?.[ruleIndex] ?? {};
    return { route, rule, ruleIndex, match: compileMatch(match), prefix: pathOf(match).value };
  });
  const grpcRules = grpc.sort(byGrpcPrecedence).map((at): PlacedRule => {
    const { route, ruleIndex, match } = at;
    const rule = route.spec.rules?.[ruleIndex] ?? {};
    return { route, rule, ruleIndex, match: compileGrpcMatch(match), prefix: "" };
  });
  return [...httpRules, ...grpcRules];
}

interface Place<Match> {
  readonly ruleIndex: number;
  readonly matchIndex: number;
  readonly match: Match;
}

/** A rule without matches matches everything. */
function placesOf<Match extends object>(
  rules: readonly { readonly matches?: readonly Match[] }[] | undefined,
  impossible: ReadonlySet<string>,
): Place<Match>[] {
  return (rules ?? []).flatMap(({ matches = [] }, ruleIndex) => {
    const all = matches.length === 0 ? [{} as Match] : matches;
    return all
      .map((match, matchIndex): Place<Match> => ({ ruleIndex, matchIndex, match }))
      .filter(({ matchIndex }) => !impossible.has(`${ruleIndex}/${matchIndex}`));
  });
}
