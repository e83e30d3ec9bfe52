// Resources in the shape the control plane sends them, for tests, fuzz runs and benchmarks.

import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import type {
  Route,
  VirtualHost,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { Secret } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/secret.js";
import { type Compiled, compileChanges, emptyTables, type Tables } from "./compile.ts";
import type { RequestView } from "./match.ts";
import type { RouteTable } from "./route-table.ts";
import type { RouteRow } from "./tables.ts";

export const sampleTypes = {
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
} as const;

export type SampleKind = keyof typeof sampleTypes;

const encoders: Readonly<Record<SampleKind, unknown>> = {
  listener: Listener,
  route: RouteConfiguration,
  cluster: Cluster,
  endpoint: ClusterLoadAssignment,
  secret: Secret,
};

/** What `fromPartial` of a message takes. */
export type Partly<T> = T extends readonly (infer Item)[]
  ? readonly Partly<Item>[]
  : T extends Uint8Array | bigint
    ? T
    : T extends object
      ? { readonly [Key in keyof T]?: Partly<T[Key]> }
      : T;

export function sampleBytes(kind: SampleKind, message: object): Uint8Array {
  const encoder = encoders[kind] as {
    fromPartial(message: object): unknown;
    encode(message: unknown): { finish(): Uint8Array };
  };
  return encoder.encode(encoder.fromPartial(message)).finish();
}

/** Compiles one resource over `tables`. */
export function compileSample(
  kind: SampleKind,
  name: string,
  message: object | Uint8Array,
  tables: Tables = emptyTables,
): Compiled {
  const resource = message instanceof Uint8Array ? message : sampleBytes(kind, message);
  const changed = [{ name, version: "1", resource }];
  return compileChanges(tables, [{ typeUrl: sampleTypes[kind], changed, removed: [] }]);
}

/** `Kind name: field: reason` of each error. */
export function refusals(compiled: Compiled): string[] {
  return compiled.errors.map((e) => `${e.resource}: ${e.field}: ${e.reason}`);
}

/** The table of these virtual hosts; throws what was refused. */
export function sampleTable(
  virtualHosts: readonly Partly<VirtualHost>[],
  rest: Partly<RouteConfiguration> = {},
): RouteTable {
  const compiled = compileSample("route", "t", { ...rest, name: "t", virtualHosts });
  const table = compiled.tables.routes.get("t");
  if (compiled.errors.length > 0 || table === undefined) throw new Error(refusals(compiled).join());
  return table;
}

/** The rows of these routes in one virtual host. */
export function sampleRoutes(...routes: readonly Partly<Route>[]): readonly RouteRow[] {
  const table = sampleTable([{ name: "v", domains: ["*"], routes }]);
  return table.virtualHosts[0]?.routes ?? [];
}

/** A route action to the cluster `c`. */
export const toCluster: Partly<Route> = {
  action: { $case: "route", route: { clusterSpecifier: { $case: "cluster", cluster: "c" } } },
};

/** A row as it prints: plain fields, without class or indexes. */
export function printed(row: unknown): unknown {
  return JSON.parse(JSON.stringify(row)) as unknown;
}

export function requestView(fields: Partial<RequestView> = {}): RequestView {
  return {
    method: "GET",
    path: "/",
    query: "",
    authority: "shop.test",
    scheme: "",
    headers: [],
    ...fields,
  };
}

/** An endpoint of a meshed workload as EDS carries it. */
export function sampleEndpoint(address: string, port: number, weight = 1): object {
  return {
    hostIdentifier: {
      $case: "endpoint",
      endpoint: {
        address: {
          address: {
            $case: "socketAddress",
            socketAddress: { address, portSpecifier: { $case: "portValue", portValue: port } },
          },
        },
      },
    },
    healthStatus: 1,
    loadBalancingWeight: weight,
    metadata: {
      filterMetadata: {
        "dev.weft": {
          identity: "spiffe://weft.local/ns/shop/sa/catalog",
          version: "v1",
          workload: `shop/catalog-${port}`,
        },
        "envoy.transport_socket_match": { tlsMode: "mtls" },
      },
    },
  };
}
