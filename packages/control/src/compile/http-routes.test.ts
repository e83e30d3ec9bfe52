import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  Route,
  RouteAction,
  RouteMatch,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import {
  Mesh,
  outcome,
  route,
  service,
  trafficPolicy,
  weft,
  type Written,
} from "./fixture.test.ts";

const CATALOG = "catalog.shop.svc.cluster.local:80";
const V2 = "catalog-v2.shop.svc.cluster.local:80";
const TO_CATALOG = [{ name: "catalog", port: 80 }];

function routesOf(callers: string, ...objects: Written[]): Route[] {
  const mesh = new Mesh();
  mesh.put(service("catalog"), service("catalog-v2"), ...objects).compile();
  return mesh.host(callers, CATALOG).routes;
}

/** The routes of one rule. */
function ruled(rule: Record<string, unknown>, ...more: Written[]): Route[] {
  const made = route("r", ["catalog"], [{ backendRefs: TO_CATALOG, ...rule }]);
  return routesOf("shop", made, ...more);
}

function actionOf(one: Route | undefined): RouteAction {
  assert.equal(one?.action?.$case, "route");
  return one.action.route;
}

function pathText(match: RouteMatch | undefined): string {
  const path = match?.pathSpecifier;
  switch (path?.$case) {
    case "path":
      return `= ${path.path}`;
    case "prefix":
      return `${path.prefix}*`;
    case "pathSeparatedPrefix":
      return `${path.pathSeparatedPrefix}/*`;
    case "safeRegex":
      return `~ ${path.safeRegex.regex}`;
    default:
      return "";
  }
}

const milliseconds = (one: { seconds: bigint; nanos: number } | undefined): number | null =>
  one === undefined ? null : Number(one.seconds) * 1000 + one.nanos / 1e6;

test("a service without routes is sent to as it is, with the defaults", () => {
  const [only, ...rest] = routesOf("shop");
  assert.equal(rest.length, 0);
  assert.equal(outcome(only), CATALOG);
  assert.equal(pathText(only?.match), "/*");
  const action = actionOf(only);
  assert.equal(milliseconds(action.timeout), 0);
  assert.equal(milliseconds(action.idleTimeout), 300_000);
  assert.equal(
    action.retryPolicy?.retryOn,
    "connect-failure,refused-stream,retriable-status-codes",
  );
  assert.equal(action.retryPolicy?.numRetries, 2);
  assert.deepEqual(action.retryPolicy?.retriableStatusCodes, [503]);
  assert.equal(action.retryPolicy?.perTryTimeout, undefined);
  assert.match(action.retryPolicy?.retryHostPredicate[0]?.name ?? "", /previous_hosts/);
  assert.deepEqual(weft(only ?? assert.fail())["retryOn503Methods"], [
    "GET",
    "HEAD",
    "OPTIONS",
    "TRACE",
  ]);
});

test("a service with routes answers 404 when none matches", () => {
  const routes = ruled({ matches: [{ path: { value: "/a" } }] });
  assert.deepEqual(routes.map(outcome), [CATALOG, "404"]);
  assert.equal(pathText(routes[1]?.match), "/*");
});

test("matches become what Envoy calls them", () => {
  const rows: [unknown, string][] = [
    [{}, "/*"],
    [{ path: { value: "/" } }, "/*"],
    [{ path: { value: "/a" } }, "/a/*"],
    [{ path: { value: "/a/" } }, "/a/*"],
    [{ path: { type: "Exact", value: "/a/" } }, "= /a/"],
    [{ path: { type: "RegularExpression", value: "/a.*" } }, "~ /a.*"],
  ];
  for (const [match, wanted] of rows) {
    assert.equal(pathText(ruled({ matches: [match] })[0]?.match), wanted);
  }
  const [first] = ruled({
    matches: [
      {
        method: "PUT",
        headers: [
          { name: "X-A", value: "1" },
          { name: "x-b", type: "RegularExpression", value: "b+" },
        ],
        queryParams: [{ name: "Q", value: "2" }],
      },
    ],
  });
  const text = (one: { $case: string } | undefined): unknown => one;
  assert.deepEqual(
    first?.match?.headers.map(({ name, headerMatchSpecifier: found }) => [
      name,
      text(found?.$case === "stringMatch" ? found.stringMatch.matchPattern : undefined),
    ]),
    [
      [":method", { $case: "exact", exact: "PUT" }],
      ["x-a", { $case: "exact", exact: "1" }],
      ["x-b", { $case: "safeRegex", safeRegex: { engineType: undefined, regex: "b+" } }],
    ],
  );
  assert.equal(first?.match?.queryParameters[0]?.name, "Q");
});

