import assert from "node:assert/strict";
import { test } from "node:test";
import { UpstreamTlsContext } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/tls.js";
import { HttpProtocolOptions } from "@weft/xds/messages/envoy/extensions/upstreams/http/v3/http_protocol_options.js";
import type { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import {
  Mesh,
  outcome,
  peerAuthentication,
  route,
  service,
  trafficPolicy,
  weft,
  workload,
  type Written,
} from "./fixture.test.ts";

const CATALOG = "catalog.shop.svc.cluster.local:80";
const V1 = "catalog-v1.shop.svc.cluster.local:80";
const V1_OF_CATALOG = `${V1}@catalog.shop.svc.cluster.local`;

function cluster(mesh: Mesh, name = CATALOG): Cluster {
  mesh.compile();
  const found = mesh.clusters().get(name);
  assert.ok(found, `no cluster ${name} among ${[...mesh.clusters().keys()].join()}`);
  return found;
}

function tlsOf(found: Cluster): UpstreamTlsContext {
  const config = found.transportSocketMatches[0]?.transportSocket?.configType;
  assert.equal(config?.$case, "typedConfig");
  return UpstreamTlsContext.decode(config.typedConfig.value);
}

function identitiesOf(found: Cluster): (string | undefined)[] {
  const validation = tlsOf(found).commonTlsContext?.validationContextType;
  assert.equal(validation?.$case, "combinedValidationContext");
  const { defaultValidationContext } = validation.combinedValidationContext;
  return (defaultValidationContext?.matchTypedSubjectAltNames ?? []).map(({ matcher }) => {
    return matcher?.matchPattern?.$case === "exact" ? matcher.matchPattern.exact : undefined;
  });
}

function optionsOf(found: Cluster): HttpProtocolOptions {
  const options = Object.values(found.typedExtensionProtocolOptions)[0];
  return HttpProtocolOptions.decode(options?.value ?? Buffer.alloc(0));
}

/** `autoConfig`, or the protocol that is spoken whatever the endpoint says. */
function protocolOf(found: Cluster): string | undefined {
  const options = optionsOf(found).upstreamProtocolOptions;
  return options?.$case === "explicitHttpConfig"
    ? options.explicitHttpConfig.protocolConfig?.$case
    : options?.$case;
}

/** An endpoint without a sidecar. */
function slice(address: string): Written {
  return {
    kind: "EndpointSlice",
    namespace: "shop",
    name: "s",
    labels: { "kubernetes.io/service-name": "catalog" },
    rest: { addressType: "IPv4", ports: [{ port: 8080 }], endpoints: [{ addresses: [address] }] },
  };
}

const seconds = (one: { seconds: bigint; nanos: number } | undefined): number =>
  Number(one?.seconds ?? 0) + (one?.nanos ?? 0) / 1e9;

test("nothing written means the defaults of design section 6", () => {
  const mesh = new Mesh();
  const found = cluster(mesh.put(service("catalog"), workload("a", "catalog")));
  assert.deepEqual(found.clusterDiscoveryType, { $case: "type", type: 3 });
  assert.equal(found.edsClusterConfig?.serviceName, CATALOG);
  assert.equal(found.edsClusterConfig?.edsConfig?.configSourceSpecifier?.$case, "ads");
  assert.equal(found.edsClusterConfig?.edsConfig?.resourceApiVersion, 2);
  assert.equal(seconds(found.connectTimeout), 5);
  assert.equal(found.lbPolicy, 1);
  const {
    trackRemaining: _,
    maxConnectionPools: __,
    ...limits
  } = found.circuitBreakers?.thresholds[0] ?? assert.fail();
  assert.deepEqual(limits, {
    priority: 0,
    maxConnections: 1024,
    maxPendingRequests: 1024,
    maxRequests: 1024,
    maxRetries: 3,
    retryBudget: { budgetPercent: { value: 20 }, minRetryConcurrency: 3 },
  });
  const outlier = found.outlierDetection;
  assert.equal(outlier?.consecutiveGatewayFailure, 5);
  assert.equal(outlier?.enforcingConsecutiveGatewayFailure, 100);
  assert.equal(outlier?.enforcingConsecutive5xx, 0);
  assert.equal(outlier?.enforcingSuccessRate, 0);
  assert.equal(seconds(outlier?.interval), 10);
  assert.equal(seconds(outlier?.baseEjectionTime), 30);
  assert.equal(outlier?.maxEjectionPercent, 50);
  assert.deepEqual(weft(found), {
    lbAlgorithm: "LeastRequest",
    namespace: "shop",
    protocol: "http",
    requireMtls: false,
    retryMinPerSecond: 3,
    service: "catalog",
  });
});

test("meshed endpoints are dialled with mutual TLS and expected by their SPIFFE IDs", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    workload("a", "catalog"),
    workload("b", "catalog", { serviceAccount: "batch" }, { status: {} }),
    workload("c", "catalog"),
  );
  const found = cluster(mesh);
  const tls = tlsOf(found);
  assert.equal(tls.sni, "catalog.shop.svc.cluster.local");
  assert.deepEqual(tls.commonTlsContext?.alpnProtocols, ["h2", "http/1.1"]);
  const own = tls.commonTlsContext?.tlsCertificateSdsSecretConfigs;
  assert.deepEqual(
    own?.map(({ name, sdsConfig }) => [name, sdsConfig?.configSourceSpecifier?.$case]),
    [["workload", "apiConfigSource"]],
  );
  assert.deepEqual(identitiesOf(found), [
    "spiffe://weft.local/ns/shop/sa/batch",
    "spiffe://weft.local/ns/shop/sa/catalog",
  ]);
  assert.deepEqual(
    found.transportSocketMatches.map(({ name, match }) => [name, match]),
    [["mtls", { tlsMode: "mtls" }]],
  );
  assert.deepEqual(found.transportSocket, found.transportSocketMatches[0]?.transportSocket);
});

