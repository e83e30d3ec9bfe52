// Envoy resources in short hand for the interop test: a mesh of clusters over echo servers, one of
// them behind TLS whose trust bundle comes by SDS, one listener, one route configuration.

import {
  type EncodedResource,
  encodeResource,
  resourceMap,
  type Snapshot,
  typeUrls,
} from "@weft/xds";
import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import type { Address } from "@weft/xds/messages/envoy/config/core/v3/address.js";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import { Router } from "@weft/xds/messages/envoy/extensions/filters/http/router/v3/router.js";
// tidy: long, because a module path cannot be broken.
import { HttpConnectionManager } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { Secret } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/secret.js";
// tidy: long, because a module path cannot be broken.
import { UpstreamTlsContext } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/tls.js";

export interface WantedCluster {
  readonly name: string;
  readonly connectTimeoutMs: number;
  readonly ports: readonly number[];
  /** The SPIFFE ID its endpoints must prove; null for plaintext. */
  readonly spiffeId: string | null;
}

export interface WantedMesh {
  readonly listenerPort: number;
  /** A change of it makes another listener. */
  readonly statPrefix: string;
  /** Each has a route `/<name>`. */
  readonly clusters: readonly WantedCluster[];
  /** The cluster of the route `/moving`; the one it leaves goes in the same snapshot. */
  readonly movingTo: string;
  readonly timeoutMs: number;
  /** Roots in the bundle secret; may come with any number of others. */
  readonly rootsPem: string;
}

const ads = {
  configSourceSpecifier: { $case: "ads", ads: {} },
  resourceApiVersion: 2,
} as const;

export function makeSnapshot(version: string, mesh: WantedMesh): Snapshot {
  return {
    version,
    resources: new Map([
      [typeUrls.cluster, resourceMap(mesh.clusters.map(cluster))],
      [typeUrls.endpoint, resourceMap(mesh.clusters.map(endpoints))],
      [typeUrls.listener, resourceMap([listener(mesh)])],
      [typeUrls.route, resourceMap([route(mesh)])],
      [typeUrls.secret, resourceMap([bundle(mesh)])],
    ]),
  };
}

function cluster(wanted: WantedCluster): EncodedResource {
  const { name, connectTimeoutMs, spiffeId } = wanted;
  const message = Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: "type", type: 3 },
    edsClusterConfig: { edsConfig: ads, serviceName: `${name}-endpoints` },
    connectTimeout: { seconds: 1n, nanos: connectTimeoutMs * 1_000_000 },
    ...(spiffeId !== null && { transportSocket: tls(spiffeId) }),
  });
  return encodeResource(typeUrls.cluster, name, Cluster.encode(message).finish());
}

function tls(spiffeId: string): {
  name: string;
  configType: { $case: "typedConfig"; typedConfig: { typeUrl: string; value: Buffer } };
} {
  const context = UpstreamTlsContext.fromPartial({
    commonTlsContext: {
      validationContextType: {
        $case: "combinedValidationContext",
        combinedValidationContext: {
          defaultValidationContext: {
            matchTypedSubjectAltNames: [
              { sanType: 3, matcher: { matchPattern: { $case: "exact", exact: spiffeId } } },
            ],
          },
          validationContextSdsSecretConfig: { name: "bundle", sdsConfig: ads },
        },
      },
    },
  });
  const typeUrl =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
  return typed("envoy.transport_sockets.tls", typeUrl, UpstreamTlsContext.encode(context).finish());
}

function endpoints(wanted: WantedCluster): EncodedResource {
  const name = `${wanted.name}-endpoints`;
  const message = ClusterLoadAssignment.fromPartial({
    clusterName: name,
    endpoints: [
      {
        locality: { region: "here" },
        loadBalancingWeight: Math.max(1, wanted.ports.length),
        lbEndpoints: wanted.ports.map((port) => ({
          hostIdentifier: { $case: "endpoint" as const, endpoint: { address: loopback(port) } },
          healthStatus: 1 as const,
          loadBalancingWeight: 1,
        })),
      },
    ],
  });
  return encodeResource(typeUrls.endpoint, name, ClusterLoadAssignment.encode(message).finish());
}

function listener(mesh: WantedMesh): EncodedResource {
  const prefix = "type.googleapis.com/envoy.extensions.filters";
  const router = Router.encode(Router.fromPartial({})).finish();
  const manager = HttpConnectionManager.fromPartial({
    statPrefix: mesh.statPrefix,
    routeSpecifier: { $case: "rds", rds: { routeConfigName: "outbound", configSource: ads } },
    httpFilters: [typed("envoy.filters.http.router", `${prefix}.http.router.v3.Router`, router)],
  });
  const message = Listener.fromPartial({
    name: "outbound",
    address: loopback(mesh.listenerPort),
    filterChains: [
      {
        filters: [
          typed(
            "envoy.filters.network.http_connection_manager",
            `${prefix}.network.http_connection_manager.v3.HttpConnectionManager`,
            HttpConnectionManager.encode(manager).finish(),
          ),
        ],
      },
    ],
  });
  return encodeResource(typeUrls.listener, "outbound", Listener.encode(message).finish());
}

function route(mesh: WantedMesh): EncodedResource {
  const seconds = BigInt(Math.floor(mesh.timeoutMs / 1000));
  const named = mesh.clusters.map(({ name }) => ({ path: name, cluster: name }));
  const message = RouteConfiguration.fromPartial({
    name: "outbound",
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [...named, { path: "moving", cluster: mesh.movingTo }].map(({ path, cluster }) => ({
          name: path,
          match: { pathSpecifier: { $case: "prefix" as const, prefix: `/${path}` } },
          action: {
            $case: "route" as const,
            route: {
              clusterSpecifier: { $case: "cluster" as const, cluster },
              timeout: { seconds, nanos: 0 },
            },
          },
        })),
      },
    ],
  });
  return encodeResource(typeUrls.route, "outbound", RouteConfiguration.encode(message).finish());
}

function bundle(mesh: WantedMesh): EncodedResource {
  const message = Secret.fromPartial({
    name: "bundle",
    type: {
      $case: "validationContext",
      validationContext: {
        trustedCa: {
          specifier: { $case: "inlineString", inlineString: mesh.rootsPem },
        },
      },
    },
  });
  return encodeResource(typeUrls.secret, "bundle", Secret.encode(message).finish());
}

function loopback(port: number): Address {
  return {
    address: {
      $case: "socketAddress",
      socketAddress: {
        protocol: 0,
        address: "127.0.0.1",
        portSpecifier: { $case: "portValue", portValue: port },
        resolverName: "",
        ipv4Compat: false,
        networkNamespaceFilepath: "",
      },
    },
  } as Address;
}

function typed(
  name: string,
  typeUrl: string,
  message: Uint8Array,
): {
  name: string;
  configType: { $case: "typedConfig"; typedConfig: { typeUrl: string; value: Buffer } };
} {
  const value = Buffer.from(message);
  return { name, configType: { $case: "typedConfig", typedConfig: { typeUrl, value } } };
}
