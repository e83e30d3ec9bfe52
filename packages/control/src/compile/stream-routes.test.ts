import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { Mesh, outcome, route, service, weft, type Written } from "./fixture.test.ts";
import { judgeRoute } from "./verdict.ts";

const DB = "db.shop.svc.cluster.local:5432";
const STANDBY = "standby.shop.svc.cluster.local:5432";

function tcpService(name: string): Written {
  return service(name, { ports: [{ name: "tcp", port: 5432, appProtocol: "tcp" }] });
}

function to(...names: string[]): unknown[] {
  return [{ backendRefs: names.map((name) => ({ name, port: 5432 })) }];
}

function tcpRoute(name: string, rules: readonly unknown[], createdAt = 5): Written {
  return { ...route(name, ["db"], rules), kind: "TCPRoute", createdAt };
}

function tlsRoute(name: string, hostnames: string[], backend: string, createdAt = 5): Written {
  const { spec } = route(name, ["db"], to(backend)) as { spec: object };
  return { kind: "TLSRoute", namespace: "shop", name, createdAt, spec: { ...spec, hostnames } };
}

function meshOf(...objects: Written[]): Mesh {
  const mesh = new Mesh();
  mesh.put(tcpService("db"), tcpService("standby"), ...objects).compile();
  return mesh;
}

function names(one: Route): unknown {
  return weft(one)["serverNames"];
}

test("a port without routes goes to its service", () => {
  const { routes } = meshOf().host("shop", DB);
  assert.deepEqual(routes.map(outcome), [DB]);
});

test("a TCPRoute splits connections; of two the older holds", () => {
  const rules = [
    {
      backendRefs: [
        { name: "db", port: 5432, weight: 9 },
        { name: "standby", port: 5432, weight: 1 },
      ],
    },
  ];
  const mesh = meshOf(tcpRoute("split", rules), tcpRoute("later", to("standby"), 9));
  const { routes } = mesh.host("shop", DB);
  assert.deepEqual(routes.map(outcome), [`${DB}=9 ${STANDBY}=1`]);
  assert.equal(routes[0]?.name, "shop/split/0");
  assert.equal(routes[0]?.match?.pathSpecifier?.$case, "connectMatcher");
  const later = mesh.model.objects.TCPRoute.get("shop/later") ?? assert.fail();
  const [accepted] = judgeRoute(mesh.model, later)[0]?.verdicts ?? [];
  assert.equal(accepted?.reason, "Conflicted");
  assert.match(accepted.message, /TCPRoute shop\/split holds, which is older/);
});

test("connections to a backend that leads nowhere are closed", () => {
  const mesh = meshOf(tcpRoute("r", to("missing")));
  assert.deepEqual(mesh.host("shop", DB).routes.map(outcome), ["invalid-backend"]);
  const stored = mesh.model.objects.TCPRoute.get("shop/r") ?? assert.fail();
  const verdicts = judgeRoute(mesh.model, stored)[0]?.verdicts ?? [];
  assert.deepEqual(
    verdicts.map(({ reason }) => reason),
    ["Accepted", "BackendNotFound"],
  );
});

test("TLSRoutes go by server name: its own, then the longest wildcard, then the older", () => {
  const mesh = meshOf(
    tlsRoute("wide", ["*.a.b", "own.c"], "db", 1),
    tlsRoute("narrow", ["*.x.a.b", "y.a.b", "own.c"], "standby", 2),
    tcpRoute("tcp", to("standby"), 0),
  );
  const { routes } = mesh.host("shop", DB);
  assert.deepEqual(
    routes.map((one) => [one.name, names(one), outcome(one)]),
    [
      ["shop/wide/0", ["own.c"], DB],
      ["shop/narrow/0", ["y.a.b", "*.x.a.b"], STANDBY],
      ["shop/wide/0", ["*.a.b"], DB],
    ],
  );
  const stored = mesh.model.objects.TCPRoute.get("shop/tcp") ?? assert.fail();
  assert.equal(judgeRoute(mesh.model, stored)[0]?.verdicts[0]?.reason, "Conflicted");
});

test("Envoy, which cannot see server names there, has the service alone", () => {
  const mesh = meshOf(tlsRoute("r", ["own.c"], "standby"));
  mesh.compiler.addClass("envoy");
  mesh.put(tcpService("db")).compile();
  assert.deepEqual(mesh.host("shop", DB, "envoy").routes.map(outcome), [DB]);
});

test("routes of streams are no routes of requests, nor the other way round", () => {
  const http = service("db", { ports: [{ name: "http", port: 5432, appProtocol: "http" }] });
  const mesh = new Mesh();
  mesh.put(http, tcpRoute("r", to("db"))).compile();
  const stored = mesh.model.objects.TCPRoute.get("shop/r") ?? assert.fail();
  const [accepted] = judgeRoute(mesh.model, stored)[0]?.verdicts ?? [];
  assert.equal(accepted?.reason, "NoMatchingParent");
  assert.equal(accepted.message, "Service shop/db has no TCP port.");
});

test("on a port that declares nothing a TCPRoute says that it is a byte stream", () => {
  const plain = service("db", { ports: [{ name: "main", port: 9_999 }] });
  const rules = [{ backendRefs: [{ name: "db", port: 9_999 }] }];
  const name = "db.shop.svc.cluster.local:9999";
  const mesh = new Mesh();
  mesh.put(plain).compile();
  assert.equal(weft(mesh.host("shop", name))["protocol"], "auto");
  mesh.put(tcpRoute("r", rules)).compile();
  const host = mesh.host("shop", name);
  assert.equal(weft(host)["protocol"], "tcp");
  assert.deepEqual(host.routes.map(outcome), [name]);
});

test("at a Gateway each kind needs a listener that speaks what it is for", () => {
  const listeners = [{ name: "http", port: 80, protocol: "HTTP" }];
  const mesh = meshOf(
    { kind: "GatewayClass", name: "weft", spec: { controllerName: "weft.dev/control-plane" } },
    { kind: "Gateway", name: "edge", spec: { gatewayClassName: "weft", listeners } },
  );
  const parentRefs = [{ name: "edge" }];
  const rules = to("db");
  mesh.put(
    { kind: "TCPRoute", name: "a", spec: { parentRefs, rules } },
    { kind: "TLSRoute", name: "a", spec: { parentRefs, rules, hostnames: ["a.b"] } },
    { kind: "GRPCRoute", name: "a", spec: { parentRefs, rules } },
  );
  const reasons = (["TCPRoute", "TLSRoute", "GRPCRoute"] as const).map((kind) => {
    const stored = mesh.model.objects[kind].get("shop/a") ?? assert.fail();
    return judgeRoute(mesh.model, stored)[0]?.verdicts[0]?.reason;
  });
  assert.deepEqual(reasons, ["NotAllowedByListeners", "UnsupportedValue", "Accepted"]);
});