test("Envoy chooses the protocol by ALPN as long as every endpoint has a sidecar", () => {
  const mesh = new Mesh();
  const spoken = (): unknown[] => {
    const found = cluster(mesh);
    const { alpnProtocols } = tlsOf(found).commonTlsContext ?? { alpnProtocols: [] };
    const names = found.transportSocketMatches.map(({ name }) => name);
    return [protocolOf(found), alpnProtocols, names];
  };
  const negotiated = ["autoConfig", ["h2", "http/1.1"], ["mtls"]];
  const mixed = ["httpProtocolOptions", ["http/1.1"], ["mtls", "plaintext"]];
  mesh.put(service("catalog"), workload("a", "catalog"));
  assert.deepEqual(spoken(), negotiated);
  mesh.put(slice("192.0.2.1"));
  assert.deepEqual(spoken(), mixed);
  mesh.delete({ kind: "EndpointSlice", namespace: "shop", name: "s" });
  assert.deepEqual(spoken(), negotiated);
  mesh.put(workload("b", "catalog", { ports: [{ name: "http", port: 8080 }] }));
  assert.deepEqual(spoken(), mixed, "a workload without a sidecar");
  mesh.put(peerAuthentication("n", { mtls: { mode: "Strict" } }));
  assert.deepEqual(spoken(), [...negotiated.slice(0, 2), ["mtls", "refused"]]);
});

test("HTTP/2 services are spoken to in HTTP/2, byte streams are offered nothing", () => {
  const rows: [string, string, string[]][] = [
    ["grpc", "http2ProtocolOptions", ["h2", "http/1.1"]],
    ["kubernetes.io/h2c", "http2ProtocolOptions", ["h2", "http/1.1"]],
    ["tcp", "httpProtocolOptions", []],
  ];
  for (const [appProtocol, options, alpn] of rows) {
    const mesh = new Mesh();
    mesh.put(service("catalog", { ports: [{ port: 80, appProtocol }] }), workload("a", "catalog"));
    const found = cluster(mesh);
    assert.equal(protocolOf(found), options, appProtocol);
    assert.deepEqual(tlsOf(found).commonTlsContext?.alpnProtocols, alpn, appProtocol);
  }
});

test("a cluster without workloads trusts no certificate", () => {
  const mesh = new Mesh();
  const found = cluster(mesh.put(service("catalog")));
  assert.deepEqual(identitiesOf(found), ["spiffe://weft.local/ns/shop/sa/"]);
});

