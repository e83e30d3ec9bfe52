// What Envoys alone are told about names outside the mesh.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import type { Route } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { HttpConnectionManager } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { decode, Mesh, outcome, service } from "./fixture.test.ts";

function envoyMesh(): Mesh {
  const mesh = new Mesh();
  mesh.compiler.addClass("envoy");
  mesh.put(service("catalog")).compile();
  return mesh;
}

function filtersOf(mesh: Mesh, client: "builtin" | "envoy"): string[] {
  const listener = decode(mesh.compiler.outboundListener(client, "shop"), Listener);
  const config = listener.filterChains[0]?.filters[0]?.configType;
  assert.equal(config?.$case, "typedConfig");
  return HttpConnectionManager.decode(config.typedConfig.value).httpFilters.map(({ name }) => name);
}

const label = (one: Route): string =>
  `${one.match?.pathSpecifier?.$case === "connectMatcher" ? "CONNECT " : ""}${outcome(one)}`;

test("Envoys look names up; the built-in proxy dials what a request names", () => {
  const mesh = envoyMesh();
  assert.deepEqual(filtersOf(mesh, "envoy"), [
    "envoy.filters.http.dynamic_forward_proxy",
    "envoy.filters.http.router",
  ]);
  assert.deepEqual(filtersOf(mesh, "builtin"), ["envoy.filters.http.router"]);
  const [own, ...more] = mesh.compiler.classClusters("envoy");
  assert.equal(more.length, 0);
  assert.equal(decode(own ?? assert.fail(), Cluster).name, "passthrough-by-name");
  assert.deepEqual(mesh.compiler.classClusters("builtin"), []);
  const outside = mesh.host("shop", "outbound-any", "envoy");
  assert.deepEqual(outside.routes.map(label), [
    "CONNECT passthrough-by-name",
    "passthrough-by-name",
  ]);
  assert.deepEqual(mesh.host("shop", "outbound-any").routes.map(label), ["passthrough"]);
});

test("RegistryOnly refuses requests and tunnels", () => {
  const mesh = envoyMesh();
  mesh.put({ kind: "MeshConfig", name: "default", spec: { outbound: "RegistryOnly" } }).compile();
  const outside = mesh.host("shop", "outbound-any", "envoy");
  assert.deepEqual(outside.routes.map(label), ["CONNECT 502", "502"]);
});

test("a request that would come back is refused, at the port that Envoy has", () => {
  const mesh = envoyMesh();
  const domainsAt = (port?: number): string[] => {
    const table = decode(mesh.compiler.routeTable("envoy", "shop", port), RouteConfiguration);
    const loop = table.virtualHosts.find(({ name }) => name === "outbound-loop");
    assert.deepEqual(loop?.routes.map(label), ["CONNECT 508", "508"]);
    return loop?.domains ?? [];
  };
  assert.deepEqual(domainsAt(), ["127.0.0.1:15001", "localhost:15001", "[::1]:15001"]);
  assert.deepEqual(domainsAt(15_101), ["127.0.0.1:15101", "localhost:15101", "[::1]:15101"]);
  const names = mesh.table("shop").virtualHosts.map(({ name }) => name);
  assert.ok(!names.includes("outbound-loop"));
});
