// What the Gateway API demands of an HTTPRoute beyond its schema (there CEL, here code). Header
// names and query parameters are unique by `listType` map.

import { parseDurationMs } from "./duration.ts";
import type { Reporter } from "./field-error.ts";
import type {
  HttpPathMatch,
  HttpRouteMatch,
  HttpRouteRule,
  HttpRouteTimeouts,
} from "./http-route.ts";
import type { HttpRouteFilter } from "./http-route-filter.ts";
import { checkHeaderPatterns, checkPattern } from "./route-rules.ts";

const PATH_CHARACTERS = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$/;

/** Plain paths are absolute and normalised. */
export function checkPathMatch(match: HttpPathMatch, report: Reporter): void {
  const { type = "PathPrefix", value = "/" } = match;
  if (type === "RegularExpression") return checkPattern("value", value, report);
  if (!value.startsWith("/")) {
    report.invalid("value", value, `must start with '/' for type ${type}`);
  }
  for (const part of ["//", "/./", "/../", "%2f", "%2F", "#"]) {
    if (value.includes(part)) {
      report.invalid("value", value, `must not contain '${part}' for type ${type}`);
    }
  }
  for (const end of ["/..", "/."]) {
    if (value.endsWith(end)) {
      report.invalid("value", value, `must not end with '${end}' for type ${type}`);
    }
  }
  if (!PATH_CHARACTERS.test(value)) {
    report.invalid("value", value, "must hold only characters of a path (RFC 3986 section 3.3)");
  }
}

export function checkMatch(match: HttpRouteMatch, report: Reporter): void {
  checkHeaderPatterns(match, report);
  (match.queryParams ?? []).forEach((one, index) => {
    if (one.type !== "RegularExpression") return;
    checkPattern("value", one.value, report.at(`queryParams[${index}]`));
  });
}

export function checkTimeouts(timeouts: HttpRouteTimeouts, report: Reporter): void {
  const requestMs = parseDurationMs(timeouts.request ?? "") ?? 0;
  const tryMs = parseDurationMs(timeouts.backendRequest ?? "") ?? 0;
  if (requestMs > 0 && tryMs > requestMs) {
    report.invalid(
      "backendRequest",
      timeouts.backendRequest,
      `must not be longer than request (${timeouts.request})`,
    );
  }
}

export function checkRule(rule: HttpRouteRule, report: Reporter): void {
  const { filters = [], backendRefs = [], matches = [] } = rule;
  const redirects = filters.some((filter) => filter.requestRedirect !== undefined);
  if (redirects && backendRefs.length > 0) {
    report.forbidden("backendRefs", "a rule that redirects has none");
  }
  checkPrefixReplacement(filters, matches, report.at("filters"));
  backendRefs.forEach((backend, index) => {
    const at = report.at(`backendRefs[${index}].filters`);
    checkPrefixReplacement(backend.filters ?? [], matches, at);
  });
}

/** Replacing the matched prefix needs one match, by prefix, so that there is one prefix. */
function checkPrefixReplacement(
  filters: readonly HttpRouteFilter[],
  matches: readonly HttpRouteMatch[],
  report: Reporter,
): void {
  const [match] = matches;
  const matchType = match?.path === undefined ? undefined : (match.path.type ?? "PathPrefix");
  if (matches.length === 1 && matchType === "PathPrefix") return;
  filters.forEach((filter, index) => {
    for (const field of ["requestRedirect", "urlRewrite"] as const) {
      if (filter[field]?.path?.type !== "ReplacePrefixMatch") continue;
      if (filter[field].path.replacePrefixMatch === undefined) continue;
      report.invalid(
        `[${index}].${field}.path.type`,
        "ReplacePrefixMatch",
        "the rule must have exactly one match, of type PathPrefix",
      );
    }
  });
}
