// What a route changes: path and authority on the way up, the location of a redirect, headers both
// ways. The meaning is Envoy's (`RouteAction`, `RedirectAction`, `HeaderValueOption`), which the
// control plane compiles the Gateway API's filters to.

import { appendHeader, hasHeader, type HeaderList, removeHeader, setHeader } from "@weft/wire";
import { fieldValue } from "./match-fields.ts";
import type { RequestView } from "./match.ts";
import type { Pattern } from "./regex.ts";
import type {
  HeaderEdit,
  RedirectRow,
  RouteMatchRow,
  RouteRow,
  WeightedClusterRow,
} from "./tables.ts";

/** Path and query to send up; the very same text when nothing is rewritten. */
export function rewritePath(route: RouteRow, path: string, query: string): string {
  const { rewrite, match } = route;
  if (rewrite === null) return path + query;
  const { prefix, regex, substitution } = rewrite;
  return newPath(match, path, prefix, regex, substitution) + query;
}

function newPath(
  match: RouteMatchRow,
  path: string,
  prefix: string | null,
  regex: Pattern | null,
  substitution: string,
): string {
  if (regex !== null) return regex.replaceAll(path, substitution);
  if (prefix === null) return path;
  return prefix + path.slice(matchedLength(match, path));
}

/** How much of a path its route's matcher covers. */
function matchedLength(match: RouteMatchRow, path: string): number {
  if (match.path === "regex") return path.length;
  return match.path === "connect" ? 0 : match.value.length;
}

/** The authority to send up. */
export function rewriteAuthority(
  route: RouteRow,
  cluster: WeightedClusterRow,
  request: RequestView,
): string {
  if (cluster.authorityLiteral !== null) return cluster.authorityLiteral;
  const { rewrite } = route;
  if (rewrite === null) return request.authority;
  if (rewrite.authorityLiteral !== null) return rewrite.authorityLiteral;
  if (rewrite.authorityHeader !== null) {
    const value = fieldValue(request, rewrite.authorityHeader);
    return value === null || value === "" ? request.authority : value;
  }
  if (rewrite.authorityRegex !== null) {
    return rewrite.authorityRegex.replaceAll(request.path, rewrite.authoritySubstitution);
  }
  return request.authority;
}

/**
 * The Location of a redirect; `scheme` is the downstream's. A port that is the scheme's own is left
 * out (Gateway API, HTTPRequestRedirectFilter), be it configured or the request's.
 */
export function redirectLocation(
  row: RedirectRow,
  route: RouteRow,
  request: RequestView,
  scheme: "http" | "https",
): string {
  const newScheme = row.scheme ?? scheme;
  const authority = redirectAuthority(row, request.authority, scheme, newScheme);
  return `${newScheme}://${authority}${redirectPath(row, route, request)}`;
}

function redirectAuthority(
  row: RedirectRow,
  authority: string,
  scheme: string,
  newScheme: string,
): string {
  const { name, port } = splitAuthority(authority);
  if (row.port !== 0) return withPort(row.authority ?? name, row.port, newScheme);
  if (row.authority !== null) return row.authority;
  // The request's own port stays, unless it was the default of the scheme that is being left.
  if (port === 0 || (newScheme !== scheme && port === defaultPort(scheme))) return name;
  return withPort(name, port, newScheme);
}

function withPort(name: string, port: number, scheme: string): string {
  return port === defaultPort(scheme) ? name : `${name}:${port}`;
}

function defaultPort(scheme: string): number {
  return scheme === "https" ? 443 : scheme === "http" ? 80 : 0;
}

function splitAuthority(authority: string): { name: string; port: number } {
  const match = /^(.+):([0-9]{1,5})$/.exec(authority);
  if (match === null || (authority.startsWith("[") && !match[1]?.endsWith("]"))) {
    return { name: authority, port: 0 };
  }
  return { name: match[1] as string, port: Number(match[2]) };
}

function redirectPath(row: RedirectRow, route: RouteRow, request: RequestView): string {
  if (row.path?.includes("?") === true) return row.path;
  const query = row.stripQuery ? "" : request.query;
  if (row.path !== null) return row.path + query;
  return newPath(route.match, request.path, row.prefix, row.regex, row.substitution) + query;
}

/** Edits the list in place, in order. */
export function editHeaders(headers: HeaderList, edits: readonly HeaderEdit[]): void {
  for (const { action, name, value } of edits) {
    switch (action) {
      case "add":
        appendHeader(headers, name, value);
        break;
      case "set":
        setHeader(headers, name, value);
        break;
      case "set-existing":
        if (hasHeader(headers, name)) setHeader(headers, name, value);
        break;
      case "add-absent":
        if (!hasHeader(headers, name)) appendHeader(headers, name, value);
        break;
      case "remove":
        removeHeader(headers, name);
        break;
    }
  }
}
