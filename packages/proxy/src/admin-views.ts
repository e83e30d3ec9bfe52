// The rows a worker really runs, as JSON: what `weft proxy` and the admin port show.

import type { Tables } from "@weft/rules";
import type { Current } from "./config/current.ts";

export function listenersOf(tables: Tables): unknown[] {
  return [...tables.listeners.values()];
}

export function routesOf(tables: Tables): unknown[] {
  return [...tables.routes.values()];
}

export function clustersOf(tables: Tables): unknown[] {
  return [...tables.clusters.values()];
}

/** One entry per endpoint, with what this worker has open to it. */
export interface EndpointView {
  readonly cluster: string;
  readonly address: string;
  readonly health: string;
  readonly weight: number;
  readonly workload: string;
  readonly identity: string;
  readonly version: string;
  readonly mtls: boolean;
  readonly openConnections: number;
  readonly activeRequests: number;
  /** Why the last connection to it failed; "" since one succeeded. */
  readonly lastFailure: string;
}

export function endpointsOf(current: Current): EndpointView[] {
  const views: EndpointView[] = [];
  for (const cluster of current.clusters.values()) {
    for (const endpoint of cluster.endpoints) {
      const { row } = endpoint;
      views.push({
        cluster: cluster.name,
        address: row.key,
        health: row.health,
        weight: row.weight,
        workload: row.workload,
        identity: row.identity,
        version: row.version,
        mtls: endpoint.isMtls,
        openConnections: endpoint.openCount,
        activeRequests: endpoint.activeCount,
        lastFailure: endpoint.lastFailure,
      });
    }
  }
  return views;
}
