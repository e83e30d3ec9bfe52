import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addressOf,
  condition,
  Mesh,
  peerAuthentication,
  service,
  weft,
  workload,
} from "./fixture.test.ts";
import { unmatchedPorts } from "./endpoints.ts";

const CATALOG = "catalog.shop.svc.cluster.local:80";

function portOf(ports: unknown[], servicePort: Record<string, unknown>): string[] {
  const mesh = new Mesh();
  mesh.put(service("catalog", { ports: [{ port: 80, ...servicePort }] }));
  mesh.put(workload("a", "catalog", { ports }));
  mesh.compile();
  return mesh.addresses(CATALOG);
}

const NAMED = [
  { name: "http", port: 8080, meshPort: 15_006 },
  { name: "admin", port: 9090, meshPort: 15_007 },
];

test("a service port finds a workload's port as design section 5 says", () => {
  const rows: [string, unknown[], Record<string, unknown>, string[]][] = [
    ["targetPort by name", NAMED, { name: "web", targetPort: "admin" }, ["127.0.0.1:15007"]],
    ["targetPort by number", NAMED, { name: "web", targetPort: 8080 }, ["127.0.0.1:15006"]],
    ["targetPort that nobody has", NAMED, { name: "http", targetPort: 7000 }, []],
    ["targetPort name that nobody has, one port", NAMED.slice(0, 1), { targetPort: "x" }, []],
    ["no targetPort: the same name", NAMED, { name: "admin" }, ["127.0.0.1:15007"]],
    ["no targetPort: the same number", [...NAMED, { name: "x", port: 80 }], {}, ["127.0.0.1:80"]],
    ["no targetPort: the only port", NAMED.slice(0, 1), { name: "web" }, ["127.0.0.1:15006"]],
    ["no targetPort: none of the above", NAMED, { name: "web" }, []],
  ];
  for (const [name, ports, servicePort, wanted] of rows) {
    assert.deepEqual(portOf(ports, servicePort), wanted, name);
  }
});

test("a port that no workload can serve is reported with the workloads", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog", {
      ports: [
        { name: "web", port: 80 },
        { name: "admin", port: 81 },
      ],
    }),
    workload("a", "catalog", { ports: NAMED }),
  );
  const held = mesh.model.objects.Service.get("shop/catalog");
  assert.ok(held);
  const unmatched = unmatchedPorts(mesh.model, held);
  assert.deepEqual(
    unmatched.map(({ port, workloads }) => [port.name, workloads]),
    [["web", ["a"]]],
  );
});

test("members are the workloads the selector matches, in the namespace, nothing else", () => {
  const mesh = new Mesh();
  const labels = { "weft.dev/service": "catalog", version: "v2" };
  mesh.put(
    service("catalog"),
    service("catalog-v2", { selector: labels }),
    service("bare", { selector: {} }),
    workload("a", "catalog", { address: "127.0.0.2" }),
    workload("b", "catalog", { address: "127.0.0.3" }, { labels }),
    workload("c", "catalog", { address: "127.0.0.4" }, { namespace: "other" }),
    workload("d", "other", { address: "127.0.0.5" }),
  );
  mesh.compile();
  assert.deepEqual(mesh.addresses(CATALOG), ["127.0.0.2:15006", "127.0.0.3:15006"]);
  assert.deepEqual(mesh.addresses("catalog-v2.shop.svc.cluster.local:80"), ["127.0.0.3:15006"]);
  assert.deepEqual(mesh.addresses("bare.shop.svc.cluster.local:80"), []);
});

test("only workloads that take requests are endpoints", () => {
  const unmeshed = [{ name: "http", port: 8080 }];
  const rows: [string, Record<string, unknown>, Record<string, unknown>, number][] = [
    ["ready", {}, {}, 1],
    ["not ready", {}, { status: { conditions: [condition("Ready", "False")] } }, 0],
    [
      "its stream was lost and kept",
      {},
      { status: { conditions: [condition("Ready", "Unknown")] } },
      1,
    ],
    ["not checked yet", {}, { status: {} }, 0],
    ["without a sidecar nobody checks", { ports: unmeshed }, { status: {} }, 1],
    ["weight 0", { weight: 0 }, {}, 0],
  ];
  for (const [name, spec, more, wanted] of rows) {
    const mesh = new Mesh();
    mesh.put(service("catalog"), workload("a", "catalog", spec, more));
    mesh.compile();
    assert.equal(mesh.addresses(CATALOG).length, wanted, name);
  }
});

test("an endpoint says how it is dialled and who it is", () => {
  const mesh = new Mesh();
  const ports = [{ name: "http", port: 8080 }];
  mesh.put(
    service("catalog"),
    workload("a", "catalog", { weight: 30 }),
    workload("b", "catalog", { ports, address: "127.0.0.2" }),
  );
  mesh.compile();
  const [meshed, bare] = mesh.endpoints().get(CATALOG)?.endpoints[0]?.lbEndpoints ?? [];
  assert.ok(meshed && bare);
  assert.equal(addressOf(meshed), "127.0.0.1:15006");
  assert.equal(meshed.healthStatus, 1);
  assert.equal(meshed.loadBalancingWeight, 30);
  assert.deepEqual(meshed.metadata?.filterMetadata, {
    "dev.weft": {
      identity: "spiffe://weft.local/ns/shop/sa/catalog",
      version: "v1",
      workload: "shop/a",
    },
    "envoy.transport_socket_match": { tlsMode: "mtls" },
  });
  assert.equal(addressOf(bare), "127.0.0.2:8080");
  assert.equal(bare.metadata?.filterMetadata["envoy.transport_socket_match"], undefined);
  assert.equal(weft(bare)["workload"], "shop/b");
});

