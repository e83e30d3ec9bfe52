// Listeners, filter chains, both network filters and trust bundles.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpConnectionManager } from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { TcpProxy } from "@weft/xds/messages/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js";
import { DownstreamTlsContext } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/tls.js";
import { compileSample, printed, refusals } from "./sample-messages.ts";
import type { ListenerRow } from "./tables.ts";

function config(type: string, message: { finish(): Uint8Array } | null): object {
  const value = Buffer.from(message?.finish() ?? []);
  const typedConfig = { typeUrl: `type.googleapis.com/${type}`, value };
  return { name: type, configType: { $case: "typedConfig", typedConfig } };
}

const filters = "envoy.extensions.filters";
const router = config(`${filters}.http.router.v3.Router`, null);
const inlineRoutes = {
  $case: "routeConfig",
  routeConfig: {
    virtualHosts: [
      {
        name: "inbound/http",
        domains: ["*"],
        routes: [
          {
            match: { pathSpecifier: { $case: "prefix", prefix: "/" } },
            action: {
              $case: "route",
              route: { clusterSpecifier: { $case: "cluster", cluster: "inbound/http" } },
            },
          },
        ],
      },
    ],
  },
};

function manager(fields: object = {}): object {
  const message = HttpConnectionManager.fromPartial({
    statPrefix: "http",
    httpFilters: [router],
    routeSpecifier: inlineRoutes,
    ...fields,
  } as object);
  const type = `${filters}.network.http_connection_manager.v3.HttpConnectionManager`;
  return config(type, HttpConnectionManager.encode(message));
}

function tcpProxy(fields: object): object {
  const message = TcpProxy.fromPartial(fields);
  return config(`${filters}.network.tcp_proxy.v3.TcpProxy`, TcpProxy.encode(message));
}

function tlsSocket(fields: object = {}): object {
  const message = DownstreamTlsContext.fromPartial({
    requireClientCertificate: true,
    commonTlsContext: {
      alpnProtocols: ["http/1.1"],
      tlsCertificateSdsSecretConfigs: [{ name: "workload" }],
      validationContextType: {
        $case: "validationContextSdsSecretConfig",
        validationContextSdsSecretConfig: { name: "bundle" },
      },
    },
    ...fields,
  } as object);
  const type = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
  return config(type, DownstreamTlsContext.encode(message));
}

const address = {
  address: {
    $case: "socketAddress",
    socketAddress: {
      address: "127.0.0.1",
      portSpecifier: { $case: "portValue", portValue: 15006 },
    },
  },
};

const tlsChain = (filter: object): object => ({
  name: "tls",
  filterChainMatch: { transportProtocol: "tls" },
  transportSocket: tlsSocket(),
  filters: [filter],
});
const plainChain = (filter: object): object => ({ name: "plain", filters: [filter] });

function listener(filterChains: readonly object[], more: object = {}): object {
  return { name: "l", address, trafficDirection: 1, filterChains, ...more };
}

function rowOf(message: object): ListenerRow {
  const compiled = compileSample("listener", "l", message);
  assert.deepEqual(refusals(compiled), []);
  const row = compiled.tables.listeners.get("l");
  assert.ok(row !== undefined);
  return row;
}

function refused(message: object): string {
  const compiled = compileSample("listener", "l", message);
  assert.equal(compiled.tables.listeners.size, 0);
  return refusals(compiled).join("\n");
}

test("modes of mutual TLS are which chains there are", () => {
  const strict = rowOf(listener([tlsChain(manager())]));
  assert.deepEqual([strict.tlsChain?.name, strict.plainChain], ["tls", null]);
  const permissive = rowOf(listener([tlsChain(manager()), plainChain(manager())]));
  assert.deepEqual([permissive.tlsChain?.name, permissive.plainChain?.name], ["tls", "plain"]);
  const disable = rowOf(listener([plainChain(manager())]));
  assert.deepEqual([disable.tlsChain, disable.plainChain?.name], [null, "plain"]);
  const onlyTls = { ...plainChain(manager()), transportSocket: tlsSocket() };
  assert.deepEqual(
    [rowOf(listener([onlyTls])).tlsChain?.name, rowOf(listener([onlyTls])).plainChain],
    ["plain", null],
  );
});

test("an inbound listener says what it is for", () => {
  const weft = {
    mode: "Strict",
    service: "catalog",
    namespace: "shop",
    version: "v1",
    port: 8080,
    protocol: "http",
  };
  const row = rowOf(
    listener([tlsChain(manager())], {
      metadata: { filterMetadata: { "dev.weft": weft } },
      listenerFilters: [config(`${filters}.listener.tls_inspector.v3.TlsInspector`, null)],
      listenerFiltersTimeout: { seconds: 0n, nanos: 250_000_000 },
      continueOnListenerFiltersTimeout: true,
    }),
  );
  assert.deepEqual(
    [row.direction, row.address, row.port, row.mode, row.service, row.namespace, row.version],
    ["inbound", "127.0.0.1", 15006, "Strict", "catalog", "shop", "v1"],
  );
  assert.deepEqual([row.servicePort, row.protocol], [8080, "http"]);
  assert.deepEqual([row.detectionTimeoutMs, row.goesOnUndetected], [250, true]);
  assert.deepEqual(printed(row.tlsChain?.tls), {
    requireClientCertificate: true,
    alpn: ["http/1.1"],
    certificateSecret: "workload",
    rootsSecret: "bundle",
    identities: [],
  });
});

