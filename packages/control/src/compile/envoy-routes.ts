// What Envoy must be told with more routes than the built-in proxy: it cannot tie a retried status
// to methods, so a route that retries 503 for the safe methods alone becomes two.

import {
  type HeaderMatcher,
  Route,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { headerMatcher } from "./http-match.ts";
import { SAFE_METHODS } from "./retry-policy.ts";

const STATUS_CODES = "retriable-status-codes";

export function routesForEnvoy(routes: readonly Route[]): Route[] {
  return routes.flatMap((route) => {
    const section = route.metadata?.filterMetadata["dev.weft"];
    return section?.["retryOn503Methods"] === undefined ? [route] : split(route);
  });
}

function split(route: Route): Route[] {
  const method = route.match?.headers.find(({ name }) => name === ":method");
  if (method !== undefined) {
    return [SAFE_METHODS.includes(exactText(method)) ? route : withoutStatuses(route)];
  }
  const safe = Route.decode(Route.encode(route).finish());
  safe.match?.headers.unshift(
    headerMatcher(":method", "RegularExpression", SAFE_METHODS.join("|")),
  );
  return [safe, withoutStatuses(route)];
}

function exactText(matcher: HeaderMatcher): string {
  const specifier = matcher.headerMatchSpecifier;
  if (specifier?.$case !== "stringMatch") return "";
  const pattern = specifier.stringMatch.matchPattern;
  return pattern?.$case === "exact" ? pattern.exact : "";
}

function withoutStatuses(route: Route): Route {
  const copy = Route.decode(Route.encode(route).finish());
  if (copy.action?.$case !== "route" || copy.action.route.retryPolicy === undefined) return copy;
  const policy = copy.action.route.retryPolicy;
  const names = policy.retryOn.split(",").filter((name) => name !== STATUS_CODES);
  policy.retryOn = names.join(",");
  policy.retriableStatusCodes = [];
  return copy;
}
