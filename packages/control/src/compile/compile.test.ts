// Determinism: the same model gives the same bytes, however it was reached.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, seededRandom } from "@weft/runtime";
import {
  condition,
  Mesh,
  peerAuthentication,
  route,
  service,
  trafficPolicy,
  workload,
  type Written,
} from "./fixture.test.ts";

const NAMESPACES = ["shop", "web"];
const NAMES = ["catalog", "orders", "stock"];

/** Versions of everything, and of the tables of each namespace for each class. */
function versionsOf(mesh: Mesh): Record<string, string> {
  const versions: Record<string, string> = {};
  const { clusters: all, endpoints } = mesh.compiler;
  for (const one of all.values()) versions[`cluster ${one.name}`] = one.version;
  for (const one of endpoints.values()) versions[`endpoints ${one.name}`] = one.version;
  for (const client of ["builtin", "envoy"] as const) {
    for (const namespace of NAMESPACES) {
      versions[`${client} ${namespace}`] = mesh.compiler.routeTable(client, namespace).version;
    }
  }
  for (const [key, held] of mesh.model.objects.Workload) {
    const { listeners, clusters } = mesh.compiler.inbound(held);
    for (const one of listeners) versions[`${key} listener ${one.name}`] = one.version;
    for (const one of clusters) versions[`${key} cluster ${one.name}`] = one.version;
  }
  return versions;
}

function newMesh(): Mesh {
  const mesh = new Mesh();
  mesh.compiler.addClass("envoy");
  return mesh;
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.integer(values.length)] as T;
}

/** Any object, with any of a few contents. */
function anyObject(random: Random): Written {
  const namespace = pick(random, NAMESPACES);
  const name = pick(random, NAMES);
  const createdAt = 1 + random.integer(3);
  const more = { namespace, createdAt };
  const target = { kind: "Service", name };
  switch (random.integer(8)) {
    case 0:
      return { ...service(name, anyPorts(random), namespace), createdAt };
    case 1:
    case 2:
      return anyWorkload(random, more);
    case 3:
    case 4:
      return anyRoute(random, more);
    case 5:
      return trafficPolicy(`t-${pick(random, NAMES)}`, target, anySettings(random), more);
    case 6: {
      const isWide = random.integer(2) === 0;
      const targetRefs = isWide ? {} : { targetRefs: [{ group: "", ...target }] };
      const mode = pick(random, ["Strict", "Permissive", "Disable"]);
      return peerAuthentication(`p-${name}`, { ...targetRefs, mtls: { mode } }, more);
    }
    default:
      return anyWide(random, namespace);
  }
}

function anyPorts(random: Random): Record<string, unknown> {
  const first = { name: pick(random, ["http", "web"]), port: 80 };
  const second = { name: "alt", port: 81, appProtocol: pick(random, ["tcp", "grpc", "http"]) };
  return { ports: random.integer(2) === 0 ? [first] : [first, second] };
}

function anyWorkload(random: Random, more: { namespace: string; createdAt: number }): Written {
  const status = { conditions: [condition("Ready", pick(random, ["True", "False", "Unknown"]))] };
  const protocol = pick(random, ["HTTP", "TCP", "GRPC"]);
  const ports = [{ name: "http", port: 8080, protocol, meshPort: 15_006 + random.integer(2) }];
  const serviceAccount = pick(random, ["a", "b"]);
  const zone = pick(random, ["z1", "z2"]);
  const spec = { ports, serviceAccount, locality: { zone } };
  return workload(`w${random.integer(4)}`, pick(random, NAMES), spec, { status, ...more });
}

function anyRoute(random: Random, more: { namespace: string; createdAt: number }): Written {
  const parent = {
    group: "",
    kind: "Service",
    name: pick(random, NAMES),
    namespace: pick(random, NAMESPACES),
  };
  const backendRefs = [0, 1].map(() => ({
    name: pick(random, NAMES),
    namespace: pick(random, NAMESPACES),
    port: 80,
    weight: random.integer(3),
  }));
  const matches = [{ path: { value: pick(random, ["/", "/a"]) } }];
  return route(`r${random.integer(3)}`, [parent], [{ matches, backendRefs }], more);
}

