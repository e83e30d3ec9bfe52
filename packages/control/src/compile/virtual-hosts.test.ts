import assert from "node:assert/strict";
import { test } from "node:test";
import { Mesh, outcome, route, service, weft } from "./fixture.test.ts";

const FQDN = "catalog.shop.svc.cluster.local";

test("a service is called by its names at its ports, in its own namespace also without the namespace", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog", {
      ports: [
        { name: "http", port: 80 },
        { name: "http-8080", port: 8080, targetPort: "http" },
      ],
    }),
  );
  mesh.compile();
  assert.deepEqual(mesh.host("other", `${FQDN}:80`).domains, [
    "catalog.shop:80",
    "catalog.shop.mesh:80",
    "catalog.shop.svc.cluster.local:80",
    "catalog.shop",
    "catalog.shop.mesh",
    "catalog.shop.svc.cluster.local",
  ]);
  assert.deepEqual(mesh.host("other", `${FQDN}:8080`).domains, [
    "catalog.shop:8080",
    "catalog.shop.mesh:8080",
    "catalog.shop.svc.cluster.local:8080",
  ]);
  const own = mesh.host("shop", `${FQDN}:8080`).domains;
  assert.deepEqual(own.slice(0, 2), ["catalog:8080", "catalog.shop:8080"]);
  assert.ok(mesh.host("shop", `${FQDN}:80`).domains.includes("catalog"));
  const metadata = { namespace: "shop", port: 8080, protocol: "http", service: "catalog" };
  assert.deepEqual(weft(mesh.host("shop", `${FQDN}:8080`)), metadata);
});

test("any other port of a service is answered 404 with a flag, also the one left out", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog"), service("alt", { ports: [{ name: "http", port: 8080 }] })).compile();
  const host = mesh.host("other", `${FQDN}:*`);
  assert.deepEqual(host.domains, [
    "catalog.shop:*",
    "catalog.shop.mesh:*",
    "catalog.shop.svc.cluster.local:*",
  ]);
  assert.deepEqual(host.routes.map(outcome), ["404"]);
  assert.deepEqual(weft(host.routes[0] ?? assert.fail()), { flag: "NP" });
  const [said, ...more] = host.routes[0]?.responseHeadersToAdd ?? [];
  assert.deepEqual([said?.header?.key, said?.header?.value, more], ["x-weft-flag", "NP", []]);
  const without = mesh.host("shop", "alt.shop.svc.cluster.local:*").domains;
  assert.ok(without.includes("alt") && without.includes("alt.shop"));
});

test("every domain belongs to one virtual host", () => {
  const mesh = new Mesh();
  for (const namespace of ["shop", "mesh", "svc"]) {
    for (const name of ["catalog", "shop", "mesh"]) mesh.put(service(name, {}, namespace));
  }
  mesh.compile();
  for (const callers of ["shop", "mesh", "none"]) {
    const domains = mesh.table(callers).virtualHosts.flatMap((host) => host.domains);
    assert.equal(new Set(domains).size, domains.length);
  }
});

test("a tcp port has one route, for CONNECT", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog", { ports: [{ name: "db", port: 5432, appProtocol: "tcp" }] }),
    route("r", ["catalog"], [{}]),
  );
  mesh.compile();
  const { routes } = mesh.host("shop", `${FQDN}:5432`);
  assert.equal(routes.length, 1);
  assert.equal(routes[0]?.match?.pathSpecifier?.$case, "connectMatcher");
  assert.equal(outcome(routes[0]), `${FQDN}:5432`);
  const action = routes[0]?.action;
  assert.equal(action?.$case, "route");
  assert.equal(action.route.upgradeConfigs[0]?.upgradeType, "CONNECT");
  assert.equal(action.route.idleTimeout?.seconds, 3600n, "a byte stream may rest for an hour");
});

test("HTTP/2 ports can be tunnelled and routed", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog", { ports: [{ name: "grpc", port: 90 }] })).compile();
  const { routes } = mesh.host("shop", `${FQDN}:90`);
  assert.deepEqual(
    routes.map(({ match }) => match?.pathSpecifier?.$case),
    ["connectMatcher", "prefix"],
  );
});

test("other names follow MeshConfig", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog")).compile();
  const last = () => mesh.table("shop").virtualHosts.at(-1) ?? assert.fail();
  assert.deepEqual(last().domains, ["*"]);
  assert.equal(last().name, "outbound-any");
  assert.deepEqual(last().routes.map(outcome), ["passthrough"]);
  mesh.put({ kind: "MeshConfig", name: "default", spec: { outbound: "RegistryOnly" } }).compile();
  assert.deepEqual(last().routes.map(outcome), ["502"]);
  assert.deepEqual(weft(last().routes[0] ?? assert.fail()), { flag: "RO" });
  mesh.delete({ kind: "MeshConfig", name: "default" }).compile();
  assert.deepEqual(last().routes.map(outcome), ["passthrough"]);
});

test("route tables are compiled per namespace and kept while nothing changes", () => {
  const mesh = new Mesh();
  mesh.put(service("catalog")).compile();
  const first = mesh.compiler.routeTable("builtin", "shop");
  assert.equal(first.name, "outbound/shop");
  mesh.put({ kind: "Namespace", name: "x" }).compile();
  assert.equal(mesh.compiler.routeTable("builtin", "shop"), first);
  mesh.put(service("orders")).compile();
  assert.notEqual(mesh.compiler.routeTable("builtin", "shop").version, first.version);
  mesh.delete({ kind: "Service", namespace: "shop", name: "orders" }).compile();
  assert.equal(mesh.compiler.routeTable("builtin", "shop").version, first.version);
});

test("the references of a route table are the clusters its routes name", () => {
  const mesh = new Mesh();
  const refs = [
    { name: "catalog", port: 80 },
    { name: "gone", port: 80 },
  ];
  mesh.put(service("catalog"), route("r", ["catalog"], [{ backendRefs: refs }])).compile();
  const names = mesh.compiler.routeTable("builtin", "shop").refs.map((one) => one.name);
  assert.deepEqual(names.sort(), [`${FQDN}:80`, "passthrough"]);
});
