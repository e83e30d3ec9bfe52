// What of a route our proxies cannot do: filters, and patterns that are not RE2. A rule that cannot
// be enforced answers 500, a match that cannot be evaluated matches nothing, and the route's status
// names both.

import { compileRegex } from "@weft/rules";
import { unsupportedFilters } from "./http-filters.ts";
import type { GrpcRoute, HttpRoute } from "@weft/api";
import type { AnyRoute } from "../model/route-refs.ts";
import { grpcPatternsOf } from "./grpc-match.ts";
import { patternsOf } from "./http-match.ts";

export interface RouteProblems {
  /** Rules that answer 500, each with the reasons. */
  readonly rules: ReadonlyMap<number, readonly string[]>;
  /** `<rule>/<match>` of matches that match nothing. */
  readonly matches: ReadonlySet<string>;
  /** All of it as sentences; [] when there is nothing to say. */
  readonly messages: readonly string[];
}

const known = new WeakMap<AnyRoute, RouteProblems>();

/** Found once for each version of a route. */
export function problemsOf(route: AnyRoute): RouteProblems {
  let problems = known.get(route);
  if (problems === undefined) known.set(route, (problems = findProblems(route)));
  return problems;
}

function findProblems(route: AnyRoute): RouteProblems {
  const rules = new Map<number, string[]>();
  const matches = new Set<string>();
  const messages: string[] = [];
  // Routes of byte streams have neither filters nor patterns.
  if (route.kind === "TCPRoute" || route.kind === "TLSRoute") return { rules, matches, messages };
  (route.spec.rules ?? []).forEach((rule, ruleIndex) => {
    const reasons = unsupportedFilters(rule.filters, "rule");
    (rule.backendRefs ?? []).forEach((ref, index) => {
      for (const reason of unsupportedFilters(ref.filters, "backendRef")) {
        reasons.push(`backendRefs[${index}].${reason}`);
      }
    });
    if (reasons.length > 0) rules.set(ruleIndex, reasons);
    for (const reason of reasons) messages.push(`rules[${ruleIndex}].${reason}; it answers 500`);
  });
  for (const { ruleIndex, matchIndex, field, pattern } of patternsIn(route)) {
    const compiled = compileRegex(pattern);
    if (!("refusal" in compiled)) continue;
    matches.add(`${ruleIndex}/${matchIndex}`);
    const where = `rules[${ruleIndex}].matches[${matchIndex}].${field}`;
    messages.push(`${where}: ${compiled.refusal}; it matches nothing`);
  }
  return { rules, matches, messages };
}

interface PlacedPattern {
  readonly ruleIndex: number;
  readonly matchIndex: number;
  readonly field: string;
  readonly pattern: string;
}

function patternsIn(route: HttpRoute | GrpcRoute): PlacedPattern[] {
  return route.kind === "HTTPRoute"
    ? placed(route.spec.rules, patternsOf)
    : placed(route.spec.rules, grpcPatternsOf);
}

function placed<Match>(
  rules: readonly { readonly matches?: readonly Match[] }[] | undefined,
  patterns: (match: Match) => { field: string; pattern: string }[],
): PlacedPattern[] {
  return (rules ?? []).flatMap(({ matches = [] }, ruleIndex) =>
    matches.flatMap((match, matchIndex) =>
      patterns(match).map((found) => ({ ruleIndex, matchIndex, ...found })),
    ),
  );
}
