// Which route a request meets: the virtual host by its authority, then the first route that matches
// (Envoy's order: exact domain, `*x` longest first, `x*` longest first, `*`).

import { matchesHeader, matchesQuery } from "./match-fields.ts";
import type { DomainIndex, RouteTable, VirtualHostRow } from "./route-table.ts";
import type { RouteMatchRow, RouteRow, WeightedClusterRow } from "./tables.ts";

/** What matching reads of a request; wire's `RequestHead` is one. */
export interface RequestView {
  readonly method: string;
  /** Without the query; "" for CONNECT. */
  readonly path: string;
  /** With its question mark; "" when there is none. */
  readonly query: string;
  /** Lower case `host[:port]`. */
  readonly authority: string;
  /** "http" or "https"; "" counts as "http". */
  readonly scheme: string;
  /** [name, value, …] with lower-case names. */
  readonly headers: readonly string[];
}

export function matchVirtualHost(table: RouteTable, authority: string): VirtualHostRow | null {
  const { domains } = table;
  const colon = portColon(authority);
  const name = table.ignorePort && colon > 0 ? authority.slice(0, colon) : authority;
  return (
    domains.exact.get(name) ??
    matchSuffix(domains, name) ??
    matchPrefix(domains, name, table.ignorePort ? -1 : colon) ??
    domains.any
  );
}

/**
 * Where the port begins, at its colon; -1 without a port. The colons of an IPv6 address are in
 * brackets.
 */
function portColon(authority: string): number {
  const colon = authority.lastIndexOf(":");
  return colon > 0 && authority.indexOf("]", colon) < 0 ? colon : -1;
}

/** A wildcard stands for at least one character. */
function matchSuffix(domains: DomainIndex, name: string): VirtualHostRow | null {
  for (const { text, virtualHost } of domains.suffixes) {
    if (name.length > text.length && name.endsWith(text)) return virtualHost;
  }
  return null;
}

/** `x:*` is by far the commonest prefix and is looked up at its length's turn. */
function matchPrefix(domains: DomainIndex, name: string, colon: number): VirtualHostRow | null {
  const anyPort = colon > 0 ? domains.anyPort.get(name.slice(0, colon + 1)) : undefined;
  for (const { text, virtualHost } of domains.prefixes) {
    if (anyPort !== undefined && text.length <= colon) return anyPort;
    if (name.length > text.length && name.startsWith(text)) return virtualHost;
  }
  return anyPort ?? null;
}

// Candidate lists of the request being matched, and how far each is used. Matching is synchronous,
// so one set serves all.
const lists: (readonly number[])[] = [];
const places: number[] = [];

export function matchRoute(virtualHost: VirtualHostRow, request: RequestView): RouteRow | null {
  const { routes, paths } = virtualHost;
  const isConnect = request.method === "CONNECT";
  let count = 1;
  if (isConnect) lists[0] = paths.connects;
  else count = paths.find(request.path, lists);
  for (let i = 0; i < count; i++) places[i] = 0;
  for (;;) {
    const index = takeSmallest(count);
    if (index === noRoute) return null;
    const route = routes[index] as RouteRow;
    if (matchesRest(route.match, request)) return route;
  }
}

const noRoute = 0x7fffffff;

/** Takes the smallest index that is left in any of the lists. */
function takeSmallest(count: number): number {
  let smallest = noRoute;
  let from = -1;
  for (let i = 0; i < count; i++) {
    const list = lists[i] as readonly number[];
    const place = places[i] as number;
    if (place < list.length && (list[place] as number) < smallest) {
      smallest = list[place] as number;
      from = i;
    }
  }
  if (from >= 0) (places[from] as number)++;
  return smallest;
}

/** Everything but the paths that the index has already compared. */
function matchesRest(match: RouteMatchRow, request: RequestView): boolean {
  if (match.method !== null && match.method !== request.method) return false;
  if ((match.regex !== null || match.ignoreCase) && !matchesPath(match, request.path)) return false;
  for (const header of match.headers) if (!matchesHeader(header, request)) return false;
  for (const parameter of match.query) {
    if (!matchesQuery(parameter, request.query)) return false;
  }
  return true;
}

/** One path matcher against one path. */
export function matchesPath(match: RouteMatchRow, path: string): boolean {
  const text = match.ignoreCase ? path.toLowerCase() : path;
  const { value } = match;
  switch (match.path) {
    case "exact":
      return text === value;
    case "prefix":
      return text.startsWith(value);
    case "segment-prefix":
      return text.startsWith(value) && (text.length === value.length || text[value.length] === "/");
    case "regex":
      return match.regex?.matches(path) ?? false;
    case "connect":
      return false;
  }
}

/** One of the weighted clusters; `chance` is a number in [0, 1). */
export function chooseCluster(
  clusters: readonly WeightedClusterRow[],
  weightTotal: number,
  chance: number,
): WeightedClusterRow | null {
  let point = chance * weightTotal;
  for (const cluster of clusters) {
    point -= cluster.weight;
    if (point < 0) return cluster;
  }
  return null;
}