test("an endpoint whose health is unknown says so and stays", () => {
  const mesh = new Mesh();
  const status = { conditions: [condition("Ready", "Unknown")] };
  mesh.put(service("catalog"), workload("a", "catalog", {}, { status }));
  mesh.compile();
  const [endpoint] = mesh.endpoints().get(CATALOG)?.endpoints[0]?.lbEndpoints ?? [];
  assert.equal(endpoint?.healthStatus, 0);
});

test("a workload that offers no TLS is dialled in plaintext at its meshPort", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    workload("a", "catalog"),
    peerAuthentication("off", { mtls: { mode: "Disable" } }),
  );
  mesh.compile();
  const [endpoint] = mesh.endpoints().get(CATALOG)?.endpoints[0]?.lbEndpoints ?? [];
  assert.ok(endpoint);
  assert.equal(addressOf(endpoint), "127.0.0.1:15006");
  assert.equal(endpoint.metadata?.filterMetadata["envoy.transport_socket_match"], undefined);
  mesh.delete({ kind: "PeerAuthentication", namespace: "shop", name: "off" }).compile();
  const [again] = mesh.endpoints().get(CATALOG)?.endpoints[0]?.lbEndpoints ?? [];
  assert.ok(again?.metadata?.filterMetadata["envoy.transport_socket_match"]);
});

test("endpoints stand in localities whose weights are the sums of theirs", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    workload("a", "catalog", { locality: { region: "eu", zone: "eu-2" } }),
    workload("b", "catalog", { locality: { region: "eu", zone: "eu-1" }, address: "127.0.0.2" }),
    workload("c", "catalog", {
      locality: { region: "eu", zone: "eu-2" },
      address: "127.0.0.3",
      weight: 5,
    }),
    workload("d", "catalog", { address: "127.0.0.4" }),
  );
  mesh.compile();
  const localities = mesh.endpoints().get(CATALOG)?.endpoints ?? [];
  assert.deepEqual(
    localities.map(({ locality, loadBalancingWeight, lbEndpoints }) => [
      locality?.region,
      locality?.zone,
      loadBalancingWeight,
      lbEndpoints.length,
    ]),
    [
      ["", "", 100, 1],
      ["eu", "eu-1", 100, 1],
      ["eu", "eu-2", 105, 2],
    ],
  );
});

function slice(name: string, fields: Record<string, unknown>) {
  const labels = { "kubernetes.io/service-name": "legacy" };
  return { kind: "EndpointSlice", namespace: "shop", name, labels, rest: fields };
}

test("slices written by hand give unmeshed endpoints", () => {
  const mesh = new Mesh();
  const endpoints = [
    { addresses: ["127.0.0.9"], zone: "z1" },
    { addresses: ["127.0.0.8"], conditions: { ready: false } },
    { addresses: ["127.0.0.7", "127.0.0.6"], conditions: {} },
  ];
  mesh.put(
    service("legacy", {
      selector: undefined,
      ports: [
        { name: "http", port: 80 },
        { name: "x", port: 81 },
      ],
    }),
    slice("one", { addressType: "IPv4", ports: [{ name: "http", port: 5000 }], endpoints }),
    slice("two", {
      addressType: "IPv4",
      ports: [{ name: "http", port: 5000 }],
      endpoints: [{ addresses: ["127.0.0.9"] }, { addresses: ["127.0.0.5"] }],
    }),
    slice("names", {
      addressType: "FQDN",
      ports: [{ name: "http", port: 5000 }],
      endpoints: [{ addresses: ["db.example.org"] }],
    }),
  );
  mesh.compile();
  const name = "legacy.shop.svc.cluster.local";
  const wanted = ["127.0.0.7:5000", "127.0.0.5:5000", "127.0.0.9:5000"];
  assert.deepEqual(mesh.addresses(`${name}:80`), wanted);
  assert.deepEqual(mesh.addresses(`${name}:81`), []);
  const [first] = mesh.endpoints().get(`${name}:80`)?.endpoints[0]?.lbEndpoints ?? [];
  assert.equal(first?.metadata, undefined);
  mesh.delete({ kind: "EndpointSlice", namespace: "shop", name: "one" }).compile();
  assert.deepEqual(mesh.addresses(`${name}:80`), ["127.0.0.9:5000", "127.0.0.5:5000"]);
});

test("a service without workloads has an assignment without endpoints; without the service there is none", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog")).compile();
  assert.deepEqual(mesh.addresses(CATALOG), []);
  mesh.delete({ kind: "Service", namespace: "shop", name: "catalog" }).compile();
  assert.equal(mesh.endpoints().size, 0);
  assert.deepEqual([...mesh.clusters().keys()], ["passthrough"]);
});

test("datagram ports and services that stand for a DNS name are not the mesh's", () => {
  const mesh = new Mesh();
  mesh.put(
    service("dns", { ports: [{ name: "dns", port: 53, protocol: "UDP" }] }),
    service("out", { type: "ExternalName", externalName: "db.example.org", selector: undefined }),
  );
  mesh.compile();
  assert.equal(mesh.endpoints().size, 0);
  const names = mesh.table("shop").virtualHosts.map((host) => host.name);
  assert.deepEqual(names, ["dns.shop.svc.cluster.local:*", "outbound-any"]);
});