test("a policy of the Service sets every value", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    trafficPolicy(
      "p",
      { kind: "Service", name: "catalog" },
      {
        loadBalancer: { algorithm: "RoundRobin" },
        circuitBreaker: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 4 },
        outlierDetection: {
          consecutiveGatewayErrors: 0,
          consecutive5xx: 7,
          interval: "1s",
          baseEjectionTime: "10m",
          maxEjectionPercent: 10,
        },
        retry: { budget: { percent: 50, minPerSecond: 9 } },
        timeout: { connect: "250ms", idle: "0s" },
      },
    ),
  );
  const found = cluster(mesh);
  assert.equal(found.lbPolicy, 0);
  assert.equal(seconds(found.connectTimeout), 0.25);
  const limits = found.circuitBreakers?.thresholds[0];
  assert.deepEqual(
    [limits?.maxConnections, limits?.maxPendingRequests, limits?.maxRequests, limits?.maxRetries],
    [1, 2, 3, 4],
  );
  assert.deepEqual(limits?.retryBudget, { budgetPercent: { value: 50 }, minRetryConcurrency: 9 });
  assert.equal(found.outlierDetection?.enforcingConsecutiveGatewayFailure, 0);
  assert.equal(found.outlierDetection?.consecutive5xx, 7);
  assert.equal(found.outlierDetection?.enforcingConsecutive5xx, 100);
  assert.equal(seconds(found.outlierDetection?.baseEjectionTime), 600);
  assert.equal(seconds(found.outlierDetection?.maxEjectionTime), 600);
  assert.equal(weft(found)["retryMinPerSecond"], 9);
  const options = Object.values(found.typedExtensionProtocolOptions)[0];
  const decoded = HttpProtocolOptions.decode(options?.value ?? Buffer.alloc(0));
  assert.equal(seconds(decoded.commonHttpProtocolOptions?.idleTimeout), 0);
});

test("with both detectors off there is no outlier detection", () => {
  const mesh = new Mesh();
  const settings = { outlierDetection: { consecutiveGatewayErrors: 0 } };
  mesh.put(service("catalog"), trafficPolicy("p", { kind: "Service", name: "catalog" }, settings));
  assert.equal(cluster(mesh).outlierDetection, undefined);
});

test("a value comes from the port, the Service, the Namespace, the mesh, in this order", () => {
  const mesh = new Mesh();
  const limits = (maxRequests: number, more: Record<string, number> = {}) => ({
    circuitBreaker: { maxRequests, ...more },
  });
  mesh.put(service("catalog"), {
    kind: "MeshConfig",
    name: "default",
    spec: { traffic: limits(1, { maxConnections: 11, maxRetries: 111, maxPendingRequests: 1111 }) },
  });
  const read = (): (number | undefined)[] => {
    const [found] = cluster(mesh).circuitBreakers?.thresholds ?? [];
    return [
      found?.maxRequests,
      found?.maxConnections,
      found?.maxRetries,
      found?.maxPendingRequests,
    ];
  };
  assert.deepEqual(read(), [1, 11, 111, 1111]);
  const space = { kind: "Namespace", name: "shop" };
  mesh.put(trafficPolicy("n", space, limits(2, { maxConnections: 22, maxRetries: 222 })));
  assert.deepEqual(read(), [2, 22, 222, 1111]);
  mesh.put(
    trafficPolicy("s", { kind: "Service", name: "catalog" }, limits(3, { maxConnections: 33 })),
  );
  assert.deepEqual(read(), [3, 33, 222, 1111]);
  const port = { kind: "Service", name: "catalog", sectionName: "http" };
  mesh.put(trafficPolicy("p", port, limits(4)));
  assert.deepEqual(read(), [4, 33, 222, 1111]);
  mesh.delete({ kind: "TrafficPolicy", namespace: "shop", name: "p" });
  mesh.delete({ kind: "TrafficPolicy", namespace: "shop", name: "s" });
  assert.deepEqual(read(), [2, 22, 222, 1111]);
  mesh.delete({ kind: "TrafficPolicy", namespace: "shop", name: "n" });
  mesh.delete({ kind: "MeshConfig", name: "default" });
  assert.deepEqual(read(), [1024, 1024, 3, 1024]);
});

test("of two policies on one target the older holds, whatever the order of events", () => {
  for (const order of [
    ["old", "young"],
    ["young", "old"],
  ]) {
    const mesh = new Mesh();
    mesh.put(service("catalog"));
    for (const name of order) {
      const settings = { circuitBreaker: { maxRequests: name === "old" ? 1 : 2 } };
      const target = { kind: "Service", name: "catalog" };
      mesh.put(trafficPolicy(name, target, settings, { createdAt: name === "old" ? 10 : 20 }));
    }
    assert.equal(cluster(mesh).circuitBreakers?.thresholds[0]?.maxRequests, 1);
  }
});

