import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatFieldError } from "./field-error.ts";
import type { ApiObject, KindInfo } from "./kind.ts";
import { kinds } from "./kinds.ts";
import { LOAD_BALANCER_ALGORITHMS, RETRY_CONDITIONS } from "./traffic-settings.ts";

function errors<T extends ApiObject>(info: KindInfo<T>, spec: unknown, name = "default"): string[] {
  const object: ApiObject = {
    apiVersion: "weft.dev/v1alpha1",
    kind: info.kind,
    metadata: { name, ...(info.namespaced ? { namespace: "shop" } : {}) },
    spec,
  };
  info.defaults(object);
  return info.validate(object).map(formatFieldError);
}

const paths = (list: readonly string[]): string[] => list.map((one) => one.split(": ")[0] ?? "");

const web = { group: "", kind: "Service", name: "web" };

describe("TrafficPolicy", () => {
  it("takes the shape of the design", () => {
    const spec = {
      targetRefs: [{ group: "", kind: "Service", name: "catalog" }],
      loadBalancer: { algorithm: "PeakEwma" },
      circuitBreaker: {
        maxConnections: 1024,
        maxPendingRequests: 1024,
        maxRequests: 1024,
        maxRetries: 3,
      },
      outlierDetection: {
        consecutiveGatewayErrors: 5,
        interval: "10s",
        baseEjectionTime: "30s",
        maxEjectionPercent: 50,
      },
      retry: {
        attempts: 2,
        perTryTimeout: "1s",
        on: ["connect-failure", "refused-stream", 503, "504"],
        budget: { percent: 20, minPerSecond: 3 },
      },
      timeout: { request: "15s", idle: "5m", connect: "5s" },
    };
    assert.deepEqual(errors(kinds.TrafficPolicy, spec), []);
    for (const algorithm of LOAD_BALANCER_ALGORITHMS) {
      assert.deepEqual(
        errors(kinds.TrafficPolicy, { targetRefs: [web], loadBalancer: { algorithm } }),
        [],
      );
    }
    assert.deepEqual(
      errors(kinds.TrafficPolicy, { targetRefs: [web], retry: { on: RETRY_CONDITIONS } }),
      [],
    );
  });

  it("targets Services and its own Namespace", () => {
    const own = { group: "", kind: "Namespace", name: "shop" };
    assert.deepEqual(errors(kinds.TrafficPolicy, { targetRefs: [web, own] }), []);
    const sections = [
      { ...web, sectionName: "http" },
      { ...web, sectionName: "grpc" },
    ];
    assert.deepEqual(errors(kinds.TrafficPolicy, { targetRefs: sections }), []);
    const wrong = [
      { group: "apps", kind: "Deployment", name: "a" },
      { ...own, name: "other", sectionName: "x" },
      web,
      web,
    ];
    assert.deepEqual(paths(errors(kinds.TrafficPolicy, { targetRefs: wrong })), [
      "spec.targetRefs[0].group",
      "spec.targetRefs[0].kind",
      "spec.targetRefs[1].sectionName",
      "spec.targetRefs[3]",
      "spec.targetRefs[1].name",
    ]);
    assert.deepEqual(paths(errors(kinds.TrafficPolicy, { targetRefs: [] })), ["spec.targetRefs"]);
    assert.deepEqual(paths(errors(kinds.TrafficPolicy, {})), ["spec.targetRefs"]);
  });

  it("reports every setting that cannot be", () => {
    const spec = {
      targetRefs: [web],
      loadBalancer: { algorithm: "Fastest" },
      circuitBreaker: { maxConnections: 0, maxRetries: -1 },
      outlierDetection: { interval: "0s", baseEjectionTime: "1.5s", maxEjectionPercent: 101 },
      retry: { attempts: -1, perTryTimeout: "0s", on: [503, "503", 200, "sometimes"] },
      timeout: { connect: "0s", request: "ever" },
    };
    assert.deepEqual(paths(errors(kinds.TrafficPolicy, spec)), [
      "spec.loadBalancer.algorithm",
      "spec.circuitBreaker.maxConnections",
      "spec.circuitBreaker.maxRetries",
      "spec.outlierDetection.baseEjectionTime",
      "spec.outlierDetection.maxEjectionPercent",
      "spec.outlierDetection.interval",
      "spec.retry.attempts",
      "spec.retry.perTryTimeout",
      "spec.retry.on[1]",
      "spec.retry.on[2]",
      "spec.retry.on[3]",
      "spec.timeout.request",
      "spec.timeout.connect",
    ]);
  });
});

