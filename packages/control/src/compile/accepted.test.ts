// Whatever is compiled, the built-in proxy takes: its own compiler reads it back without a refusal.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileChanges, emptyTables, type Tables } from "@weft/rules";
import { typeUrls } from "@weft/xds";
import { Any } from "@weft/xds/messages/google/protobuf/any.js";
import { Mesh, route, service, trafficPolicy, workload, type Written } from "./fixture.test.ts";
import type { CompiledResource } from "./resource.ts";
import { compileTrustBundle } from "./trust-bundle.ts";

function tablesOf(mesh: Mesh, namespace: string): Tables {
  mesh.compile();
  const change = (typeUrl: string, resources: Iterable<CompiledResource>) => ({
    typeUrl,
    changed: [...resources].map(({ name, version, any }) => {
      return { name, version, resource: Any.decode(any).value };
    }),
    removed: [],
  });
  const inbound = [...mesh.model.objects.Workload.values()].map((one) =>
    mesh.compiler.inbound(one),
  );
  const own = inbound[0] ?? { listeners: [], clusters: [] };
  const outbound = mesh.compiler.outboundListener("builtin", namespace);
  const { tables, errors } = compileChanges(emptyTables, [
    change(typeUrls.cluster, [...mesh.compiler.clusters.values(), ...own.clusters]),
    change(typeUrls.endpoint, mesh.compiler.endpoints.values()),
    change(typeUrls.listener, [outbound, ...own.listeners]),
    change(typeUrls.route, [mesh.compiler.routeTable("builtin", namespace)]),
    change(typeUrls.secret, [compileTrustBundle("-----BEGIN CERTIFICATE-----\n")]),
  ]);
  assert.deepEqual(errors, []);
  return tables;
}

const PORTS = [
  { name: "http", port: 8080, protocol: "HTTP", meshPort: 15_006 },
  { name: "grpc", port: 8081, protocol: "GRPC", meshPort: 15_007 },
  { name: "db", port: 8082, protocol: "TCP", meshPort: 15_008 },
];

const EVERY_PORT = {
  ports: [
    { name: "http", port: 80, appProtocol: "http" },
    { name: "http-8080", port: 8080, targetPort: "http" },
    { name: "grpc", port: 90 },
    { name: "db", port: 5432, appProtocol: "tcp" },
  ],
};

const EVERYTHING = route(
  "all",
  ["catalog"],
  [
    {
      name: "edits",
      matches: [
        {
          path: { type: "Exact", value: "/a" },
          method: "GET",
          headers: [
            { name: "X-A", value: "1" },
            { name: "X-B", type: "RegularExpression", value: "a+" },
          ],
          queryParams: [{ name: "q", value: "1" }],
        },
        { path: { type: "RegularExpression", value: "/r/[0-9]+" } },
      ],
      filters: [
        {
          type: "RequestHeaderModifier",
          requestHeaderModifier: {
            set: [
              { name: "X-Set", value: "100%" },
              { name: "Host", value: "other" },
            ],
            add: [{ name: "X-Add", value: "b" }],
            remove: ["X-Gone"],
          },
        },
        {
          type: "ResponseHeaderModifier",
          responseHeaderModifier: { set: [{ name: "X-R", value: "c" }] },
        },
        {
          type: "RequestMirror",
          requestMirror: {
            backendRef: { name: "copy", port: 80 },
            fraction: { numerator: 1, denominator: 3 },
          },
        },
      ],
      timeouts: { request: "1s", backendRequest: "200ms" },
      backendRefs: [
        { name: "catalog", port: 80, weight: 3 },
        {
          name: "copy",
          port: 80,
          filters: [
            {
              type: "ResponseHeaderModifier",
              responseHeaderModifier: { add: [{ name: "X-V", value: "2" }] },
            },
          ],
        },
        { name: "missing", port: 80 },
      ],
    },
    {
      matches: [{ path: { value: "/old" } }],
      filters: [
        {
          type: "URLRewrite",
          urlRewrite: {
            hostname: "new.example.org",
            path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" },
          },
        },
      ],
      backendRefs: [{ name: "catalog", port: 80 }],
    },
    {
      matches: [{ path: { value: "/full" } }],
      filters: [
        {
          type: "URLRewrite",
          urlRewrite: { path: { type: "ReplaceFullPath", replaceFullPath: "/new\\1" } },
        },
      ],
      backendRefs: [{ name: "catalog", port: 80 }],
    },
    {
      matches: [{ path: { value: "/moved" } }],
      filters: [
        {
          type: "RequestRedirect",
          requestRedirect: {
            scheme: "https",
            hostname: "example.org",
            path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" },
            statusCode: 308,
          },
        },
      ],
    },
    { matches: [{ path: { value: "/nothing" } }] },
    {
      matches: [{ path: { value: "/cors" } }],
      filters: [{ type: "CORS", cors: { allowOrigins: ["*"] } }],
      backendRefs: [{ name: "catalog", port: 80 }],
    },
  ],
);

