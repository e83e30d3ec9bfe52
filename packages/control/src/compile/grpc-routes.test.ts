import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { Mesh, outcome, route, service, weft, type Written } from "./fixture.test.ts";
import { judgeRoute } from "./verdict.ts";

const CATALOG = "catalog.shop.svc.cluster.local:80";
const V2 = "catalog-v2.shop.svc.cluster.local:80";
const TO_CATALOG = [{ name: "catalog", port: 80 }];
const GRPC_PORTS = [{ name: "grpc", port: 80, targetPort: "grpc", appProtocol: "grpc" }];

function grpcService(name: string): Written {
  return service(name, { ports: GRPC_PORTS });
}

function grpcRoute(
  name: string,
  rules: readonly unknown[],
  more: Partial<Written> = {},
  parents: readonly (string | Record<string, unknown>)[] = ["catalog"],
): Written {
  return { ...route(name, parents, rules), kind: "GRPCRoute", ...more };
}

function meshOf(...objects: Written[]): Mesh {
  const mesh = new Mesh();
  mesh.put(grpcService("catalog"), grpcService("catalog-v2"), ...objects).compile();
  return mesh;
}

/** Without the tunnel for CONNECT, which stands first. */
function routesOf(mesh: Mesh, callers = "shop"): Route[] {
  const [tunnel, ...rest] = mesh.host(callers, CATALOG).routes;
  assert.equal(tunnel?.match?.pathSpecifier?.$case, "connectMatcher");
  return rest;
}

function pathOf(one: Route | undefined): string {
  const path = one?.match?.pathSpecifier;
  if (path?.$case === "path") return `= ${path.path}`;
  if (path?.$case === "prefix") return `${path.prefix}*`;
  assert.equal(path?.$case, "safeRegex");
  return `~ ${path.safeRegex.regex}`;
}

test("methods become paths, asked for by POST", () => {
  const rows: [unknown, string][] = [
    [undefined, "/*"],
    [{ service: "shop.v1.Catalog", method: "Get" }, "= /shop.v1.Catalog/Get"],
    [{ service: ".shop.v1.Catalog", method: "Get" }, "= /shop.v1.Catalog/Get"],
    [{ service: "shop.v1.Catalog" }, "/shop.v1.Catalog/*"],
    [{ method: "Get" }, "~ /[^/]+/Get"],
    [{ type: "RegularExpression", service: "a|b", method: "c|d" }, "~ /(?:a|b)/(?:c|d)"],
    [{ type: "RegularExpression", service: "a|b" }, "~ /(?:a|b)/[^/]+"],
    [{ type: "RegularExpression", method: "c|d" }, "~ /[^/]+/(?:c|d)"],
  ];
  for (const [method, wanted] of rows) {
    const matches = method === undefined ? [] : [{ method }];
    const [first] = routesOf(meshOf(grpcRoute("r", [{ matches, backendRefs: TO_CATALOG }])));
    assert.equal(pathOf(first), wanted);
    const [post] = first?.match?.headers ?? [];
    assert.equal(post?.name, ":method");
    assert.equal(outcome(first), CATALOG);
  }
});

test("the longest service, then method, then the most headers, then the older", () => {
  const get = { service: "shop.v1.Catalog", method: "Get" };
  const rule = (name: string, ...matches: unknown[]): unknown => {
    return { name, matches, backendRefs: TO_CATALOG };
  };
  const mesh = meshOf(
    grpcRoute("young", [rule("a", { method: get })], { createdAt: 9 }),
    grpcRoute("old", [
      rule("b", { headers: [{ name: "x", value: "1" }] }),
      rule("c", { method: { service: "shop.v1.Catalog" } }),
      rule("d", { method: get }),
      rule("e", { method: get, headers: [{ name: "x", value: "1" }] }),
      rule("f", { method: { method: "AMethodWithALongName" } }),
    ]),
  );
  const names = routesOf(mesh).map((one) => one.name);
  assert.deepEqual(names, [
    "shop/old/e",
    "shop/old/d",
    "shop/young/a",
    "shop/old/c",
    "shop/old/f",
    "shop/old/b",
    "no-match",
  ]);
});

