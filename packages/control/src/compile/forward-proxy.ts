// Names outside the mesh, for Envoy. The built-in proxy dials the authority a request names; Envoy
// has no such cluster, but a forward proxy that looks the name up: a cluster, and a filter in front
// of it that share a DNS cache. All of it is for Envoys alone.

import { typeUrls } from "@weft/xds";
import {
  Cluster,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
} from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import {
  Route,
  RouteAction,
  RouteAction_UpgradeConfig,
  RouteMatch,
  VirtualHost,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { ClusterConfig } from "@weft/xds/messages/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.js";
import { DnsCacheConfig } from "@weft/xds/messages/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.js";
import { FilterConfig } from "@weft/xds/messages/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.js";
import type { HttpFilter } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { compileMatch } from "./http-match.ts";
import { directRoute } from "./http-routes.ts";
import { FORWARD_CLUSTER } from "./names.ts";
import { type CompiledResource, compiledResource } from "./resource.ts";
import { duration, typed } from "./typed-config.ts";

const CONNECT_MS = 5_000;
const IDLE_MS = 300_000;
const dnsCache = DnsCacheConfig.fromPartial({
  name: "outside",
  // Every address of a name, the next where one does not answer.
  dnsLookupFamily: Cluster_DnsLookupFamily.ALL,
});

export function compileForwardCluster(): CompiledResource {
  const config = ClusterConfig.fromPartial({
    clusterImplementationSpecifier: { $case: "dnsCacheConfig", dnsCacheConfig: dnsCache },
  });
  const message = Cluster.fromPartial({
    name: FORWARD_CLUSTER,
    clusterDiscoveryType: {
      $case: "clusterType",
      clusterType: {
        name: "envoy.clusters.dynamic_forward_proxy",
        typedConfig: typed(
          "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig",
          ClusterConfig.encode(config),
        ),
      },
    },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: duration(CONNECT_MS),
  });
  const bytes = Cluster.encode(message).finish();
  return compiledResource(typeUrls.cluster, FORWARD_CLUSTER, bytes, []);
}

/** Looks names up before the router; requests to other clusters pass it by. */
export function forwardFilter(): HttpFilter {
  const config = FilterConfig.fromPartial({
    implementationSpecifier: { $case: "dnsCacheConfig", dnsCacheConfig: dnsCache },
  });
  const type = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig";
  return {
    name: "envoy.filters.http.dynamic_forward_proxy",
    configType: { $case: "typedConfig", typedConfig: typed(type, FilterConfig.encode(config)) },
    isOptional: false,
    disabled: false,
  };
}

/** Whatever no service is called: tunnels by CONNECT, the rest by request. */
export function forwardRoutes(): Route[] {
  const tunnel = connectOnly("passthrough-tunnel");
  tunnel.action = {
    $case: "route",
    route: forward([
      RouteAction_UpgradeConfig.fromPartial({ upgradeType: "CONNECT", connectConfig: {} }),
    ]),
  };
  const rest = Route.fromPartial({ name: "passthrough", match: compileMatch({}) });
  rest.action = { $case: "route", route: forward([]) };
  return [tunnel, rest];
}

/** A route that answers by itself does so to CONNECT as well only when told. */
export function alsoForConnect(route: Route): Route[] {
  const tunnel = connectOnly(`${route.name}-tunnel`);
  tunnel.action = route.action;
  tunnel.responseHeadersToAdd = route.responseHeadersToAdd;
  tunnel.metadata = route.metadata;
  return [tunnel, route];
}

/** A request to the proxy's own outbound listener would be forwarded for ever. */
export function loopHost(port: number): VirtualHost {
  const domains = ["127.0.0.1", "localhost", "[::1]"].map((host) => `${host}:${port}`);
  const host = VirtualHost.fromPartial({ name: "outbound-loop", domains });
  const body = "the request would come back to this listener\n";
  host.routes = alsoForConnect(directRoute("loop", 508, body, { flag: "LP" }));
  return host;
}

function connectOnly(name: string): Route {
  return Route.fromPartial({
    name,
    match: RouteMatch.fromPartial({
      pathSpecifier: { $case: "connectMatcher", connectMatcher: {} },
    }),
  });
}

function forward(upgradeConfigs: RouteAction["upgradeConfigs"]): RouteAction {
  return RouteAction.fromPartial({
    clusterSpecifier: { $case: "cluster", cluster: FORWARD_CLUSTER },
    timeout: duration(0),
    idleTimeout: duration(IDLE_MS),
    upgradeConfigs,
  });
}