test("the most specific match is tried first, whatever the order written", () => {
  const matches = [
    { path: { value: "/" } },
    { path: { value: "/a" } },
    { path: { value: "/a" }, queryParams: [{ name: "q", value: "1" }] },
    { path: { value: "/a" }, headers: [{ name: "h", value: "1" }] },
    {
      path: { value: "/a" },
      headers: [
        { name: "h", value: "1" },
        { name: "i", value: "1" },
      ],
    },
    { path: { value: "/a" }, method: "GET" },
    { path: { value: "/a/bc" } },
    { path: { type: "RegularExpression", value: "/a" } },
    { path: { type: "Exact", value: "/a" } },
  ];
  const wanted = ["= /a", "~ /a", "/a/bc/*", "/a/*+1m", "/a/*+2", "/a/*+1", "/a/*?1", "/a/*", "/*"];
  const shuffled = [...matches].reverse();
  for (const order of [matches, shuffled]) {
    const rules = order.map((match) => ({ matches: [match], backendRefs: TO_CATALOG }));
    const routes = routesOf("shop", route("r", ["catalog"], rules));
    const found = routes.slice(0, -1).map(({ match }) => {
      const isMethod = match?.headers[0]?.name === ":method";
      const headers = match?.headers.length ?? 0;
      const query = match?.queryParameters.length ?? 0;
      const more = headers > 0 ? `+${headers}${isMethod ? "m" : ""}` : query > 0 ? `?${query}` : "";
      return pathText(match) + more;
    });
    assert.deepEqual(found, wanted);
  }
});

test("routes of one service merge: the older wins, then the name, then the order written", () => {
  const to = (name: string): unknown[] => [{ backendRefs: [{ name, port: 80 }] }];
  const old = route("z-old", ["catalog"], to("catalog-v2"), { createdAt: 5 });
  const young = route("a-young", ["catalog"], to("catalog"), { createdAt: 6 });
  assert.deepEqual(routesOf("shop", young, old).map(outcome), [V2, CATALOG, "404"]);
  const twin = route("a-twin", ["catalog"], to("catalog"), { createdAt: 5 });
  assert.deepEqual(routesOf("shop", old, twin).map(outcome), [CATALOG, V2, "404"]);
  const longer = route(
    "late",
    ["catalog"],
    [{ matches: [{ path: { value: "/x" } }], backendRefs: TO_CATALOG }],
  );
  assert.deepEqual(routesOf("shop", old, longer).map(outcome), [CATALOG, V2, "404"]);
  const twice = route("r", ["catalog"], [...to("catalog-v2"), ...to("catalog")]);
  assert.deepEqual(routesOf("shop", twice).map(outcome), [V2, CATALOG, "404"]);
});

