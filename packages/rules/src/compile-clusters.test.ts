// Clusters: Envoy's defaults, what the control plane sends, what is refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpProtocolOptions } from "@weft/xds/messages/envoy/extensions/upstreams/http/v3/http_protocol_options.js";
import { UpstreamTlsContext } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/tls.js";
import { type ClusterRow, transportFor } from "./cluster-table.ts";
import { compileSample, printed, refusals, sampleEndpoint } from "./sample-messages.ts";

const eds = {
  name: "c",
  clusterDiscoveryType: { $case: "type", type: 3 },
  edsClusterConfig: {
    edsConfig: { configSourceSpecifier: { $case: "ads", ads: {} } },
    serviceName: "e",
  },
} as const;

function typed(type: string, message: { finish(): Uint8Array }): object {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(message.finish()) };
}

function clusterOf(fields: object): ClusterRow {
  const compiled = compileSample("cluster", "c", { ...eds, ...fields });
  assert.deepEqual(refusals(compiled), []);
  const row = compiled.tables.clusters.get("c");
  assert.ok(row !== undefined);
  return row;
}

function refused(fields: object): string {
  const compiled = compileSample("cluster", "c", { ...eds, ...fields });
  assert.equal(compiled.tables.clusters.size, 0);
  return refusals(compiled).join("\n");
}

const seconds = (count: number): object => ({ seconds: BigInt(count), nanos: 0 });

test("a bare cluster has Envoy's defaults", () => {
  const row = clusterOf({});
  assert.equal(row.kind, "eds");
  assert.equal(row.endpointsName, "e");
  assert.equal(row.connectTimeoutMs, 5000);
  assert.equal(row.algorithm, "round-robin");
  assert.deepEqual(printed(row.limits), {
    connectionsMax: 1024,
    pendingMax: 1024,
    requestsMax: 1024,
    retriesMax: 3,
  });
  assert.equal(row.retryBudget, null);
  assert.equal(row.outlier, null);
  assert.equal(row.idleTimeoutMs, 3_600_000);
  assert.equal(row.isHttp2, false);
  assert.equal(row.requireMtls, false);
  assert.deepEqual(
    row.transports.map((one) => [one.match.length, one.tls]),
    [[0, null]],
  );
});

function mtls(identities: readonly string[]): object {
  const context = UpstreamTlsContext.fromPartial({
    sni: "catalog.shop.svc.cluster.local",
    commonTlsContext: {
      alpnProtocols: ["http/1.1"],
      tlsCertificateSdsSecretConfigs: [{ name: "workload" }],
      validationContextType: {
        $case: "combinedValidationContext",
        combinedValidationContext: {
          defaultValidationContext: {
            matchTypedSubjectAltNames: identities.map((exact) => ({
              sanType: 3,
              matcher: { matchPattern: { $case: "exact", exact } },
            })),
          },
          validationContextSdsSecretConfig: { name: "bundle" },
        },
      },
    },
  });
  const type = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
  const typedConfig = typed(type, UpstreamTlsContext.encode(context));
  return { name: "tls", configType: { $case: "typedConfig", typedConfig } };
}

const rawBuffer = {
  name: "raw",
  configType: {
    $case: "typedConfig",
    typedConfig: {
      typeUrl: "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
    },
  },
};

test("an endpoint is dialled by the first transport it matches", () => {
  const identities = ["spiffe://weft.local/ns/shop/sa/catalog"];
  const row = clusterOf({
    transportSocketMatches: [
      { name: "mtls", match: { tlsMode: "mtls" }, transportSocket: mtls(identities) },
      { name: "plaintext", match: {}, transportSocket: rawBuffer },
    ],
  });
  const meshed = sampleEndpoint("127.0.0.1", 1);
  const plain = { ...sampleEndpoint("127.0.0.1", 2), metadata: undefined };
  const message = { clusterName: "e", endpoints: [{ lbEndpoints: [meshed, plain] }] };
  const rows = compileSample("endpoint", "e", message).tables.endpoints.get("e")?.rows ?? [];
  const transports = rows.map((endpoint) => transportFor(row, endpoint));
  assert.equal(transports[0]?.name, "mtls");
  assert.deepEqual(printed(transports[0]?.tls), {
    sni: "catalog.shop.svc.cluster.local",
    alpn: ["http/1.1"],
    certificateSecret: "workload",
    rootsSecret: "bundle",
    identities,
  });
  assert.deepEqual([transports[1]?.name, transports[1]?.tls], ["plaintext", null]);
});