function anySettings(random: Random): Record<string, unknown> {
  return pick(random, [
    { circuitBreaker: { maxRequests: 1 + random.integer(3) } },
    { retry: { attempts: random.integer(3), budget: { percent: random.integer(3) } } },
    { loadBalancer: { algorithm: "Random" }, timeout: { idle: "1s", request: "2s" } },
  ]);
}

function anyWide(random: Random, namespace: string): Written {
  const traffic = anySettings(random);
  if (random.integer(3) === 0) {
    const outbound = pick(random, ["AllowAny", "RegistryOnly"]);
    return { kind: "MeshConfig", name: "default", spec: { outbound, traffic } };
  }
  if (random.integer(2) === 0) {
    return trafficPolicy("wide", { kind: "Namespace", name: namespace }, traffic, { namespace });
  }
  const from = NAMESPACES.map((one) => {
    return { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: one };
  });
  const spec = { from, to: [{ group: "", kind: "Service" }] };
  return { kind: "ReferenceGrant", namespace, name: "g", spec };
}

test("after any events, everything is as if it had been compiled from nothing", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const mesh = newMesh();
    const present = new Map<string, Written>();
    for (let step = 0; step < 14; step++) {
      for (let events = 1 + random.integer(3); events > 0; events--) {
        const object = anyObject(random);
        const key = `${object.kind}/${object.namespace ?? ""}/${object.name}`;
        if (present.has(key) && random.integer(3) === 0) {
          present.delete(key);
          mesh.delete(object);
        } else {
          present.delete(key);
          present.set(key, { createdAt: 1, ...object });
          mesh.put({ createdAt: 1, ...object });
        }
      }
      mesh.compile();
      // What is compiled only when it is asked for must be kept up to date from then on.
      versionsOf(mesh);
    }
    const fresh = newMesh();
    const objects = [...present.values()].sort(() => random.next() - 0.5);
    fresh.put(...objects).compile();
    assert.deepEqual(versionsOf(mesh), versionsOf(fresh), `seed ${seed}`);
  }
});

test("a change of one workload touches the services that select it, nothing else", () => {
  const mesh = new Mesh();
  for (const name of NAMES) mesh.put(service(name), workload(`${name}-1`, name));
  mesh.compile();
  const before = new Map(mesh.compiler.endpoints);
  const { clusters } = mesh.compiler;
  const table = mesh.compiler.routeTable("builtin", "shop");
  mesh.put(workload("orders-1", "orders", { address: "127.0.0.99" }));
  const result = mesh.compile();
  assert.deepEqual(result, {
    hasClusterChange: false,
    hasEndpointChange: true,
    hasRouteChange: false,
  });
  assert.deepEqual([...mesh.last.endpoints], ["shop/orders"]);
  assert.equal(mesh.compiler.clusters, clusters);
  assert.equal(mesh.compiler.routeTable("builtin", "shop"), table);
  for (const [name, resource] of mesh.compiler.endpoints) {
    assert.equal(resource === before.get(name), !name.startsWith("orders"), name);
  }
});

test("a status or an annotation makes nothing stale", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog"), workload("a", "catalog", {}, { createdAt: 1 })).compile();
  const held = mesh.model.objects.Workload.get("shop/a") ?? assert.fail();
  const object = structuredClone(held);
  object.metadata.annotations = { note: "x" };
  object.status = { ...object.status, proxy: { adminPort: 15_000 } };
  mesh.apply({ type: "put", kind: "Workload", object, revision: 99 });
  const { endpoints } = mesh.compiler;
  const result = mesh.compile();
  assert.equal(result.hasEndpointChange, false);
  assert.equal(mesh.last.endpoints.size, 0);
  assert.equal(mesh.compiler.endpoints, endpoints);
  assert.equal(mesh.model.objects.Workload.get("shop/a"), object, "but the model has it");
  assert.equal(mesh.model.revision, 99);
});
