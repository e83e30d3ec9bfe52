import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeUpstream } from "@weft/xds";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import type { VirtualHost } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { TcpProxy } from "@weft/xds/messages/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js";
import { decode, Mesh, route, service, workload } from "./fixture.test.ts";

const catalog: NodeUpstream = {
  name: "catalog",
  service: "catalog",
  namespace: "shop",
  port: 0,
  listenPort: 20_001,
};

function upstreamOf(
  mesh: Mesh,
  upstream: NodeUpstream,
): { listener: Listener; host: VirtualHost | null } {
  mesh.compiler.addClass("envoy");
  mesh.compile();
  const [made] = mesh.compiler.upstreams("envoy", "shop", [upstream]);
  assert.ok(made);
  const table = made.table === null ? null : decode(made.table, RouteConfiguration);
  return { listener: decode(made.listener, Listener), host: table?.virtualHosts[0] ?? null };
}

test("an upstream's port goes to its service, whatever the Host says", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog"), workload("a", "catalog"));
  mesh.put(
    route("r", ["catalog"], [{ name: "all", backendRefs: [{ name: "catalog", port: 80 }] }]),
  );
  const { host, listener } = upstreamOf(mesh, catalog);
  assert.equal(listener.name, "upstream/catalog");
  const address = listener.address?.address;
  assert.equal(address?.$case, "socketAddress");
  assert.equal(address.socketAddress.address, "127.0.0.1");
  assert.deepEqual(address.socketAddress.portSpecifier, { $case: "portValue", portValue: 20_001 });
  assert.deepEqual(host?.domains, ["*"]);
  assert.deepEqual(
    host.routes.map(({ name }) => name).filter((name) => name.startsWith("shop/r/")),
    host.routes.map(({ name }) => name).filter((name) => name !== "no-match"),
  );
});

test("a service that does not exist is 503 until it does; the listener stays the same", () => {
  const mesh = new Mesh();
  const before = upstreamOf(mesh, catalog);
  const [absent] = before.host?.routes ?? [];
  assert.equal(absent?.action?.$case, "directResponse");
  assert.equal(absent.action.directResponse.status, 503);
  mesh.put(service("catalog"), workload("a", "catalog"));
  const after = upstreamOf(mesh, catalog);
  assert.equal(after.host?.name, "catalog.shop.svc.cluster.local:80");
  assert.deepEqual(after.listener, before.listener);
});

test("bytes of a TCP service are passed on unread", () => {
  const mesh = new Mesh();
  const ports = [{ name: "db", port: 5432, appProtocol: "tcp" }];
  mesh.put(service("catalog", { ports }), workload("a", "catalog"));
  const { host, listener } = upstreamOf(mesh, catalog);
  assert.equal(host, null);
  const config = listener.filterChains[0]?.filters[0]?.configType;
  assert.equal(config?.$case, "typedConfig");
  const specifier = TcpProxy.decode(config.typedConfig.value).clusterSpecifier;
  assert.deepEqual(specifier, {
    $case: "cluster",
    cluster: "catalog.shop.svc.cluster.local:5432",
  });
});
