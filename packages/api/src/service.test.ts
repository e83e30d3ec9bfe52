import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatFieldError } from "./field-error.ts";
import { type Service, type ServiceSpec, serviceKind } from "./service.ts";
import { portNameError } from "./service-rules.ts";

function service(spec: unknown): Service {
  const metadata = { name: "web", namespace: "shop" };
  const object = { apiVersion: "v1", kind: "Service", metadata, spec } as Service;
  serviceKind.defaults(object);
  return object;
}

function errors(spec: unknown): string[] {
  return serviceKind.validate(service(spec)).map(formatFieldError);
}

function cells(spec: ServiceSpec): unknown[] {
  return serviceKind.columns.slice(1, 5).map((column) => column.cell(service(spec), 0));
}

describe("Service", () => {
  it("gets Kubernetes' defaults, but no targetPort and no address", () => {
    assert.deepEqual(service({ ports: [{ port: 80 }] }).spec, {
      ports: [{ port: 80, protocol: "TCP" }],
      type: "ClusterIP",
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
    });
  });

  it("needs ports, except without an address of its own", () => {
    assert.deepEqual(errors({}), ["spec.ports: Required value"]);
    assert.deepEqual(errors({ clusterIP: "None" }), []);
    assert.deepEqual(errors({ type: "ExternalName", externalName: "example.test." }), []);
  });

  it("reports every wrong port", () => {
    const ports = [
      { port: 0, name: "A" },
      { port: 80, targetPort: 70_000 },
      { port: 81, name: "b", targetPort: "No_Name", appProtocol: "a b" },
      { port: 81, name: "b", nodePort: 3 },
      { port: "x", name: "c" },
    ];
    assert.deepEqual(
      errors({ ports, selector: { "a b": "c" } }).map((error) =>
        error.slice(0, error.indexOf(": ")),
      ),
      [
        "spec.ports[0].port",
        "spec.ports[1].targetPort",
        "spec.ports[2].targetPort",
        "spec.ports[2].appProtocol",
        "spec.ports[4].port",
      ],
    );
    const shaped = ports.slice(0, 4);
    assert.deepEqual(
      errors({ ports: shaped, selector: { "a b": "c" } }).map((error) => error.split(": ")[0]),
      [
        "spec.ports[0].port",
        "spec.ports[1].targetPort",
        "spec.ports[2].targetPort",
        "spec.ports[2].appProtocol",
        "spec.ports[3]",
        "spec.ports[0].name",
        "spec.ports[1].name",
        "spec.ports[3].name",
        "spec.ports[3].nodePort",
        "spec.selector",
      ],
    );
  });

  it("takes one number for two protocols", () => {
    const ports = [
      { name: "tcp", port: 53, protocol: "TCP" },
      { name: "udp", port: 53, protocol: "UDP" },
    ];
    assert.deepEqual(errors({ ports }), []);
  });

  it("checks addresses and external names", () => {
    const ports = [{ port: 80 }];
    assert.deepEqual(errors({ ports, clusterIP: "x" }), [
      "spec.clusterIP: Invalid value: \"x\": must be empty, 'None', or a valid IP address",
    ]);
    assert.equal(errors({ ports, clusterIP: "127.0.0.1", clusterIPs: ["::1"] }).length, 1);
    assert.equal(errors({ ports, clusterIPs: ["x"] }).length, 2);
    assert.equal(errors({ ports, clusterIP: "None", type: "NodePort" }).length, 1);
    assert.equal(errors({ ports, externalIPs: ["127.0.0.1", "x"] }).length, 1);
    assert.deepEqual(errors({ type: "ExternalName", clusterIP: "127.0.0.1" }), [
      "spec.clusterIP: Forbidden: may not be set when `type` is 'ExternalName'",
      "spec.externalName: Required value",
    ]);
    assert.equal(errors({ type: "ExternalName", externalName: "A_b" }).length, 1);
  });

  it("checks session affinity", () => {
    const ports = [{ port: 80 }];
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 0 } };
    assert.equal(errors({ ports, sessionAffinity: "ClientIP", sessionAffinityConfig }).length, 1);
    assert.equal(errors({ ports, sessionAffinityConfig }).length, 1);
    const day = { clientIP: { timeoutSeconds: 86_400 } };
    const sticky = { ports, sessionAffinity: "ClientIP", sessionAffinityConfig: day };
    assert.deepEqual(errors(sticky), []);
  });

  it("keeps an address once it has one", () => {
    const ports = [{ port: 80 }];
    const before = service({ ports, clusterIP: "127.0.0.1" });
    const update = (spec: object): number => {
      return serviceKind.validateUpdate(service({ ports, ...spec }), before).length;
    };
    assert.equal(update({ clusterIP: "127.0.0.1" }), 0);
    assert.equal(update({ clusterIP: "127.0.0.2" }), 1);
    assert.equal(update({}), 1);
    assert.equal(update({ type: "ExternalName", externalName: "example.test" }), 0);
  });

  it("has a name that can start a DNS name", () => {
    const object = service({ ports: [{ port: 80 }] });
    object.metadata.name = "1web";
    assert.deepEqual(
      serviceKind.validate(object).map((error) => error.path),
      ["metadata.name"],
    );
  });

  it("shows its columns", () => {
    assert.deepEqual(cells({ ports: [{ port: 80 }, { port: 53, protocol: "UDP", name: "d" }] }), [
      "ClusterIP",
      "<none>",
      "<none>",
      "80/TCP,53/UDP",
    ]);
    assert.deepEqual(cells({ type: "ExternalName", externalName: "example.test" }), [
      "ExternalName",
      "<none>",
      "example.test",
      "<none>",
    ]);
    assert.deepEqual(cells({ type: "LoadBalancer", ports: [{ port: 80, nodePort: 30080 }] }), [
      "LoadBalancer",
      "<none>",
      "<pending>",
      "80:30080/TCP",
    ]);
    const selector = serviceKind.columns.find((column) => column.name === "Selector");
    assert.equal(selector?.priority, 1);
    assert.equal(selector?.cell(service({ selector: { a: "b" } }), 0), "a=b");
  });

  it("has port names as IANA has them", () => {
    for (const name of ["http", "a-1", "1a"]) assert.equal(portNameError(name), null, name);
    for (const name of ["", "80", "a--b", "-a", "a-", "A", "x".repeat(16)]) {
      assert.equal(typeof portNameError(name), "string", name);
    }
  });
});