describe("PeerAuthentication", () => {
  it("has a mode for all ports, or for some", () => {
    assert.deepEqual(errors(kinds.PeerAuthentication, { mtls: { mode: "Strict" } }), []);
    const portLevel = [{ port: 8080, mtls: { mode: "Disable" } }];
    assert.deepEqual(errors(kinds.PeerAuthentication, { targetRefs: [web], portLevel }), []);
    assert.deepEqual(paths(errors(kinds.PeerAuthentication, {})), ["spec.mtls"]);
    assert.deepEqual(
      paths(
        errors(kinds.PeerAuthentication, {
          mtls: { mode: "strict" },
          portLevel: [...portLevel, ...portLevel, { port: 0 }],
        }),
      ),
      ["spec.mtls.mode", "spec.portLevel[2].mtls", "spec.portLevel[2].port"],
    );
    assert.deepEqual(
      paths(errors(kinds.PeerAuthentication, { portLevel: [...portLevel, ...portLevel] })),
      ["spec.portLevel[1]"],
    );
  });
});

describe("MeshConfig", () => {
  it("is one, and lets programs call anything unless told otherwise", () => {
    const object: ApiObject = {
      apiVersion: "weft.dev/v1alpha1",
      kind: "MeshConfig",
      metadata: { name: "default" },
      spec: { traffic: { timeout: { request: "10s" } } },
    };
    kinds.MeshConfig.defaults(object);
    assert.deepEqual(object.spec, {
      traffic: { timeout: { request: "10s" } },
      outbound: "AllowAny",
    });
    assert.deepEqual(kinds.MeshConfig.validate(object), []);
    assert.deepEqual(paths(errors(kinds.MeshConfig, {}, "second")), ["metadata.name"]);
    const wrong = { outbound: "None", traffic: { timeout: { connect: "0s" } } };
    assert.deepEqual(paths(errors(kinds.MeshConfig, wrong)), [
      "spec.outbound",
      "spec.traffic.timeout.connect",
    ]);
  });
});

describe("Workload", () => {
  it("takes the shape of the design, and fills in the rest", () => {
    const object: ApiObject = {
      apiVersion: "weft.dev/v1alpha1",
      kind: "Workload",
      metadata: {
        name: "catalog-kvtqz",
        namespace: "shop",
        labels: { "weft.dev/service": "catalog" },
      },
      spec: {
        address: "127.0.0.1",
        ports: [{ name: "http", port: 8080, meshPort: 15006 }],
        locality: { region: "eu", zone: "eu-1" },
      },
    };
    kinds.Workload.defaults(object);
    assert.deepEqual(kinds.Workload.validate(object), []);
    assert.deepEqual(object.spec, {
      address: "127.0.0.1",
      ports: [{ name: "http", port: 8080, meshPort: 15006, protocol: "HTTP" }],
      locality: { region: "eu", zone: "eu-1" },
      serviceAccount: "default",
      weight: 100,
    });
  });

  it("reports every field that cannot be", () => {
    const ports = [
      { name: "a", port: 1, meshPort: 2 },
      { name: "b", port: 1, meshPort: 2 },
      { name: "c", port: 3, protocol: "UDP" },
      { name: "a", port: 4 },
    ];
    const spec = { address: "localhost", ports, weight: -1, serviceAccount: "A" };
    assert.deepEqual(paths(errors(kinds.Workload, spec)), [
      "spec.serviceAccount",
      "spec.ports[2].protocol",
      "spec.ports[3]",
      "spec.weight",
      "spec.address",
      "spec.ports[1].port",
      "spec.ports[1].meshPort",
    ]);
  });

  it("shows whether it is ready", () => {
    const columns = kinds.Workload.columns.filter((column) => column.priority === 0);
    assert.deepEqual(
      columns.map((column) => column.name),
      ["Name", "Ready", "Account", "Address", "Ports", "Age"],
    );
    const ready = {
      type: "Ready",
      status: "True",
      reason: "A",
      message: "",
      lastTransitionTime: "",
    };
    const object = {
      metadata: { name: "a" },
      spec: { ports: [{ port: 1 }, { port: 2 }] },
      status: { conditions: [ready] },
    };
    assert.equal(columns[1]?.cell(object as never, 0), "True");
    assert.equal(columns[4]?.cell(object as never, 0), "1,2");
  });
});

describe("Namespace", () => {
  it("carries its name as a label and is active", () => {
    const object: ApiObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } };
    kinds.Namespace.defaults(object);
    assert.deepEqual(object.metadata.labels, { "kubernetes.io/metadata.name": "shop" });
    assert.deepEqual(object.status, { phase: "Active" });
    assert.deepEqual(kinds.Namespace.validate(object), []);
    object.metadata.name = "a.b";
    assert.deepEqual(
      kinds.Namespace.validate(object).map((error) => error.path),
      ["metadata.name"],
    );
  });
});

describe("GatewayClass", () => {
  it("keeps its controller", () => {
    const make = (controllerName: string): never => {
      return { metadata: { name: "a" }, spec: { controllerName } } as never;
    };
    const update = kinds.GatewayClass.validateUpdate(make("b.test/c"), make("a.test/c"));
    assert.deepEqual(
      update.map((error) => error.path),
      ["spec.controllerName"],
    );
    assert.deepEqual(kinds.GatewayClass.validateUpdate(make("a.test/c"), make("a.test/c")), []);
  });
});