const SPLIT = route(
  "canary",
  ["catalog"],
  [
    {
      backendRefs: [
        { name: "catalog-v1", port: 80, weight: 9 },
        { name: "catalog", port: 80 },
      ],
    },
  ],
);

test("settings of the service that was named reach the cluster that answers, in a cluster of its own", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog"), service("catalog-v1"), SPLIT);
  mesh.compile();
  assert.equal(outcome(mesh.host("shop", CATALOG).routes[0]), `${V1}=9 ${CATALOG}=1`);
  assert.equal(mesh.clusters().size, 3);
  const named = { kind: "Service", name: "catalog" };
  mesh.put(trafficPolicy("c", named, { circuitBreaker: { maxRequests: 5, maxConnections: 6 } }));
  mesh.compile();
  assert.equal(outcome(mesh.host("shop", CATALOG).routes[0]), `${V1_OF_CATALOG}=9 ${CATALOG}=1`);
  const variant = cluster(mesh, V1_OF_CATALOG);
  assert.equal(variant.circuitBreakers?.thresholds[0]?.maxRequests, 5);
  assert.equal(variant.edsClusterConfig?.serviceName, V1);
  assert.equal(weft(variant)["service"], "catalog-v1");
  assert.equal(cluster(mesh, V1).circuitBreakers?.thresholds[0]?.maxRequests, 1024);
  assert.equal(outcome(mesh.host("shop", V1).routes[0]), V1);
});

test("what the service that answers says itself wins over the one that was named", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    service("catalog-v1"),
    SPLIT,
    trafficPolicy(
      "c",
      { kind: "Service", name: "catalog" },
      {
        circuitBreaker: { maxRequests: 5, maxConnections: 6 },
      },
    ),
    trafficPolicy(
      "v1",
      { kind: "Service", name: "catalog-v1" },
      {
        circuitBreaker: { maxRequests: 7 },
      },
    ),
  );
  const [limits] = cluster(mesh, V1_OF_CATALOG).circuitBreakers?.thresholds ?? [];
  assert.deepEqual([limits?.maxRequests, limits?.maxConnections], [7, 6]);
});

test("a retry budget is per request, so it comes from the service that was named", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    service("catalog-v1"),
    SPLIT,
    trafficPolicy("c", { kind: "Service", name: "catalog" }, { retry: { budget: { percent: 7 } } }),
    trafficPolicy(
      "v1",
      { kind: "Service", name: "catalog-v1" },
      {
        retry: { budget: { percent: 9 } },
      },
    ),
  );
  const budget = (name: string): number | undefined =>
    cluster(mesh, name).circuitBreakers?.thresholds[0]?.retryBudget?.budgetPercent?.value;
  assert.equal(budget(V1_OF_CATALOG), 7);
  assert.equal(budget(V1), 9);
});

test("a variant goes with the last route or setting that wants it", () => {
  const mesh = new Mesh();
  const policy = trafficPolicy(
    "c",
    { kind: "Service", name: "catalog" },
    {
      loadBalancer: { algorithm: "Random" },
    },
  );
  mesh.put(service("catalog"), service("catalog-v1"), SPLIT, policy);
  assert.equal(cluster(mesh, V1_OF_CATALOG).lbPolicy, 3);
  mesh.delete({ kind: "HTTPRoute", namespace: "shop", name: "canary" }).compile();
  assert.equal(mesh.clusters().has(V1_OF_CATALOG), false);
  mesh.put(SPLIT);
  cluster(mesh, V1_OF_CATALOG);
  mesh.delete({ kind: "TrafficPolicy", namespace: "shop", name: "c" }).compile();
  assert.equal(mesh.clusters().has(V1_OF_CATALOG), false);
  assert.equal(outcome(mesh.host("shop", CATALOG).routes[0]), `${V1}=9 ${CATALOG}=1`);
});

