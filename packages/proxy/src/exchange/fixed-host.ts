// Connections that belong to one service whatever their requests' authority says: `--upstream`
// listeners and the inside of CONNECT tunnels.

import type { RouteTable, Tables, VirtualHostRow } from "@weft/rules";
import type { FixedHost } from "./exchange.ts";

/** The virtual host of that name in the outbound listener's routes. */
export function fixedHostNamed(name: string): FixedHost {
  return new Finder((virtualHost) => (virtualHost.name === name ? 1 : 0));
}

/** Of the service's ports: the given one; else its only one, else 80, else its first. */
export function fixedHostOf(service: string, namespace: string, port: number | null): FixedHost {
  return new Finder((virtualHost) => {
    if (virtualHost.service !== service || virtualHost.namespace !== namespace) return 0;
    if (virtualHost.port === 0) return 0;
    if (port !== null) return virtualHost.port === port ? 1 : 0;
    return virtualHost.port === 80 ? 2 : 1;
  });
}

class Finder implements FixedHost {
  readonly #rank: (virtualHost: VirtualHostRow) => number;
  #table: RouteTable | null = null;
  #found: VirtualHostRow | null = null;

  constructor(rank: (virtualHost: VirtualHostRow) => number) {
    this.#rank = rank;
  }

  find(tables: Tables): VirtualHostRow | null {
    const http = tables.listeners.get("outbound")?.plainChain?.http ?? null;
    const table = http?.routes ?? tables.routes.get(http?.routesName ?? "") ?? null;
    if (table === this.#table) return this.#found;
    this.#table = table;
    this.#found = null;
    let best = 0;
    for (const virtualHost of table?.virtualHosts ?? []) {
      const rank = this.#rank(virtualHost);
      if (rank <= best) continue;
      best = rank;
      this.#found = virtualHost;
    }
    return this.#found;
  }
}
