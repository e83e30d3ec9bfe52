// Which route a byte stream takes: by the server name that its ClientHello asks for (RFC 6066
// section 3), where the service has TLSRoutes; else the only one there is.

import type { VirtualHostRow } from "./route-table.ts";
import type { RouteRow } from "./tables.ts";

/** Whether the first bytes of a stream must be read before its route can be told. */
export function needsServerName(virtualHost: VirtualHostRow): boolean {
  return virtualHost.routes.some((route) => route.serverNames !== null);
}

/**
 * `serverName` is "" for a stream without one, or that is no TLS. Null: no route takes it, and the
 * connection is closed. Routes stand in the order in which they are tried.
 */
export function matchStream(virtualHost: VirtualHostRow, serverName: string): RouteRow | null {
  const name = serverName.toLowerCase();
  for (const route of virtualHost.routes) {
    if (route.serverNames === null || takes(route.serverNames, name)) return route;
  }
  return null;
}

/** A wildcard stands for one label or more. */
function takes(serverNames: readonly string[], name: string): boolean {
  return serverNames.some((one) =>
    one.startsWith("*.") ? name.length >= one.length && name.endsWith(one.slice(1)) : one === name,
  );
}