test("weights are shares, and a reference that leads nowhere keeps its share as 500", () => {
  const rows: [unknown[], string][] = [
    [[{ name: "catalog", port: 80 }], CATALOG],
    [
      [
        { name: "catalog", port: 80, weight: 9 },
        { name: "catalog-v2", port: 80, weight: 1 },
      ],
      `${CATALOG}=9 ${V2}=1`,
    ],
    [
      [
        { name: "catalog", port: 80, weight: 0 },
        { name: "catalog-v2", port: 80 },
      ],
      V2,
    ],
    [
      [
        { name: "catalog", port: 80 },
        { name: "gone", port: 80 },
      ],
      `${CATALOG}=1 invalid-backend=1`,
    ],
    [[{ name: "catalog", port: 81 }], "invalid-backend"],
    [
      [
        { kind: "Bucket", group: "x.org", name: "b" },
        { name: "gone", port: 1, weight: 4 },
      ],
      "invalid-backend",
    ],
    [[{ name: "catalog", port: 80, weight: 0 }], "500"],
    [[], "500"],
  ];
  for (const [backendRefs, wanted] of rows) {
    const [first] = ruled({ backendRefs });
    assert.equal(outcome(first), wanted);
    if (!wanted.includes("invalid")) continue;
    assert.equal(actionOf(first).clusterNotFoundResponseCode, 2, "INTERNAL_SERVER_ERROR");
  }
});

test("references to other namespaces need a grant, of the right kind and name", () => {
  const grant = (from: Record<string, string>, to: Record<string, string>): Written => ({
    kind: "ReferenceGrant",
    namespace: "other",
    name: "g",
    spec: {
      from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "shop", ...from }],
      to: [{ group: "", kind: "Service", ...to }],
    },
  });
  const there = service("far", {}, "other");
  const far = "far.other.svc.cluster.local:80";
  const rows: [Written[], string][] = [
    [[], "invalid-backend"],
    [[grant({}, {})], far],
    [[grant({}, { name: "far" })], far],
    [[grant({}, { name: "near" })], "invalid-backend"],
    [[grant({ namespace: "third" }, {})], "invalid-backend"],
    [[grant({ kind: "GRPCRoute" }, {})], "invalid-backend"],
    [[grant({}, { kind: "Secret" })], "invalid-backend"],
    [[{ ...grant({}, {}), namespace: "third" }], "invalid-backend"],
  ];
  for (const [grants, wanted] of rows) {
    const rule = { backendRefs: [{ name: "far", namespace: "other", port: 80 }] };
    assert.equal(outcome(ruled(rule, there, ...grants)[0]), wanted);
  }
});

test("a grant that is withdrawn takes its traffic away", () => {
  const mesh = new Mesh();
  const rule = { backendRefs: [{ name: "far", namespace: "other", port: 80 }] };
  mesh.put(service("catalog"), service("far", {}, "other"), route("r", ["catalog"], [rule]));
  mesh.put({
    kind: "ReferenceGrant",
    namespace: "other",
    name: "g",
    spec: {
      from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "shop" }],
      to: [{ group: "", kind: "Service" }],
    },
  });
  mesh.compile();
  assert.match(outcome(mesh.host("shop", CATALOG).routes[0]), /^far/);
  mesh.delete({ kind: "ReferenceGrant", namespace: "other", name: "g" }).compile();
  assert.equal(outcome(mesh.host("shop", CATALOG).routes[0]), "invalid-backend");
});

test("a producer's routes hold for all callers, a consumer's for its own and instead of them", () => {
  const producer = route("p", ["catalog"], [{ backendRefs: [{ name: "catalog-v2", port: 80 }] }]);
  const parent = { group: "", kind: "Service", name: "catalog", namespace: "shop" };
  const sendBack = [{ backendRefs: [{ name: "catalog", namespace: "shop", port: 80 }] }];
  const consumer = route("c", [parent], sendBack, { namespace: "web" });
  const both = (callers: string): string[] => routesOf(callers, producer, consumer).map(outcome);
  assert.deepEqual(both("shop"), [V2, "404"]);
  assert.deepEqual(both("third"), [V2, "404"]);
  assert.deepEqual(both("web"), [CATALOG, "404"], "the service that was named needs no grant");
});

