import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { Router } from "@weft/xds/messages/envoy/extensions/filters/http/router/v3/router.js";
import { HttpConnectionManager } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { TcpProxy } from "@weft/xds/messages/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js";
import { DownstreamTlsContext } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/tls.js";
import {
  decode,
  Mesh,
  outcome,
  peerAuthentication,
  service,
  trafficPolicy,
  weft,
  workload,
} from "./fixture.test.ts";

const PORTS = [
  { name: "http", port: 8080, meshPort: 15_006 },
  { name: "db", port: 5432, protocol: "TCP", meshPort: 15_007 },
  { name: "debug", port: 9229 },
];

function inboundOf(mesh: Mesh, name: string): Listener {
  mesh.compile();
  const found = mesh.inbound("shop/a").get(name);
  assert.ok(found, `no listener ${name}`);
  return found;
}

function managerOf(listener: Listener): HttpConnectionManager {
  const config = listener.filterChains[0]?.filters[0]?.configType;
  assert.equal(config?.$case, "typedConfig");
  return HttpConnectionManager.decode(config.typedConfig.value);
}

function portOf(listener: Listener): number {
  const address = listener.address?.address;
  assert.equal(address?.$case, "socketAddress");
  const specifier = address.socketAddress.portSpecifier;
  assert.equal(specifier?.$case, "portValue");
  return specifier.portValue;
}

test("the outbound listener takes its routes by the caller's namespace", () => {
  const listener = decode(new Mesh().compiler.outboundListener("builtin", "shop"), Listener);
  assert.equal(listener.name, "outbound");
  assert.equal(listener.trafficDirection, 2);
  const manager = managerOf(listener);
  assert.equal(manager.routeSpecifier?.$case, "rds");
  assert.equal(manager.routeSpecifier.rds.routeConfigName, "outbound/shop");
  assert.equal(manager.upgradeConfigs[0]?.upgradeType, "websocket");
  assert.equal(manager.httpFilters.at(-1)?.name, "envoy.filters.http.router");
  assert.equal(portOf(listener), 15_001);
});

test("what is matched is the spelling that is forwarded, and Envoy adds nothing of its own", () => {
  const manager = managerOf(
    decode(new Mesh().compiler.outboundListener("builtin", "shop"), Listener),
  );
  assert.deepEqual([manager.normalizePath, manager.mergeSlashes], [true, true]);
  assert.equal(manager.pathWithEscapedSlashesAction, 2);
  const router = manager.httpFilters.at(-1)?.configType;
  assert.equal(router?.$case, "typedConfig");
  assert.equal(Router.decode(router.typedConfig.value).suppressEnvoyHeaders, true);
});

test("an Envoy that shares its host names the port it is to bind", () => {
  const { compiler } = new Mesh();
  assert.equal(
    portOf(decode(compiler.outboundListener("envoy", "shop", 15_101), Listener)),
    15_101,
  );
  assert.equal(portOf(decode(compiler.outboundListener("builtin", "shop"), Listener)), 15_001);
});

test("each port with a meshPort has a listener and a cluster of its own", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog"), workload("a", "catalog", { ports: PORTS, address: "127.0.0.7" }));
  const http = inboundOf(mesh, "inbound/http");
  assert.deepEqual([...mesh.inbound("shop/a").keys()], ["inbound/http", "inbound/db"]);
  assert.equal(http.trafficDirection, 1);
  const address = http.address?.address;
  assert.equal(address?.$case, "socketAddress");
  assert.equal(address.socketAddress.address, "127.0.0.7");
  assert.deepEqual(address.socketAddress.portSpecifier, { $case: "portValue", portValue: 15_006 });
  assert.deepEqual(weft(http), {
    mode: "Permissive",
    namespace: "shop",
    port: 8080,
    protocol: "http",
    service: "catalog",
    version: "v1",
  });
  const held = mesh.model.objects.Workload.get("shop/a") ?? assert.fail();
  const clusters = mesh.compiler.inbound(held).clusters.map((one) => decode(one, Cluster));
  assert.deepEqual(
    clusters.map(({ name, clusterDiscoveryType }) => [name, clusterDiscoveryType]),
    [
      ["inbound/http", { $case: "type", type: 0 }],
      ["inbound/db", { $case: "type", type: 0 }],
    ],
  );
  assert.equal(clusters[0]?.circuitBreakers?.thresholds[0]?.maxRequests, 0xffff_ffff);
});