test("limits, budget and outlier detection as the control plane writes them", () => {
  const thresholds = {
    maxConnections: 1,
    maxPendingRequests: 2,
    maxRequests: 4_294_967_295,
    maxRetries: 4,
    retryBudget: { budgetPercent: { value: 25 }, minRetryConcurrency: 5 },
  };
  const row = clusterOf({
    lbPolicy: 1,
    lbConfig: { $case: "leastRequestLbConfig", leastRequestLbConfig: { choiceCount: 3 } },
    circuitBreakers: { thresholds: [thresholds] },
    outlierDetection: {
      consecutiveGatewayFailure: 5,
      enforcingConsecutiveGatewayFailure: 100,
      enforcingConsecutive5xx: 0,
      enforcingSuccessRate: 0,
      interval: seconds(7),
      baseEjectionTime: seconds(400),
      maxEjectionPercent: 50,
    },
    metadata: {
      filterMetadata: {
        "dev.weft": {
          service: "catalog",
          namespace: "shop",
          protocol: "http",
          requireMtls: true,
          retryMinPerSecond: 6,
          lbAlgorithm: "LeastRequest",
        },
      },
    },
  });
  assert.equal(row.algorithm, "least-request");
  assert.equal(row.choiceCount, 3);
  assert.deepEqual(printed(row.limits), {
    connectionsMax: 1,
    pendingMax: 2,
    requestsMax: 4_294_967_295,
    retriesMax: 4,
  });
  assert.deepEqual(printed(row.retryBudget), { percent: 25, concurrencyMin: 0, perSecondMin: 6 });
  assert.deepEqual(printed(row.outlier), {
    consecutiveGatewayErrors: 5,
    consecutive5xx: 0,
    intervalMs: 7000,
    baseEjectionMs: 400_000,
    ejectionMaxMs: 400_000,
    ejectionPercentMax: 50,
    ejectAtLeastOne: true,
  });
  assert.deepEqual(
    [row.service, row.namespace, row.protocol, row.requireMtls],
    ["catalog", "shop", "http", true],
  );
});

test("a budget without a rate keeps Envoy's concurrency", () => {
  const row = clusterOf({ circuitBreakers: { thresholds: [{ retryBudget: {} }] } });
  assert.deepEqual(printed(row.retryBudget), { percent: 20, concurrencyMin: 3, perSecondMin: 0 });
});

test("a static cluster has its endpoints, a passthrough none", () => {
  const row = clusterOf({
    clusterDiscoveryType: { $case: "type", type: 0 },
    edsClusterConfig: undefined,
    loadAssignment: {
      clusterName: "c",
      endpoints: [{ lbEndpoints: [sampleEndpoint("127.0.0.1", 8080)] }],
    },
  });
  assert.deepEqual(
    row.endpoints?.rows.map((endpoint) => endpoint.key),
    ["127.0.0.1:8080"],
  );
  const original = { clusterDiscoveryType: { $case: "type", type: 4 }, lbPolicy: 6 };
  const passthrough = clusterOf({ ...original, edsClusterConfig: undefined });
  assert.equal(passthrough.kind, "original-dst");
  assert.equal(passthrough.algorithm, "none");
});

function httpOptions(options: object): object {
  const type = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const message = HttpProtocolOptions.fromPartial(options);
  return {
    typedExtensionProtocolOptions: { [type]: typed(type, HttpProtocolOptions.encode(message)) },
  };
}

const explicit = (protocol: string): object => ({
  upstreamProtocolOptions: {
    $case: "explicitHttpConfig",
    explicitHttpConfig: { protocolConfig: { $case: protocol, [protocol]: {} } },
  },
});

test("protocol options: idle time, requests per connection, HTTP/2", () => {
  const row = clusterOf(
    httpOptions({
      ...explicit("http2ProtocolOptions"),
      commonHttpProtocolOptions: { idleTimeout: seconds(0), maxRequestsPerConnection: 10 },
    }),
  );
  assert.equal(row.isHttp2, true);
  assert.equal(row.idleTimeoutMs, null);
  assert.equal(row.requestsPerConnectionMax, 10);
  assert.equal(clusterOf(httpOptions(explicit("httpProtocolOptions"))).isHttp2, false);
  const auto = { upstreamProtocolOptions: { $case: "autoConfig", autoConfig: {} } };
  assert.equal(clusterOf(httpOptions(auto)).isHttp2, false, "until the endpoint says so");
});