test("routes of a backend are not passed through", () => {
  const first = route("first", ["catalog"], [{ backendRefs: [{ name: "catalog-v2", port: 80 }] }]);
  const second = route("second", ["catalog-v2"], [{ backendRefs: TO_CATALOG }]);
  assert.equal(outcome(routesOf("shop", first, second)[0]), V2);
});

test("a route may mean one port, by number or by name", () => {
  const ports = [
    { name: "http", port: 80 },
    { name: "http-alt", port: 8080 },
    { name: "tcp", port: 90 },
  ];
  const rows: [Record<string, unknown>, string[]][] = [
    [{}, ["80", "8080"]],
    [{ port: 8080 }, ["8080"]],
    [{ sectionName: "http" }, ["80"]],
    [{ port: 80, sectionName: "http-alt" }, []],
    [{ port: 90 }, []],
  ];
  for (const [which, wanted] of rows) {
    const mesh = new Mesh();
    const parent = { group: "", kind: "Service", name: "catalog", ...which };
    mesh.put(service("catalog", { ports }), route("r", [parent], [{}]));
    mesh.compile();
    const routed = ["80", "8080", "90"].filter((port) => {
      const host = mesh.host("shop", `catalog.shop.svc.cluster.local:${port}`);
      return host.routes[0]?.action?.$case === "directResponse";
    });
    assert.deepEqual(routed, wanted, JSON.stringify(which));
  }
});

test("header edits stand on the route, those of one backend on its share", () => {
  const [first] = ruled({
    filters: [
      {
        type: "RequestHeaderModifier",
        requestHeaderModifier: {
          set: [{ name: "X-Set", value: "50%" }],
          add: [{ name: "x-add", value: "b" }],
          remove: ["X-Gone"],
        },
      },
    ],
    backendRefs: [
      {
        name: "catalog",
        port: 80,
        filters: [
          { type: "ResponseHeaderModifier", responseHeaderModifier: { remove: ["Server"] } },
        ],
      },
    ],
  });
  assert.deepEqual(
    first?.requestHeadersToAdd.map(({ header, appendAction }) => [
      header?.key,
      header?.value,
      appendAction,
    ]),
    [
      ["x-set", "50%%", 2],
      ["x-add", "b", 0],
    ],
  );
  assert.deepEqual(first?.requestHeadersToRemove, ["x-gone"]);
  const specifier = actionOf(first).clusterSpecifier;
  assert.equal(specifier?.$case, "weightedClusters");
  assert.deepEqual(specifier.weightedClusters.clusters[0]?.responseHeadersToRemove, ["server"]);
});

test("setting the Host header rewrites the authority", () => {
  const set = [{ name: "Host", value: "other.example.org" }];
  const [first] = ruled({
    filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { set } }],
  });
  const specifier = actionOf(first).hostRewriteSpecifier;
  assert.deepEqual(specifier, {
    $case: "hostRewriteLiteral",
    hostRewriteLiteral: "other.example.org",
  });
  assert.deepEqual(first?.requestHeadersToAdd, []);
});

function rewritten(prefix: string, path: Record<string, string>): string {
  const filters = [{ type: "URLRewrite", urlRewrite: { path } }];
  const action = actionOf(ruled({ matches: [{ path: { value: prefix } }], filters })[0]);
  const { regexRewrite: regex } = action;
  if (regex === undefined) return action.prefixRewrite;
  return `${regex.pattern?.regex} → ${regex.substitution}`;
}

test("path rewrites keep exactly one slash at the seam", () => {
  const rows: [string, string, string][] = [
    ["/foo", "/xyz", "/xyz"],
    ["/foo/", "/xyz/", "/xyz"],
    ["/foo", "/", "^/foo/? → /"],
    ["/foo", "", "^/foo/? → /"],
    ["/f.o", "/", "^/f\\.o/? → /"],
    ["/", "/xyz", "/xyz/"],
    ["/", "/", ""],
  ];
  for (const [prefix, replacePrefixMatch, wanted] of rows) {
    const path = { type: "ReplacePrefixMatch", replacePrefixMatch };
    assert.equal(rewritten(prefix, path), wanted, `${prefix} → ${replacePrefixMatch}`);
  }
  const full = (replaceFullPath: string): string =>
    rewritten("/a", { type: "ReplaceFullPath", replaceFullPath });
  assert.equal(full("/new"), "^.*$ → /new");
  assert.equal(full("/a\\1"), "^.*$ → /a\\\\1");
});

