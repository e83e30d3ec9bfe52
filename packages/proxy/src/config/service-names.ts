// Services by the names a caller may use, from the same virtual hosts that outbound requests are
// matched with: what DNS answers and what HTTP accepts cannot differ.

import { matchVirtualHost, type NamedPortRow, type Tables } from "@weft/rules";

export interface NamedService {
  readonly service: string;
  readonly namespace: string;
  readonly ports: readonly NamedPortRow[];
  /** It has no address of its own: its name stands for the addresses of its endpoints. */
  readonly isHeadless: boolean;
}

export interface NamedEndpoint {
  /** Name of the Workload, without its namespace. */
  readonly workload: string;
  readonly address: string;
}

/** The service of that (lower-case) name, as callers of this proxy's namespace may write it. */
export function findService(tables: Tables, name: string): NamedService | null {
  const http = tables.listeners.get("outbound")?.plainChain?.http ?? null;
  const table = http?.routes ?? tables.routes.get(http?.routesName ?? "");
  if (table === undefined) return null;
  // Port 0 is no service's: the answer is the host that stands for all the other ports.
  const row = matchVirtualHost(table, `${name}:0`);
  return row === null || row.service === "" || row.port !== 0 ? null : row;
}

/** Ready endpoints of all its ports, each address once, in the order of the tables. */
export function endpointsOf(tables: Tables, found: NamedService, domain: string): NamedEndpoint[] {
  const byAddress = new Map<string, NamedEndpoint>();
  for (const { port } of found.ports) {
    const name = `${found.service}.${found.namespace}.svc.${domain}:${port}`;
    for (const { address, workload, health } of tables.endpoints.get(name)?.rows ?? []) {
      if (health !== "healthy" && health !== "degraded") continue;
      const short = workload.slice(workload.indexOf("/") + 1);
      byAddress.set(`${short} ${address}`, { workload: short, address });
    }
  }
  return [...byAddress.values()];
}
