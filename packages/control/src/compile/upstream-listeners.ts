// The loopback ports of `--upstream` for Envoys: one listener, bound to one service whatever the
// Host says. The built-in proxy makes its own; an Envoy has what it is sent. Routes stand in a
// table of their own, so that a change of them does not replace the listener and its connections.

import { type NodeUpstream, typeUrls } from "@weft/xds";
import { TrafficDirection } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import type { Filter } from "@weft/xds/messages/envoy/config/listener/v3/listener_components.js";
import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import { VirtualHost } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { TcpProxy } from "@weft/xds/messages/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js";
import { type Model, objectKey } from "../model/model.ts";
import type { Protocol } from "../model/protocol.ts";
import { meshServiceAt, type ServicePort, servicePortsOf } from "../model/service-ports.ts";
import { directRoute } from "./http-routes.ts";
import { routedFilter, tcpProxyFilter } from "./listeners.ts";
import { INVALID_CLUSTER, servicePortName, upstreamListenerName } from "./names.ts";
import { type CompiledResource, compiledResource, type ResourceRef } from "./resource.ts";
import { socketAddress } from "./typed-config.ts";
import type { CompiledVirtualHost } from "./virtual-hosts.ts";

export interface CompiledUpstream {
  readonly listener: CompiledResource;
  /** Null where bytes are passed on unread. */
  readonly table: CompiledResource | null;
}

const LOOPBACK = "127.0.0.1";
const HTTP_PORT = 80;

/** `hosts` are the service's, as the caller's namespace sees them. */
export function compileUpstream(
  model: Model,
  upstream: NodeUpstream,
  hosts: readonly CompiledVirtualHost[],
): CompiledUpstream {
  const { name, namespace, service } = upstream;
  const port = portOf(model, upstream);
  const hostName = port === null ? "" : servicePortName(namespace, service, port.port);
  const compiled = hosts.find((host) => host.name === hostName) ?? null;
  const host = compiled === null ? nobody(upstream) : messageOf(compiled);
  const refs = (compiled?.clusters ?? []).map(
    (cluster): ResourceRef => ({ typeUrl: typeUrls.cluster, name: cluster.name }),
  );
  const listenerName = upstreamListenerName(name);
  if (protocolOf(host) === "tcp") {
    return { listener: listenerWith(upstream, tcpFilter(listenerName, host), refs), table: null };
  }
  host.domains = ["*"];
  const table = RouteConfiguration.fromPartial({ name: listenerName });
  table.virtualHosts = [host];
  const bytes = RouteConfiguration.encode(table).finish();
  const filter = routedFilter(listenerName, listenerName);
  const toTable = [{ typeUrl: typeUrls.route, name: listenerName }];
  return {
    listener: listenerWith(upstream, filter, toTable),
    table: compiledResource(typeUrls.route, listenerName, bytes, refs),
  };
}

/** Without a port: the service's only one, else 80, else its first. */
function portOf(model: Model, { namespace, port, service }: NodeUpstream): ServicePort | null {
  const found = meshServiceAt(model, objectKey(namespace, service));
  if (found === undefined) return null;
  const ports = servicePortsOf(model, found);
  const wanted = port === 0 ? HTTP_PORT : port;
  const named = ports.find((one) => one.port === wanted) ?? null;
  return named ?? (port === 0 ? (ports[0] ?? null) : null);
}

/** Its encoded form is the field of a table. */
function messageOf({ own }: CompiledVirtualHost): VirtualHost {
  const [host] = RouteConfiguration.decode(own.bytes).virtualHosts;
  return host ?? VirtualHost.fromPartial({});
}

function protocolOf(host: VirtualHost): Protocol {
  const { protocol } = host.metadata?.filterMetadata["dev.weft"] ?? {};
  return protocol as Protocol;
}

function nobody({ namespace, service }: NodeUpstream): VirtualHost {
  const host = VirtualHost.fromPartial({ name: "absent" });
  const body = `service ${service}.${namespace} does not exist (yet)\n`;
  host.routes = [directRoute("absent", 503, body, { flag: "NS" })];
  return host;
}

/** Where the port's tunnel goes. */
function tcpFilter(name: string, host: VirtualHost): Filter {
  const action = host.routes[0]?.action;
  const route = action?.$case === "route" ? action.route : null;
  const specifier = route?.clusterSpecifier;
  const proxy = TcpProxy.fromPartial({ statPrefix: name, idleTimeout: route?.idleTimeout });
  if (specifier?.$case === "weightedClusters") {
    const clusters = specifier.weightedClusters.clusters.map((one) => ({
      name: one.name,
      weight: one.weight ?? 0,
    }));
    const weightedClusters = TcpProxy.fromPartial({
      clusterSpecifier: { $case: "weightedClusters", weightedClusters: { clusters } },
    }).clusterSpecifier;
    proxy.clusterSpecifier = weightedClusters;
  } else {
    const cluster = specifier?.$case === "cluster" ? specifier.cluster : INVALID_CLUSTER;
    proxy.clusterSpecifier = { $case: "cluster", cluster };
  }
  return tcpProxyFilter(proxy);
}

function listenerWith(
  { listenPort, name }: NodeUpstream,
  filter: Filter,
  refs: readonly ResourceRef[],
): CompiledResource {
  const listenerName = upstreamListenerName(name);
  const listener = Listener.fromPartial({
    name: listenerName,
    address: socketAddress(LOOPBACK, listenPort),
    statPrefix: "upstream",
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [{ filters: [filter] }],
  });
  const bytes = Listener.encode(listener).finish();
  return compiledResource(typeUrls.listener, listenerName, bytes, refs);
}