test("weights, edits and mirrors are those of HTTPRoute", () => {
  const mirror = { type: "RequestMirror", requestMirror: { backendRef: TO_CATALOG[0] } };
  const set = { requestHeaderModifier: { set: [{ name: "X-A", value: "1" }] } };
  const [split] = routesOf(
    meshOf(
      grpcRoute("r", [
        {
          filters: [mirror, { type: "RequestHeaderModifier", ...set }],
          backendRefs: [
            { name: "catalog", port: 80, weight: 9 },
            { name: "catalog-v2", port: 80, weight: 1 },
          ],
        },
      ]),
    ),
  );
  assert.equal(outcome(split), `${CATALOG}=9 ${V2}=1`);
  assert.equal(split?.requestHeadersToAdd[0]?.header?.key, "x-a");
  assert.equal(split?.action?.$case, "route");
  assert.equal(split.action.route.requestMirrorPolicies[0]?.cluster, CATALOG);
  assert.equal(weft(split)["kind"], "GRPCRoute");
});

test("a backend that leads nowhere is UNAVAILABLE, an unmatched request not implemented", () => {
  const routes = routesOf(
    meshOf(
      grpcRoute("r", [
        { matches: [{ method: { service: "a.B" } }] },
        {
          matches: [{ method: { service: "c.D" } }],
          backendRefs: [{ name: "missing", port: 80 }, ...TO_CATALOG],
        },
      ]),
    ),
  );
  assert.deepEqual(routes.map(outcome), ["503", `${CATALOG}=1 invalid-backend=1`, "404"]);
  const action = routes[1]?.action;
  assert.equal(action?.$case === "route" && action.route.clusterNotFoundResponseCode, 0);
});

test("an HTTPRoute beside a GRPCRoute is not accepted, whichever is older", () => {
  const http = route("http", ["catalog"], [{ backendRefs: TO_CATALOG }], { createdAt: 1 });
  const mesh = meshOf(http, grpcRoute("grpc", [{ backendRefs: TO_CATALOG }]));
  assert.deepEqual(
    routesOf(mesh).map((one) => one.name),
    ["shop/grpc/0", "no-match"],
  );
  const stored = mesh.model.objects.HTTPRoute.get("shop/http") ?? assert.fail();
  const [judged] = judgeRoute(mesh.model, stored);
  const [accepted] = judged?.verdicts ?? [];
  assert.equal(accepted?.reason, "Conflicted");
  assert.match(accepted.message, /GRPCRoute shop\/grpc holds, whose kind is more specific/);
  assert.equal(judged?.reach, "nobody");
  mesh.delete({ kind: "GRPCRoute", namespace: "shop", name: "grpc" });
  mesh.compile();
  assert.ok(mesh.last.judged.has("HTTPRoute/shop/http"));
  assert.equal(judgeRoute(mesh.model, stored)[0]?.verdicts[0]?.reason, "Accepted");
  assert.equal(routesOf(mesh)[0]?.name, "shop/http/0");
});

test("another namespace's backend needs a grant to GRPCRoutes", () => {
  const other = { kind: "Service", namespace: "other", name: "stock", spec: { ports: GRPC_PORTS } };
  const rules = [{ backendRefs: [{ name: "stock", namespace: "other", port: 80 }] }];
  const grant = (kind: string): Written => ({
    kind: "ReferenceGrant",
    namespace: "other",
    name: "g",
    spec: {
      from: [{ group: "gateway.networking.k8s.io", kind, namespace: "shop" }],
      to: [{ group: "", kind: "Service" }],
    },
  });
  const mesh = meshOf(other, grpcRoute("r", rules), grant("HTTPRoute"));
  assert.equal(outcome(routesOf(mesh)[0]), "invalid-backend");
  mesh.put(grant("GRPCRoute")).compile();
  assert.match(outcome(routesOf(mesh)[0]), /^stock\.other/);
});

test("consumers' routes replace the producer's for their callers", () => {
  const parent = { group: "", kind: "Service", name: "catalog", namespace: "shop" };
  const rules = [{ backendRefs: [{ name: "catalog", namespace: "shop", port: 80 }] }];
  const mesh = meshOf(
    route("producer", ["catalog"], [{ backendRefs: TO_CATALOG }]),
    grpcRoute("consumer", rules, { namespace: "web" }, [parent]),
  );
  assert.equal(routesOf(mesh, "web")[0]?.name, "web/consumer/0");
  assert.equal(routesOf(mesh, "shop")[0]?.name, "shop/producer/0");
});