test("a variant follows the workloads of the service that answers", () => {
  const mesh = new Mesh();
  const policy = trafficPolicy(
    "c",
    { kind: "Service", name: "catalog" },
    {
      loadBalancer: { algorithm: "Random" },
    },
  );
  mesh.put(service("catalog"), service("catalog-v1"), SPLIT, policy);
  cluster(mesh, V1_OF_CATALOG);
  mesh.put(workload("a", "catalog-v1", { serviceAccount: "v1" }));
  const wanted = ["spiffe://weft.local/ns/shop/sa/v1"];
  assert.deepEqual(identitiesOf(cluster(mesh, V1_OF_CATALOG)), wanted);
});

test("an algorithm proxies do not have is carried and done as LeastRequest", () => {
  const mesh = new Mesh();
  const settings = { loadBalancer: { algorithm: "PeakEwma" } };
  mesh.put(service("catalog"), trafficPolicy("p", { kind: "Service", name: "catalog" }, settings));
  const found = cluster(mesh);
  assert.equal(found.lbPolicy, 1);
  assert.equal(weft(found)["lbAlgorithm"], "PeakEwma");
});

test("a cluster demands mutual TLS when its workloads are Strict", () => {
  const strict = { mtls: { mode: "Strict" } };
  const requires = (mesh: Mesh): unknown => weft(cluster(mesh))["requireMtls"];
  const mesh = new Mesh();
  mesh.put(service("catalog"), service("all", { selector: { version: "v1" } }));
  mesh.put(workload("a", "catalog"));
  assert.equal(requires(mesh), false);
  const onOther = { targetRefs: [{ group: "", kind: "Service", name: "all" }], ...strict };
  mesh.put(peerAuthentication("p", onOther));
  assert.equal(requires(mesh), true, "its workloads belong to another service that is Strict");
  mesh.delete({ kind: "PeerAuthentication", namespace: "shop", name: "p" });
  assert.equal(requires(mesh), false);
  mesh.put(peerAuthentication("n", strict));
  assert.equal(requires(mesh), true, "by namespace");
  mesh.delete({ kind: "PeerAuthentication", namespace: "shop", name: "n" });
  mesh.put({ kind: "MeshConfig", name: "default", spec: { mtls: { mode: "Strict" } } });
  assert.equal(requires(mesh), true, "by mesh");
});

test("where mutual TLS is demanded, endpoints that do not offer it are asked for it", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog"), workload("a", "catalog"));
  mesh.put(peerAuthentication("n", { mtls: { mode: "Strict" } }));
  const [mtls, rest, ...more] = cluster(mesh).transportSocketMatches;
  assert.equal(more.length, 0);
  assert.deepEqual([rest?.name, rest?.match], ["refused", {}]);
  assert.deepEqual(rest?.transportSocket, mtls?.transportSocket);
});

test("a service without workloads demands what is written for it", () => {
  const mesh = new Mesh();
  const targetRefs = [{ group: "", kind: "Service", name: "catalog" }];
  mesh.put(service("catalog"), peerAuthentication("p", { targetRefs, mtls: { mode: "Strict" } }));
  assert.equal(weft(cluster(mesh))["requireMtls"], true);
});

test("a port's protocol is declared, or its workloads', or http", () => {
  const rows: [Record<string, unknown>, string, string][] = [
    [{ appProtocol: "kubernetes.io/h2c" }, "HTTP", "http2"],
    [{ appProtocol: "GRPC" }, "HTTP", "grpc"],
    [{ appProtocol: "mysql" }, "HTTP", "tcp"],
    [{ name: "grpc-api" }, "HTTP", "grpc"],
    [{ name: "tcp" }, "HTTP", "tcp"],
    [{ name: "web" }, "TCP", "tcp"],
    [{}, "GRPC", "grpc"],
  ];
  for (const [port, protocol, wanted] of rows) {
    const mesh = new Mesh();
    mesh.put(service("catalog", { ports: [{ port: 80, ...port }] }));
    const before = weft(cluster(mesh))["protocol"];
    mesh.put(workload("a", "catalog", { ports: [{ name: "x", port: 1, protocol }] }));
    assert.equal(weft(cluster(mesh))["protocol"], wanted, JSON.stringify(port));
    const isDeclared =
      port["appProtocol"] !== undefined || /^(grpc|tcp)/.test(String(port["name"]));
    assert.equal(before, isDeclared ? wanted : "http");
    assert.equal(weft(mesh.host("shop", CATALOG))["protocol"], wanted, "the virtual host follows");
  }
});
