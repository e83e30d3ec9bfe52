// HTTPRoute filters as Envoy route actions: header edits, redirects, rewrites. What no proxy of
// ours can enforce is named, never dropped.

import type {
  HttpHeaderModifier,
  HttpPathModifier,
  HttpRequestRedirect,
  HttpRouteFilter,
  HttpUrlRewrite,
} from "@weft/api";
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
} from "@weft/xds/messages/envoy/config/core/v3/base.js";
import {
  RedirectAction,
  RedirectAction_RedirectResponseCode,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { RegexMatchAndSubstitute } from "@weft/xds/messages/envoy/type/matcher/v3/regex.js";
import { quotePattern } from "./http-match.ts";

export interface HeaderEdits {
  readonly requestHeadersToAdd: HeaderValueOption[];
  readonly requestHeadersToRemove: string[];
  readonly responseHeadersToAdd: HeaderValueOption[];
  readonly responseHeadersToRemove: string[];
}

/** How a path is changed: the matched prefix is replaced, or what a pattern finds. */
export type PathRewrite =
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "regex"; readonly regex: RegexMatchAndSubstitute };

const { APPEND_IF_EXISTS_OR_ADD, OVERWRITE_IF_EXISTS_OR_ADD } =
  HeaderValueOption_HeaderAppendAction;

/** Filters a rule may have. */
const RULE_FILTERS: ReadonlySet<string> = new Set([
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestMirror",
  "RequestRedirect",
  "URLRewrite",
]);

/** Filters a single backendRef may have. */
const BACKEND_FILTERS: ReadonlySet<string> = new Set([
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
]);

/** Why the filters cannot be enforced, each with its place; [] when they can. */
export function unsupportedFilters(
  filters: readonly HttpRouteFilter[] | undefined,
  at: "rule" | "backendRef",
): string[] {
  const known = at === "rule" ? RULE_FILTERS : BACKEND_FILTERS;
  const problems: string[] = [];
  (filters ?? []).forEach((filter, index) => {
    const place = `filters[${index}]`;
    if (!known.has(filter.type)) {
      const where = at === "rule" ? "" : " of a backendRef";
      problems.push(`${place}: a ${filter.type} filter${where} is not supported`);
    }
    const request = filter.requestHeaderModifier;
    const touched = [...(request?.add ?? []).map((one) => one.name), ...(request?.remove ?? [])];
    if (at === "backendRef") touched.push(...(request?.set ?? []).map((one) => one.name));
    if (touched.some((name) => name.toLowerCase() === "host")) {
      const hint = at === "rule" ? ", only set" : "; use URLRewrite on the rule";
      problems.push(`${place}: the Host header cannot be changed so${hint}`);
    }
  });
  return problems;
}

export function headerEdits(filters: readonly HttpRouteFilter[] | undefined): HeaderEdits {
  const request = find(filters, "RequestHeaderModifier")?.requestHeaderModifier;
  const response = find(filters, "ResponseHeaderModifier")?.responseHeaderModifier;
  return {
    requestHeadersToAdd: addsOf(request).filter((one) => one.header?.key !== "host"),
    requestHeadersToRemove: removesOf(request),
    responseHeadersToAdd: addsOf(response),
    responseHeadersToRemove: removesOf(response),
  };
}

/** The authority that requests are sent with; "" for the caller's. */
export function hostRewrite(filters: readonly HttpRouteFilter[] | undefined): string {
  const rewritten = urlRewriteOf(filters)?.hostname;
  if (rewritten !== undefined) return rewritten;
  const set = find(filters, "RequestHeaderModifier")?.requestHeaderModifier?.set ?? [];
  return set.find(({ name }) => name.toLowerCase() === "host")?.value ?? "";
}

export function urlRewriteOf(
  filters: readonly HttpRouteFilter[] | undefined,
): HttpUrlRewrite | null {
  return find(filters, "URLRewrite")?.urlRewrite ?? null;
}

export function redirectOf(
  filters: readonly HttpRouteFilter[] | undefined,
): HttpRequestRedirect | null {
  return find(filters, "RequestRedirect")?.requestRedirect ?? null;
}

/**
 * `prefix` is the matched one without trailing slashes. What stands behind it is kept: `/foo/bar`
 * with `/foo` replaced by `/` is `/bar`, not `//bar`; and an empty result is `/`.
 */