test("redirects carry scheme, host, port, path and status", () => {
  const redirected = (requestRedirect: Record<string, unknown>) => {
    const matches = [{ path: { value: "/foo" } }];
    const filters = [{ type: "RequestRedirect", requestRedirect }];
    const made = route("r", ["catalog"], [{ matches, filters }]);
    const action = routesOf("shop", made)[0]?.action;
    assert.equal(action?.$case, "redirect");
    return action.redirect;
  };
  const plain = redirected({});
  assert.deepEqual([plain.responseCode, plain.portRedirect, plain.hostRedirect], [1, 0, ""]);
  const codes = [301, 302, 303, 307, 308].map(
    (statusCode) => redirected({ statusCode }).responseCode,
  );
  assert.deepEqual(codes, [0, 1, 2, 3, 4]);
  const secure = redirected({ scheme: "https", hostname: "example.org" });
  assert.deepEqual(secure.schemeRewriteSpecifier, {
    $case: "schemeRedirect",
    schemeRedirect: "https",
  });
  assert.equal(secure.hostRedirect, "example.org");
  assert.equal(redirected({ scheme: "https", port: 8443 }).portRedirect, 8443);
  const prefix = redirected({ path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/b" } });
  assert.deepEqual(prefix.pathRewriteSpecifier, { $case: "prefixRewrite", prefixRewrite: "/b" });
  const full = redirected({ path: { type: "ReplaceFullPath", replaceFullPath: "/c" } });
  assert.deepEqual(full.pathRewriteSpecifier, { $case: "pathRedirect", pathRedirect: "/c" });
});

test("a redirect spells its port out only where it is another than the scheme's own", () => {
  const rows: [redirect: Record<string, unknown>, at80: number, at8080: number][] = [
    [{}, 0, 0],
    [{ hostname: "example.org" }, 0, 8080],
    [{ scheme: "https" }, 0, 443],
    [{ scheme: "https", hostname: "example.org" }, 0, 0],
    [{ scheme: "http" }, 0, 80],
    [{ port: 80 }, 0, 80],
    [{ port: 8443 }, 8443, 8443],
    [{ port: 443 }, 443, 443],
    [{ port: 443, scheme: "https" }, 0, 443],
    [{ port: 443, scheme: "https", hostname: "example.org" }, 0, 0],
  ];
  for (const [requestRedirect, ...wanted] of rows) {
    const filters = [{ type: "RequestRedirect", requestRedirect }];
    const mesh = new Mesh();
    const ports = [80, 8080].map((port) => ({ name: `http-${port}`, port }));
    mesh.put(service("catalog", { ports }), route("r", ["catalog"], [{ filters }])).compile();
    const found = [80, 8080].map((port) => {
      const host = mesh.host("shop", `catalog.shop.svc.cluster.local:${port}`);
      const action = host.routes[0]?.action;
      assert.equal(action?.$case, "redirect");
      return action.redirect.portRedirect;
    });
    assert.deepEqual(found, wanted, JSON.stringify(requestRedirect));
  }
});

test("mirrors copy all, a percentage or a fraction; one that leads nowhere copies nothing", () => {
  const mirrored = (mirror: Record<string, unknown>, name = "catalog-v2") => {
    const requestMirror = { backendRef: { name, port: 80 }, ...mirror };
    return actionOf(ruled({ filters: [{ type: "RequestMirror", requestMirror }] })[0])
      .requestMirrorPolicies;
  };
  const share = (mirror: Record<string, unknown>): unknown[] => {
    const [found] = mirrored(mirror);
    assert.equal(found?.cluster, V2);
    assert.equal(found?.disableShadowHostSuffixAppend, true);
    const value = found?.runtimeFraction?.defaultValue;
    return [value?.numerator, value?.denominator];
  };
  assert.deepEqual(share({}), [undefined, undefined]);
  assert.deepEqual(share({ percent: 42 }), [42, 0]);
  assert.deepEqual(share({ fraction: { numerator: 1 } }), [1, 0]);
  assert.deepEqual(share({ fraction: { numerator: 1, denominator: 3 } }), [333_333, 2]);
  assert.deepEqual(mirrored({ percent: 0 }), []);
  assert.deepEqual(mirrored({}, "gone"), []);
});

test("times and retries: the rule's own, then the policies of the service that was named", () => {
  const settings = {
    retry: { attempts: 5, perTryTimeout: "3s", on: ["reset", 502, "503"] },
    timeout: { request: "15s", idle: "1m" },
  };
  const policy = trafficPolicy("p", { kind: "Service", name: "catalog" }, settings);
  const [by] = ruled({}, policy);
  const byPolicy = actionOf(by);
  assert.equal(milliseconds(byPolicy.timeout), 15_000);
  assert.equal(milliseconds(byPolicy.idleTimeout), 60_000);
  assert.equal(byPolicy.retryPolicy?.retryOn, "reset,retriable-status-codes");
  assert.deepEqual(byPolicy.retryPolicy?.retriableStatusCodes, [502, 503]);
  assert.equal(byPolicy.retryPolicy?.numRetries, 5);
  assert.equal(milliseconds(byPolicy.retryPolicy?.perTryTimeout), 3000);
  assert.equal(weft(by ?? assert.fail())["retryOn503Methods"], undefined, "it was asked for");
  const timeouts = { request: "2s", backendRequest: "500ms" };
  const byRule = actionOf(ruled({ timeouts }, policy)[0]);
  assert.equal(milliseconds(byRule.timeout), 2000);
  assert.equal(milliseconds(byRule.retryPolicy?.perTryTimeout), 500);
  const never = actionOf(ruled({ timeouts: { request: "0s" } }, policy)[0]);
  assert.equal(milliseconds(never.timeout), 0);
});

test("no attempts means no retries, with the time of a try still kept", () => {
  const none = (retry: Record<string, unknown>) =>
    actionOf(ruled({}, trafficPolicy("p", { kind: "Service", name: "catalog" }, { retry }))[0])
      .retryPolicy;
  assert.equal(none({ attempts: 0 }), undefined);
  const timed = none({ attempts: 0, perTryTimeout: "1s" });
  assert.deepEqual([timed?.numRetries, timed?.retryOn], [0, ""]);
  assert.equal(milliseconds(timed?.perTryTimeout), 1000);
});

test("per-request settings come from the service that was named, not from the one that answers", () => {
  const named = trafficPolicy(
    "n",
    { kind: "Service", name: "catalog" },
    { retry: { attempts: 1 } },
  );
  const answering = trafficPolicy(
    "a",
    { kind: "Service", name: "catalog-v2" },
    {
      retry: { attempts: 9 },
      timeout: { request: "9s" },
    },
  );
  const rule = { backendRefs: [{ name: "catalog-v2", port: 80 }] };
  const action = actionOf(ruled(rule, named, answering)[0]);
  assert.equal(action.retryPolicy?.numRetries, 1);
  assert.equal(milliseconds(action.timeout), 0);
});

test("a rule that cannot be enforced answers 500; the others hold", () => {
  const bad: unknown[] = [
    { filters: [{ type: "CORS", cors: { allowOrigins: ["*"] } }] },
    {
      filters: [
        { type: "ExtensionRef", extensionRef: { group: "x.org", kind: "Filter", name: "f" } },
      ],
    },
    {
      filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["host"] } }],
    },
    {
      backendRefs: [
        {
          name: "catalog",
          port: 80,
          filters: [{ type: "URLRewrite", urlRewrite: { hostname: "x.org" } }],
        },
      ],
    },
  ];
  for (const rule of bad) {
    const rules = [
      { backendRefs: TO_CATALOG, matches: [{ path: { value: "/bad" } }], ...(rule as object) },
      { backendRefs: TO_CATALOG },
    ];
    const routes = routesOf("shop", route("r", ["catalog"], rules));
    assert.deepEqual(routes.map(outcome), ["500", CATALOG, "404"]);
  }
});

