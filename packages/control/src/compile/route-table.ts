// The route table of a caller's namespace: the virtual hosts of every service, spliced from their
// encoded bytes, and what becomes of names outside the mesh.

import { typeUrls } from "@weft/xds";
import {
  Route,
  RouteAction,
  VirtualHost,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { Model } from "../model/model.ts";
import type { ClientClass } from "./client-class.ts";
import type { ClusterChoice } from "./clusters.ts";
import { alsoForConnect, forwardRoutes, loopHost } from "./forward-proxy.ts";
import { directRoute } from "./http-routes.ts";
import { compileMatch } from "./http-match.ts";
import { PASSTHROUGH_CLUSTER, routeTableName } from "./names.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { type CompiledResource, digestOf, type ResourceRef, splicedResource } from "./resource.ts";
import { meshConfigOf } from "./settings.ts";
import { duration } from "./typed-config.ts";
import { type HostBytes, hostField } from "./virtual-hosts.ts";

const IDLE_MS = 300_000;

/** A virtual host in the form that the callers of a table see. */
export interface SeenVirtualHost extends HostBytes {
  readonly clusters: readonly ClusterChoice[];
}

/** For whom a table is. */
export interface TableKey {
  readonly client: ClientClass;
  readonly namespace: string;
  /** Where the proxy takes outbound traffic. */
  readonly port: number;
}

/** `envoy.config.route.v3.RouteConfiguration`: name = 1, virtual_hosts = 2. */
export function compileRouteTable(
  model: Model,
  { client, namespace, port }: TableKey,
  hosts: readonly SeenVirtualHost[],
): CompiledResource {
  const name = routeTableName(namespace);
  const clusters = new Set<string>();
  for (const host of hosts) for (const cluster of host.clusters) clusters.add(cluster.name);
  const isOpen = meshConfigOf(model)?.spec.outbound !== "RegistryOnly";
  // Every Envoy has a cluster of its own for names outside.
  if (isOpen && client !== "envoy") clusters.add(PASSTHROUGH_CLUSTER);
  const named = new ProtoWriter(64).string(1, name).finish();
  const parts = [{ bytes: named, digest: digestOf(named) }, ...hosts];
  if (client === "envoy") parts.push(encoded(loopHost(port)));
  parts.push(outsideHost(isOpen, client));
  const refs = [...clusters].map(
    (cluster): ResourceRef => ({ typeUrl: typeUrls.cluster, name: cluster }),
  );
  return splicedResource(typeUrls.route, name, parts, refs);
}

function outsideHost(isOpen: boolean, client: ClientClass): HostBytes {
  const host = VirtualHost.fromPartial({ name: "outbound-any", domains: ["*"] });
  if (client === "envoy") host.routes = isOpen ? forwardRoutes() : alsoForConnect(refusalRoute());
  else host.routes = [isOpen ? passthroughRoute() : refusalRoute()];
  return encoded(host);
}

function encoded(host: VirtualHost): HostBytes {
  return hostField(VirtualHost.encode(host).finish());
}

function refusalRoute(): Route {
  const body =
    "the name is no service of the mesh, and MeshConfig allows no other (RegistryOnly)\n";
  return directRoute("registry-only", 502, body, { flag: "RO" });
}

function passthroughRoute(): Route {
  const action = RouteAction.fromPartial({
    clusterSpecifier: { $case: "cluster", cluster: PASSTHROUGH_CLUSTER },
    timeout: duration(0),
    idleTimeout: duration(IDLE_MS),
  });
  const route = Route.fromPartial({ name: "passthrough", match: compileMatch({}) });
  route.action = { $case: "route", route: action };
  return route;
}