test("protocol options: PINGs to silent endpoints, and the age of a connection", () => {
  const connectionKeepalive = { interval: seconds(7), timeout: seconds(3) };
  const http2ProtocolOptions = { connectionKeepalive };
  const upstreams = [
    { $case: "autoConfig", autoConfig: { http2ProtocolOptions } },
    {
      $case: "explicitHttpConfig",
      explicitHttpConfig: {
        protocolConfig: { $case: "http2ProtocolOptions", http2ProtocolOptions },
      },
    },
  ];
  for (const upstreamProtocolOptions of upstreams) {
    const { keepalive } = clusterOf(httpOptions({ upstreamProtocolOptions }));
    assert.deepEqual({ ...keepalive }, { intervalMs: 7000, timeoutMs: 3000 });
  }
  const aged = clusterOf(
    httpOptions({
      ...explicit("http2ProtocolOptions"),
      commonHttpProtocolOptions: { maxConnectionDuration: seconds(60) },
    }),
  );
  assert.equal(aged.connectionAgeMaxMs, 60_000);
  assert.equal(aged.keepalive, null);
});

test("the protocol of a cluster of the mesh says what is offered, else the message", () => {
  const offered = (protocol: string | null): unknown => {
    const fields = protocol === null ? {} : { "dev.weft": { protocol } };
    const row = clusterOf({ transportSocket: mtls([]), metadata: { filterMetadata: fields } });
    return row.transports[0]?.tls?.alpn;
  };
  for (const protocol of ["http", "http2", "grpc"]) {
    assert.deepEqual(offered(protocol), ["h2", "http/1.1"]);
  }
  assert.deepEqual(offered("tcp"), []);
  assert.deepEqual(offered(null), ["http/1.1"]);
});

test("what the built-in proxy cannot do is refused by name", () => {
  const weft = (fields: object): object => ({
    metadata: { filterMetadata: { "dev.weft": fields } },
  });
  const thresholds = { thresholds: [{}, { priority: 1 }] };
  const autoConfig = { http3ProtocolOptions: {} };
  const http3 = { upstreamProtocolOptions: { $case: "autoConfig", autoConfig } };
  const cases: [object, RegExp][] = [
    [{ clusterDiscoveryType: { $case: "type", type: 1 } }, /Cluster c: type: must be EDS/],
    [{ lbPolicy: 2 }, /lb_policy: not supported/],
    [{ healthChecks: [{}] }, /health_checks: not supported/],
    [{ maxRequestsPerConnection: 1 }, /max_requests_per_connection: not supported/],
    [
      { commonLbConfig: { healthyPanicThreshold: { value: 50 } } },
      /healthy_panic_threshold: must be 0/,
    ],
    [
      { commonLbConfig: { zoneAwareLbConfig: {}, closeConnectionsOnHostSetChange: true } },
      /common_lb/,
    ],
    [{ circuitBreakers: thresholds }, /circuit_breakers\.thresholds: the built-in proxy has one/],
    [{ outlierDetection: {} }, /outlier_detection\.enforcing_success_rate: must be 0/],
    [
      { outlierDetection: { enforcingSuccessRate: 0, enforcingConsecutive5xx: 50 } },
      /enforcing_consecutive_5xx: must be 0 or 100/,
    ],
    [httpOptions({}), /explicit_http_config: must be given/],
    [httpOptions(http3), /auto_config\.http3_protocol_options: not supported/],
    [
      { typedExtensionProtocolOptions: { other: { typeUrl: "x/y" } } },
      /typed_extension_protocol_options\["other"\]: not supported/,
    ],
    [{ transportSocket: { name: "quic" } }, /transport_socket: quic is not supported/],
    [{ edsClusterConfig: { serviceName: "e" } }, /eds_config: must be ads/],
    [weft({ requireMtls: "yes" }), /requireMtls: must be true or false/],
    [weft({ protocol: "udp" }), /protocol: must be one of http, http2, grpc, tcp/],
    [weft({ retryMinPerSecond: -1 }), /retryMinPerSecond: must be a whole number/],
    [weft({ lbAlgorithm: "Best" }), /lbAlgorithm: must be one of/],
    [weft({ hedge: true }), /hedge: unknown field/],
  ];
  for (const [fields, reason] of cases) assert.match(refused(fields), reason);
});
