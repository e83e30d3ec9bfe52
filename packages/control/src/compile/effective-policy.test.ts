import assert from "node:assert/strict";
import { test } from "node:test";
import { effectivePolicy } from "./effective-policy.ts";
import { Mesh, peerAuthentication, service, trafficPolicy, workload } from "./fixture.test.ts";

function effective(mesh: Mesh) {
  return effectivePolicy(mesh.model, "shop", "catalog") ?? assert.fail();
}

test("nothing written: every default of design section 6, and that it is one", () => {
  const mesh = new Mesh();
  const { values, conflicted } = effective(mesh.put(service("catalog")));
  assert.deepEqual(
    values.map(({ name, value }) => [name, value]),
    [
      ["loadBalancer.algorithm", "LeastRequest"],
      ["circuitBreaker.maxConnections", 1024],
      ["circuitBreaker.maxPendingRequests", 1024],
      ["circuitBreaker.maxRequests", 1024],
      ["circuitBreaker.maxRetries", 3],
      ["outlierDetection.consecutiveGatewayErrors", 5],
      ["outlierDetection.consecutive5xx", null],
      ["outlierDetection.interval", "10s"],
      ["outlierDetection.baseEjectionTime", "30s"],
      ["outlierDetection.maxEjectionPercent", 50],
      ["timeout.connect", "5s"],
      ["timeout.idle", "5m"],
      ["proxyProtocol", null],
      ["retry.attempts", 2],
      ["retry.perTryTimeout", null],
      ["retry.on", ["connect-failure", "refused-stream", 503]],
      ["retry.budget.percent", 20],
      ["retry.budget.minPerSecond", 3],
      ["timeout.request", null],
      ["mtls.mode", "Permissive"],
    ],
  );
  assert.ok(values.every(({ origin }) => origin.kind === "Default"));
  assert.deepEqual(conflicted, []);
});

test("each value names the object it comes from", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    trafficPolicy("own", { kind: "Service", name: "catalog" }, { timeout: { request: "15s" } }),
    trafficPolicy(
      "wide",
      { kind: "Namespace", name: "shop" },
      {
        timeout: { request: "1s", idle: "1m30s" },
      },
    ),
    { kind: "MeshConfig", name: "default", spec: { traffic: { retry: { attempts: 0 } } } },
    peerAuthentication("strict", { mtls: { mode: "Strict" } }),
  );
  const found = (name: string) => effective(mesh).values.find((one) => one.name === name);
  assert.deepEqual(found("timeout.request"), {
    name: "timeout.request",
    value: "15s",
    origin: { kind: "TrafficPolicy", namespace: "shop", name: "own", attachedTo: "Service" },
  });
  assert.equal(found("timeout.idle")?.value, "1m30s");
  assert.deepEqual(found("timeout.idle")?.origin, {
    kind: "TrafficPolicy",
    namespace: "shop",
    name: "wide",
    attachedTo: "Namespace",
  });
  assert.deepEqual(found("retry.attempts")?.origin, { kind: "MeshConfig", name: "default" });
  assert.deepEqual(found("mtls.mode"), {
    name: "mtls.mode",
    value: "Strict",
    origin: {
      kind: "PeerAuthentication",
      namespace: "shop",
      name: "strict",
      attachedTo: "Namespace",
    },
  });
});

test("a port in another mode is listed, and so are policies that lost", () => {
  const mesh = new Mesh();
  const target = { kind: "Service", name: "catalog" };
  mesh.put(
    service("catalog"),
    workload("a", "catalog"),
    peerAuthentication("p", {
      mtls: { mode: "Strict" },
      portLevel: [{ port: 8080, mtls: { mode: "Disable" } }],
    }),
    trafficPolicy("old", target, {}, { createdAt: 1 }),
    trafficPolicy("young", target, {}, { createdAt: 2 }),
  );
  const { values, conflicted } = effective(mesh);
  const modes = values.filter(({ name }) => name.startsWith("mtls"));
  assert.deepEqual(
    modes.map(({ name, value }) => [name, value]),
    [
      ["mtls.mode", "Strict"],
      ["mtls.mode[http]", "Disable"],
    ],
  );
  const lost = { kind: "TrafficPolicy", namespace: "shop", name: "young" };
  assert.deepEqual(conflicted, [lost]);
});

test("without the service there is nothing in force", () => {
  assert.equal(effectivePolicy(new Mesh().model, "shop", "catalog"), null);
});