test("an HTTP port forwards everything to the program, a TCP port its bytes", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog"), workload("a", "catalog", { ports: PORTS }));
  const manager = managerOf(inboundOf(mesh, "inbound/http"));
  assert.equal(manager.routeSpecifier?.$case, "routeConfig");
  const [host] = manager.routeSpecifier.routeConfig.virtualHosts;
  assert.deepEqual(host?.domains, ["*"]);
  assert.deepEqual(host?.routes.map(outcome), ["inbound/http"]);
  assert.equal(manager.forwardClientCertDetails, 3, "SANITIZE_SET");
  const tcp = inboundOf(mesh, "inbound/db").filterChains[0]?.filters[0]?.configType;
  assert.equal(tcp?.$case, "typedConfig");
  const proxy = TcpProxy.decode(tcp.typedConfig.value);
  assert.deepEqual(proxy.clusterSpecifier, { $case: "cluster", cluster: "inbound/db" });
});

test("the mode decides which chains there are", () => {
  const chains = (mode: string): string[] => {
    const mesh = new Mesh();
    mesh.put(workload("a", "catalog"), peerAuthentication("p", { mtls: { mode } }));
    const listener = inboundOf(mesh, "inbound/http");
    assert.equal(weft(listener)["mode"], mode);
    assert.equal(listener.listenerFilters.length, mode === "Disable" ? 0 : 1);
    return listener.filterChains.map(({ filterChainMatch, transportSocket }) => {
      const match = filterChainMatch?.transportProtocol ?? "any";
      return `${match}${transportSocket === undefined ? "" : " with TLS"}`;
    });
  };
  assert.deepEqual(chains("Permissive"), ["tls with TLS", "any"]);
  assert.deepEqual(chains("Strict"), ["tls with TLS"]);
  assert.deepEqual(chains("Disable"), ["any"]);
});

test("TLS demands a certificate of the mesh and shows our own", () => {
  const mesh = new Mesh();
  const listener = inboundOf(mesh.put(workload("a", "catalog")), "inbound/http");
  const config = listener.filterChains[0]?.transportSocket?.configType;
  assert.equal(config?.$case, "typedConfig");
  const context = DownstreamTlsContext.decode(config.typedConfig.value);
  assert.equal(context.requireClientCertificate, true);
  const tls = context.commonTlsContext;
  assert.deepEqual(
    tls?.tlsCertificateSdsSecretConfigs.map(({ name, sdsConfig }) => [
      name,
      sdsConfig?.configSourceSpecifier?.$case,
    ]),
    [["workload", "apiConfigSource"]],
  );
  const validation = tls?.validationContextType;
  assert.equal(validation?.$case, "validationContextSdsSecretConfig");
  assert.equal(validation.validationContextSdsSecretConfig.name, "bundle");
});

test("an HTTP port offers HTTP, a byte stream nothing", () => {
  const mesh = new Mesh();
  mesh.put(workload("a", "catalog", { ports: PORTS }));
  const offered = (name: string): string[] | undefined => {
    const config = inboundOf(mesh, name).filterChains[0]?.transportSocket?.configType;
    assert.equal(config?.$case, "typedConfig");
    return DownstreamTlsContext.decode(config.typedConfig.value).commonTlsContext?.alpnProtocols;
  };
  assert.deepEqual(offered("inbound/http"), ["h2", "http/1.1"]);
  assert.deepEqual(offered("inbound/db"), []);
});

