// Resources as the rows that `weft proxy` shows, for an agent whose proxy is not the built-in one.

import {
  type ClusterRow,
  compileChanges,
  emptyTables,
  type EndpointRow,
  type ListenerRow,
  type ResourceChange,
  type RouteTable,
  transportFor,
} from "@weft/rules";

export interface ResourceRows {
  readonly listeners: readonly ListenerRow[];
  readonly routes: readonly RouteTable[];
  readonly clusters: readonly ClusterRow[];
  readonly endpoints: readonly EndpointOfCluster[];
  /** Resources that have no row, each with the reason. */
  readonly unshown: readonly string[];
}

export interface EndpointOfCluster {
  readonly cluster: string;
  readonly row: EndpointRow;
  readonly mtls: boolean;
}

export function resourceRows(changes: readonly ResourceChange[]): ResourceRows {
  const { errors, tables } = compileChanges(emptyTables, changes);
  const endpoints: EndpointOfCluster[] = [];
  for (const cluster of tables.clusters.values()) {
    const table = tables.endpoints.get(cluster.endpointsName ?? "") ?? cluster.endpoints;
    for (const row of table?.rows ?? []) {
      const mtls = transportFor(cluster, row)?.tls != null;
      endpoints.push({ cluster: cluster.name, row, mtls });
    }
  }
  return {
    listeners: [...tables.listeners.values()],
    routes: [...tables.routes.values()],
    clusters: [...tables.clusters.values()],
    endpoints,
    unshown: errors.map(({ reason, resource }) => `${resource}: ${reason}`),
  };
}