test("a match whose pattern is not RE2 matches nothing", () => {
  const matches = [
    { path: { type: "RegularExpression", value: "/(?=x)" } },
    { path: { type: "Exact", value: "/b" } },
  ];
  const routes = ruled({ matches });
  assert.deepEqual(
    routes.map(({ match }) => pathText(match)),
    ["= /b", "/*"],
  );
});

test("routes name the rule and the policies they were made from", () => {
  const policy = trafficPolicy(
    "p",
    { kind: "Service", name: "catalog" },
    { retry: { attempts: 1 } },
  );
  const mesh = trafficPolicy(
    "wide",
    { kind: "Namespace", name: "shop" },
    {
      timeout: { request: "1s" },
    },
  );
  const rules = [
    { name: "named", matches: [{ path: { value: "/a" } }], backendRefs: TO_CATALOG },
    { backendRefs: TO_CATALOG },
  ];
  const routes = routesOf("shop", route("r", ["catalog"], rules), policy, mesh);
  assert.deepEqual(
    routes.map(({ name }) => name),
    ["shop/r/named", "shop/r/1", "no-match"],
  );
  const policies = [
    { kind: "TrafficPolicy", namespace: "shop", name: "p" },
    { kind: "TrafficPolicy", namespace: "shop", name: "wide" },
  ];
  const made = weft(routes[0] ?? assert.fail());
  assert.equal(made["kind"], "HTTPRoute");
  assert.equal(made["namespace"], "shop");
  assert.equal(made["name"], "r");
  assert.equal(made["rule"], "named");
  assert.deepEqual(made["policies"], policies);
});