test("every feature compiles to what the built-in proxy accepts", () => {
  const mesh = new Mesh();
  mesh.put(
    service("catalog", EVERY_PORT),
    service("copy"),
    workload("a", "catalog", { ports: PORTS, locality: { region: "eu", zone: "1", subZone: "r" } }),
    workload("b", "copy", { ports: [{ name: "http", port: 1 }], address: "::1" }),
    EVERYTHING,
    trafficPolicy(
      "p",
      { kind: "Service", name: "catalog" },
      {
        loadBalancer: { algorithm: "PeakEwma" },
        retry: { attempts: 0, perTryTimeout: "1s", on: ["reset", "5xx", 502, "503"] },
        outlierDetection: { consecutive5xx: 3, consecutiveGatewayErrors: 0 },
        timeout: { idle: "0s", request: "0s" },
      },
    ),
    trafficPolicy("n", { kind: "Namespace", name: "shop" }, { retry: { attempts: 1 } }),
    { kind: "MeshConfig", name: "default", spec: { outbound: "RegistryOnly" } },
  );
  for (const namespace of ["shop", "other"]) {
    const tables = tablesOf(mesh, namespace);
    assert.equal(tables.listeners.size, 4);
    assert.equal(tables.clusters.size, 1 + 5 + 1 + 3, "passthrough, ports, a variant, inbound");
    assert.equal(tables.endpoints.size, 5);
    assert.equal(tables.routes.size, 1);
    assert.equal(tables.secrets.size, 1);
  }
});

test("routes of gRPC and of byte streams compile to what the built-in proxy accepts", () => {
  const mesh = new Mesh();
  const kindOf = (kind: string, written: Written, more: object): Written => {
    return { ...written, kind, spec: { ...(written.spec as object), ...more } };
  };
  const toPort = (port: number): unknown => [{ backendRefs: [{ name: "catalog", port }] }];
  const methods = [
    { method: { service: "a.B", method: "C" }, headers: [{ name: "x", value: "1" }] },
    { method: { type: "RegularExpression", service: "a.B|c.D" } },
    { method: { method: "C" } },
  ];
  const grpc = [{ matches: methods, backendRefs: [{ name: "catalog", port: 90 }] }, {}];
  mesh.put(
    service("catalog", EVERY_PORT),
    service("files", { ports: [{ name: "tls", port: 443 }] }),
    kindOf("GRPCRoute", route("grpc", ["catalog"], grpc), {}),
    kindOf("TCPRoute", route("tcp", ["catalog"], []), { rules: toPort(5432) }),
    kindOf("TLSRoute", route("tls", ["files"], []), {
      hostnames: ["a.b", "*.b"],
      rules: toPort(5432),
    }),
  );
  const [table] = tablesOf(mesh, "shop").routes.values();
  const named = (name: string): (readonly string[] | null)[] | undefined => {
    const host = table?.virtualHosts.find((one) => one.name.startsWith(name));
    return host?.routes.map((one) => one.serverNames);
  };
  assert.deepEqual(named("files.shop"), [["a.b", "*.b"]]);
  assert.deepEqual(named("catalog.shop.svc.cluster.local:5432"), [null]);
  assert.equal(named("catalog.shop.svc.cluster.local:90")?.length, 1 + 4 + 1);
});

test("an empty mesh compiles to what the built-in proxy accepts", () => {
  const tables = tablesOf(new Mesh(), "default");
  assert.deepEqual([...tables.clusters.keys()], ["passthrough"]);
});

test("retries of every condition the API takes are accepted", () => {
  const conditions = [
    ...["connect-failure", "refused-stream", "reset", "reset-before-request", "gateway-error"],
    ...["5xx", "retriable-4xx", "cancelled", "deadline-exceeded", "internal"],
    ...["resource-exhausted", "unavailable", 500, "504"],
  ];
  const mesh = new Mesh();
  mesh.put(
    service("catalog"),
    trafficPolicy("p", { kind: "Service", name: "catalog" }, { retry: { on: conditions } }),
  );
  tablesOf(mesh, "shop");
});