test("on a TCP port silence counts as plaintext, where plaintext is allowed", () => {
  const mesh = new Mesh();
  mesh.put(workload("a", "catalog", { ports: PORTS }));
  const tcp = inboundOf(mesh, "inbound/db");
  assert.equal(tcp.listenerFiltersTimeout?.nanos, 250_000_000);
  assert.equal(tcp.continueOnListenerFiltersTimeout, true);
  assert.equal(inboundOf(mesh, "inbound/http").continueOnListenerFiltersTimeout, false);
  mesh.put(peerAuthentication("p", { mtls: { mode: "Strict" } }));
  assert.equal(inboundOf(mesh, "inbound/db").continueOnListenerFiltersTimeout, false);
});

test("a mode comes from the port, the Services, the Namespace, the mesh, in this order", () => {
  const mesh = new Mesh();
  const mtls = (mode: string) => ({ mtls: { mode } });
  const on = (name: string, sectionName?: string) => ({
    targetRefs: [{ group: "", kind: "Service", name, ...(sectionName ? { sectionName } : {}) }],
  });
  mesh.put(
    service("catalog"),
    service("every", { selector: { version: "v1" } }),
    workload("a", "catalog", { ports: PORTS }),
  );
  const modes = (): unknown[] =>
    ["inbound/http", "inbound/db"].map((name) => weft(inboundOf(mesh, name))["mode"]);
  assert.deepEqual(modes(), ["Permissive", "Permissive"]);
  mesh.put({ kind: "MeshConfig", name: "default", spec: mtls("Disable") });
  assert.deepEqual(modes(), ["Disable", "Disable"]);
  mesh.put(peerAuthentication("n", mtls("Strict")));
  assert.deepEqual(modes(), ["Strict", "Strict"]);
  mesh.put(
    peerAuthentication("young", { ...on("every"), ...mtls("Permissive") }, { createdAt: 20 }),
  );
  assert.deepEqual(modes(), ["Permissive", "Permissive"], "by any service it belongs to");
  mesh.put(peerAuthentication("old", { ...on("catalog"), ...mtls("Disable") }, { createdAt: 10 }));
  assert.deepEqual(modes(), ["Disable", "Disable"], "the older of two services' policies");
  mesh.put(
    peerAuthentication(
      "old",
      {
        ...on("catalog"),
        portLevel: [{ port: 5432, ...mtls("Strict") }],
      },
      { createdAt: 10 },
    ),
  );
  assert.deepEqual(modes(), ["Permissive", "Strict"], "a policy for one port leaves the others");
  mesh.put(peerAuthentication("section", { ...on("catalog", "http"), ...mtls("Strict") }));
  assert.deepEqual(modes(), ["Strict", "Strict"], "a port of the Service before the Service");
});

test("a policy holds for every workload the Service selects, also one that comes later", () => {
  const mesh = new Mesh();
  const targetRefs = [{ group: "", kind: "Service", name: "catalog" }];
  mesh.put(peerAuthentication("p", { targetRefs, mtls: { mode: "Strict" } }));
  mesh.put(workload("a", "catalog"));
  assert.equal(weft(inboundOf(mesh, "inbound/http"))["mode"], "Permissive");
  mesh.put(service("catalog"));
  assert.equal(weft(inboundOf(mesh, "inbound/http"))["mode"], "Strict");
  mesh.put(service("catalog", { selector: { other: "label" } }));
  assert.equal(weft(inboundOf(mesh, "inbound/http"))["mode"], "Permissive");
});

test("what may rest for long at the caller may do so here", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    workload("a", "catalog"),
    trafficPolicy("p", { kind: "Service", name: "catalog" }, { timeout: { idle: "2h" } }),
  );
  const manager = managerOf(inboundOf(mesh, "inbound/http"));
  assert.equal(manager.routeSpecifier?.$case, "routeConfig");
  const action = manager.routeSpecifier.routeConfig.virtualHosts[0]?.routes[0]?.action;
  assert.equal(action?.$case, "route");
  assert.equal(action.route.idleTimeout?.seconds, 7200n);
});
