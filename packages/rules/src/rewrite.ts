// What a route changes: path and authority on the way up, the location of a redirect, headers both ways.

import type { RequestView } from "./match.ts";
import type { HeaderEdit, RedirectRow, RouteRow, WeightedClusterRow } from "./tables.ts";

/** Path and query to send up; the very same text when nothing is rewritten. */
export declare function rewritePath(route: RouteRow, path: string, query: string): string;

/** The authority to send up. */
export declare function rewriteAuthority(
  route: RouteRow,
  cluster: WeightedClusterRow,
  request: RequestView,
): string;

/** The Location of a redirect; `scheme` is the downstream's. */
export declare function redirectLocation(
  row: RedirectRow,
  route: RouteRow,
  request: RequestView,
  scheme: "http" | "https",
): string;

/** Edits the list in place. */
export declare function editHeaders(headers: string[], edits: readonly HeaderEdit[]): void;
