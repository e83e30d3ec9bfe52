// What Envoy runs as the rows that the built-in proxy would show: the resources are the same but
// for how names outside the mesh are looked up, which is taken out before they are read.

import { resourceRows, type ResourceRows } from "@weft/proxy";
import { type HeldResources, typeUrls } from "@weft/xds";
import {
  Cluster,
  Cluster_DiscoveryType,
} from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { HttpConnectionManager } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";

const forwardFilter = "envoy.filters.http.dynamic_forward_proxy";
const managerFilter = "envoy.filters.network.http_connection_manager";

export function rowsOf(held: HeldResources): ResourceRows {
  const plain = new Map([
    [typeUrls.cluster as string, plainCluster],
    [typeUrls.listener as string, plainListener],
  ]);
  // Clusters before the endpoints that are told by them.
  const ordered = Object.values(typeUrls).flatMap((typeUrl) => {
    const kept = held.get(typeUrl);
    if (kept === undefined) return [];
    const read = plain.get(typeUrl) ?? ((bytes: Uint8Array) => bytes);
    const changed = Array.from(kept.values(), (one) => ({ ...one, resource: read(one.resource) }));
    return [{ typeUrl, changed, removed: [] }];
  });
  return resourceRows(ordered);
}

/** Looks names up by itself; to the built-in proxy that is a cluster that dials what it is told. */
function plainCluster(bytes: Uint8Array): Uint8Array {
  const cluster = Cluster.decode(bytes);
  if (cluster.clusterDiscoveryType?.$case !== "clusterType") return bytes;
  cluster.clusterDiscoveryType = { $case: "type", type: Cluster_DiscoveryType.ORIGINAL_DST };
  return Cluster.encode(cluster).finish();
}

function plainListener(bytes: Uint8Array): Uint8Array {
  const listener = Listener.decode(bytes);
  let isPlain = true;
  for (const { filters } of listener.filterChains) {
    for (const { configType, name } of filters) {
      if (name !== managerFilter || configType?.$case !== "typedConfig") continue;
      const manager = HttpConnectionManager.decode(configType.typedConfig.value);
      const kept = manager.httpFilters.filter((filter) => filter.name !== forwardFilter);
      if (kept.length === manager.httpFilters.length) continue;
      isPlain = false;
      manager.httpFilters = kept;
      configType.typedConfig.value = Buffer.from(HttpConnectionManager.encode(manager).finish());
    }
  }
  return isPlain ? bytes : Listener.encode(listener).finish();
}