test("an HTTP chain has its routes inside or by name", () => {
  const inside = rowOf(
    listener([
      plainChain(
        manager({
          upgradeConfigs: [{ upgradeType: "WebSocket" }, { upgradeType: "x", enabled: false }],
          forwardClientCertDetails: 3,
          setCurrentClientCertDetails: { uri: true },
          serverHeaderTransformation: 2,
          maxRequestHeadersKb: 96,
        }),
      ),
    ]),
  ).plainChain?.http;
  assert.equal(inside?.routesName, null);
  assert.equal(inside?.routes?.domains.any?.routes[0]?.clusters?.[0]?.cluster, "inbound/http");
  assert.deepEqual(inside?.upgrades, ["websocket"]);
  assert.equal(inside?.clientCertificateHeader, "sanitize-set");
  assert.equal(inside?.requestHeadersBytesMax, 98_304);
  assert.equal(inside?.streamIdleTimeoutMs, 300_000);
  const rds = {
    $case: "rds",
    rds: {
      configSource: { configSourceSpecifier: { $case: "ads", ads: {} } },
      routeConfigName: "outbound/shop",
    },
  };
  const named = rowOf(listener([plainChain(manager({ routeSpecifier: rds }))])).plainChain?.http;
  assert.deepEqual([named?.routesName, named?.routes], ["outbound/shop", null]);
});

test("a TCP chain goes to one cluster or to shares of several", () => {
  const one = { statPrefix: "t", clusterSpecifier: { $case: "cluster", cluster: "c" } };
  const row = rowOf(listener([plainChain(tcpProxy(one))])).plainChain?.tcp;
  assert.deepEqual(
    row?.clusters.map((share) => share.cluster),
    ["c"],
  );
  assert.equal(row?.idleTimeoutMs, 3_600_000);
  const clusters = [
    { name: "a", weight: 9 },
    { name: "b", weight: 1 },
  ];
  const shared = { $case: "weightedClusters", weightedClusters: { clusters } };
  const shares = rowOf(listener([plainChain(tcpProxy({ clusterSpecifier: shared }))]));
  assert.equal(shares.plainChain?.tcp?.weightTotal, 10);
});

test("what the built-in proxy cannot do is refused by name", () => {
  const plain = plainChain(manager());
  const lua = config(`${filters}.http.lua.v3.Lua`, null);
  const badRoutes = { $case: "routeConfig", routeConfig: { virtualHosts: [{ name: "v" }] } };
  const cases: [object, RegExp][] = [
    [listener([]), /Listener l: filter_chains: is empty/],
    [listener([plain, plain]), /filter_chains\[1\]\.filter_chain_match: matches the same/],
    [listener([plain], { trafficDirection: 0 }), /traffic_direction: must be INBOUND/],
    [listener([plain], { accessLog: [{}] }), /access_log: not supported/],
    [listener([plain], { listenerFilters: [lua] }), /listener_filters\[0\]: .* is not supported/],
    [listener([{ filters: [] }]), /filters: must be one/],
    [listener([plainChain(lua)]), /filters\[0\]: .*Lua is not supported/],
    [listener([plainChain(manager({ httpFilters: [lua, router] }))]), /http_filters\[0\]/],
    [listener([plainChain(manager({ codecType: 2 }))]), /codec_type: must be AUTO or HTTP1/],
    [listener([plainChain(manager({ routeSpecifier: badRoutes }))]), /route_config\.virtual_hosts/],
    [
      listener([{ ...plain, filterChainMatch: { serverNames: ["a"] } }]),
      /filter_chain_match\.server_names: not supported/,
    ],
    [
      listener([{ ...plain, transportSocket: tlsSocket({ requireSni: true }) }]),
      /transport_socket\.require_sni: not supported/,
    ],
    [listener([plainChain(tcpProxy({}))]), /cluster_specifier: names no cluster/],
  ];
  for (const [message, reason] of cases) assert.match(refused(message), reason);
});

test("a secret is a trust bundle and nothing else", () => {
  const pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  const secret = (specifier: object): object => ({
    name: "bundle",
    type: {
      $case: "validationContext",
      validationContext: { trustedCa: { specifier } },
    },
  });
  const text = secret({ $case: "inlineString", inlineString: pem });
  const bytes = secret({ $case: "inlineBytes", inlineBytes: Buffer.from(pem) });
  for (const message of [text, bytes]) {
    const row = compileSample("secret", "bundle", message).tables.secrets.get("bundle");
    assert.equal(row?.rootsPem, pem);
  }
  const key = { name: "bundle", type: { $case: "tlsCertificate", tlsCertificate: {} } };
  const file = secret({ $case: "filename", filename: "roots.pem" });
  const refusal = (message: object): string =>
    refusals(compileSample("secret", "bundle", message)).join();
  assert.match(refusal(key), /Secret bundle: : carries a private key/);
  assert.match(refusal(file), /trusted_ca: must be inline/);
});