export function pathRewrite(
  modifier: HttpPathModifier | undefined,
  prefix: string,
): PathRewrite | null {
  if (modifier === undefined) return null;
  if (modifier.type === "ReplaceFullPath") {
    const path = modifier.replaceFullPath ?? "/";
    return { kind: "regex", regex: substitution("^.*$", path === "" ? "/" : path) };
  }
  const replacement = (modifier.replacePrefixMatch ?? "").replace(/\/+$/, "");
  if (prefix === "") {
    return replacement === "" ? null : { kind: "prefix", prefix: `${replacement}/` };
  }
  if (replacement !== "") return { kind: "prefix", prefix: replacement };
  return { kind: "regex", regex: substitution(`^${quotePattern(prefix)}/?`, "/") };
}

const redirectCodes: Readonly<Record<number, RedirectAction["responseCode"]>> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};

/** `servicePort` is the port callers named. */
export function compileRedirect(
  redirect: HttpRequestRedirect,
  prefix: string,
  servicePort: number,
): RedirectAction {
  const { scheme, hostname = "", path, statusCode = 302 } = redirect;
  const action = RedirectAction.fromPartial({
    hostRedirect: hostname,
    portRedirect: redirectPort(redirect, servicePort),
    responseCode: redirectCodes[statusCode] ?? RedirectAction_RedirectResponseCode.FOUND,
  });
  if (scheme !== undefined) {
    action.schemeRewriteSpecifier = { $case: "schemeRedirect", schemeRedirect: scheme };
  }
  if (path?.type === "ReplaceFullPath") {
    const pathRedirect = path.replaceFullPath === "" ? "/" : (path.replaceFullPath ?? "/");
    action.pathRewriteSpecifier = { $case: "pathRedirect", pathRedirect };
    return action;
  }
  const rewrite = pathRewrite(path, prefix);
  if (rewrite?.kind === "prefix") {
    action.pathRewriteSpecifier = { $case: "prefixRewrite", prefixRewrite: rewrite.prefix };
  } else if (rewrite?.kind === "regex") {
    action.pathRewriteSpecifier = { $case: "regexRewrite", regexRewrite: rewrite.regex };
  }
  return action;
}

const schemePorts = { http: 80, https: 443 } as const;

/**
 * A redirect without a port goes to its scheme's own, or without a scheme where the request went; 0
 * is the request's own, if it has one. A scheme's own port is not spelled out, except where it
 * replaces another that stands in the request: leaving that out is beyond Envoy
 * (HTTPRequestRedirectFilter.port).
 */
function redirectPort(redirect: HttpRequestRedirect, servicePort: number): number {
  const { scheme, hostname = "", port } = redirect;
  const kept = hostname === "" ? 0 : servicePort;
  const wanted = port ?? (scheme === undefined ? kept : schemePorts[scheme]);
  const isImplied = wanted === schemePorts[scheme ?? "http"];
  return isImplied && (hostname !== "" || servicePort === schemePorts.http) ? 0 : wanted;
}

function find(
  filters: readonly HttpRouteFilter[] | undefined,
  type: HttpRouteFilter["type"],
): HttpRouteFilter | undefined {
  return filters?.find((filter) => filter.type === type);
}

/** The header by which the built-in proxy says why it answers; said by Envoy as well. */
export function flagHeader(flag: string): HeaderValueOption {
  return option({ name: "x-weft-flag", value: flag }, OVERWRITE_IF_EXISTS_OR_ADD);
}

function addsOf(modifier: HttpHeaderModifier | undefined): HeaderValueOption[] {
  return [
    ...(modifier?.set ?? []).map((one) => option(one, OVERWRITE_IF_EXISTS_OR_ADD)),
    ...(modifier?.add ?? []).map((one) => option(one, APPEND_IF_EXISTS_OR_ADD)),
  ];
}

function removesOf(modifier: HttpHeaderModifier | undefined): string[] {
  return (modifier?.remove ?? []).map((name) => name.toLowerCase());
}

/** A `%` begins a command in Envoy's header values; doubled it stands for itself. */
function option(
  { name, value }: { name: string; value: string },
  appendAction: HeaderValueOption["appendAction"],
): HeaderValueOption {
  const header = {
    key: name.toLowerCase(),
    value: value.replaceAll("%", "%%"),
    rawValue: NO_BYTES,
  };
  return { header, append: undefined, appendAction, keepEmptyValue: false };
}

const NO_BYTES = Buffer.alloc(0);

function substitution(regex: string, text: string): RegexMatchAndSubstitute {
  return RegexMatchAndSubstitute.fromPartial({
    pattern: { regex },
    substitution: text.replaceAll("\\", "\\\\"),
  });
}