test("Envoy is told with two routes that 503 is retried for safe methods alone", () => {
  const mesh = new Mesh();
  mesh.compiler.addClass("envoy");
  mesh.put(
    service("catalog"),
    route(
      "r",
      ["catalog"],
      [
        { matches: [{ path: { value: "/a" } }], backendRefs: TO_CATALOG },
        { matches: [{ path: { value: "/b" }, method: "POST" }], backendRefs: TO_CATALOG },
        { matches: [{ path: { value: "/c" }, method: "GET" }], backendRefs: TO_CATALOG },
      ],
    ),
  );
  mesh.compile();
  const found = mesh
    .host("shop", CATALOG, "envoy")
    .routes.slice(0, -1)
    .map((one) => {
      const [method] = one.match?.headers ?? [];
      const specifier = method?.headerMatchSpecifier;
      const pattern =
        specifier?.$case === "stringMatch" ? specifier.stringMatch.matchPattern : undefined;
      const text =
        pattern?.$case === "exact"
          ? pattern.exact
          : pattern?.$case === "safeRegex"
            ? pattern.safeRegex.regex
            : "any";
      return [pathText(one.match), text, actionOf(one).retryPolicy?.retriableStatusCodes];
    });
  assert.deepEqual(found, [
    ["/b/*", "POST", []],
    ["/c/*", "GET", [503]],
    ["/a/*", "GET|HEAD|OPTIONS|TRACE", [503]],
    ["/a/*", "any", []],
  ]);
  assert.equal(mesh.host("shop", CATALOG).routes.length, 4, "the built-in proxy needs no more");
});
