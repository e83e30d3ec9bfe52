// Route configurations: levels of header edits, defaults, what is refused, and what an update
// leaves alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  Route,
  RouteAction,
  VirtualHost,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import {
  compileSample,
  type Partly,
  printed,
  refusals,
  sampleRoutes,
  sampleTable,
  toCluster,
} from "./sample-messages.ts";
import type { HeaderEdit } from "./tables.ts";

const anyMatch = { pathSpecifier: { $case: "prefix", prefix: "/" } } as const;
const add = (key: string, value: string, appendAction: 0 | 1 | 2 | 3 = 0): object => ({
  header: { key, value },
  appendAction,
});

function routed(action: Partly<RouteAction>, more: Partly<Route> = {}): Partly<Route> {
  return {
    match: anyMatch,
    action: {
      $case: "route",
      route: { clusterSpecifier: { $case: "cluster", cluster: "c" }, ...action },
    },
    ...more,
  } as Partly<Route>;
}

function refused(
  virtualHost: Partly<VirtualHost>,
  table: Partly<RouteConfiguration> = {},
): string[] {
  const virtualHosts = [{ name: "v", domains: ["*"], ...virtualHost }];
  const compiled = compileSample("route", "t", { name: "t", virtualHosts, ...table });
  assert.equal(compiled.tables.routes.size, 0);
  return refusals(compiled);
}

function refusedRoute(route: Partly<Route>): string {
  return refused({ routes: [route] }).join("\n");
}

test("a bare route has Envoy's defaults", () => {
  const [row] = sampleRoutes(routed({}, { name: "r" }));
  assert.equal(row?.timeoutMs, 15_000);
  assert.equal(row?.idleTimeoutMs, null);
  assert.equal(row?.retry, null);
  assert.equal(row?.clusterMissingStatus, 503);
  assert.equal(row?.upgrades, null);
  assert.deepEqual(printed(row?.clusters), [
    {
      cluster: "c",
      weight: 1,
      requestEdits: null,
      responseEdits: null,
      authorityLiteral: null,
    },
  ]);
});

test("timeouts: none is null, idle 0 is off", () => {
  const zero = { seconds: 0n, nanos: 0 };
  const [row] = sampleRoutes(routed({ timeout: zero, idleTimeout: zero }));
  assert.equal(row?.timeoutMs, null);
  assert.equal(row?.idleTimeoutMs, 0);
  const [other] = sampleRoutes(routed({ timeout: { seconds: 1n, nanos: 500_000_000 } }));
  assert.equal(other?.timeoutMs, 1500);
});

test("a bare retry policy is one retry with Envoy's backoff", () => {
  const [row] = sampleRoutes(routed({ retryPolicy: { retryOn: "5xx" } }));
  assert.equal(row?.retry?.attempts, 1);
  assert.equal(row?.retry?.backoffBaseMs, 25);
  assert.equal(row?.retry?.backoffMaxMs, 250);
  assert.equal(row?.retry?.perTryTimeoutMs, null);
  assert.equal(row?.retry?.avoidTried, false);
});

function editText(edits: readonly HeaderEdit[] | null | undefined): string[] {
  return (edits ?? []).map((edit) => `${edit.action} ${edit.name} ${edit.value}`.trim());
}

test("header edits of all levels follow each other; each level removes first", () => {
  const table = {
    requestHeadersToAdd: [add("x", "table", 2)],
    responseHeadersToAdd: [add("y", "table")],
  };
  const virtualHost = {
    name: "v",
    domains: ["*"],
    requestHeadersToAdd: [add("X", "host", 2)],
    requestHeadersToRemove: ["Gone"],
    routes: [
      {
        match: anyMatch,
        requestHeadersToAdd: [add("x", "route", 1), add("e", "100%%", 3)],
        action: {
          $case: "route",
          route: {
            clusterSpecifier: {
              $case: "weightedClusters",
              weightedClusters: {
                clusters: [{ name: "c", weight: 1, requestHeadersToAdd: [add("x", "share")] }],
              },
            },
          },
        },
      },
    ],
  } as Partly<VirtualHost>;
  const edits = (mostSpecificHeaderMutationsWins: boolean): string[] => {
    const message = { ...table, mostSpecificHeaderMutationsWins };
    const row = sampleTable([virtualHost], message as Partly<RouteConfiguration>);
    const route = row.virtualHosts[0]?.routes[0];
    assert.deepEqual(editText(route?.clusters?.[0]?.responseEdits), ["add y table"]);
    assert.deepEqual(editText(route?.responseEdits), ["add y table"]);
    return editText(route?.clusters?.[0]?.requestEdits);
  };
  const levels = [
    ["add x share"],
    ["add-absent x route", "set-existing e 100%"],
    ["remove gone", "set x host"],
    ["set x table"],
  ];
  assert.deepEqual(edits(false), levels.flat());
  assert.deepEqual(edits(true), levels.toReversed().flat());
});

test("values are written as bytes; an empty one is dropped unless it is to be kept", () => {
  const [row] = sampleRoutes(
    routed(
      {},
      {
        requestHeadersToAdd: [
          add("a", "ü"),
          add("b", ""),
          { ...add("c", ""), keepEmptyValue: true },
        ],
      },
    ),
  );
  assert.deepEqual(editText(row?.clusters?.[0]?.requestEdits), ["add a \u00c3\u00bc", "add c"]);
});

test("what cannot be edited is refused", () => {
  const edit = (header: object): string =>
    refusedRoute(routed({}, { requestHeadersToAdd: [header] }));
  assert.match(
    edit(add("host", "x")),
    /request_headers_to_add\[0\]\.header: Host can only be rewritten/,
  );
  assert.match(edit(add("Content-Length", "1")), /cannot be edited/);
  assert.match(edit(add(":path", "/")), /not a header name/);
  assert.match(edit(add("a", "%REQ(b)%")), /commands in header values/);
  assert.match(edit(add("a", "b\r\nc: d")), /control character/);
  const removed = refusedRoute(routed({}, { responseHeadersToRemove: ["transfer-encoding"] }));
  assert.match(removed, /response_headers_to_remove\[0\]/);
});

test("virtual hosts give retries and mirrors to routes that have none", () => {
  const table = sampleTable([
    {
      name: "v",
      domains: ["*"],
      retryPolicy: { retryOn: "5xx", numRetries: 7 },
      requestMirrorPolicies: [{ cluster: "m" }],
      routes: [
        routed({}),
        routed({
          retryPolicy: { retryOn: "reset" },
          requestMirrorPolicies: [
            { cluster: "n", runtimeFraction: { defaultValue: { numerator: 25 } } },
          ],
        }),
      ],
    },
  ]);
  const [first, second] = table.virtualHosts[0]?.routes ?? [];
  assert.equal(first?.retry?.attempts, 7);
  assert.deepEqual(
    first?.mirrors.map((row) => [row.cluster, row.fraction]),
    [["m", 1]],
  );
  assert.equal(second?.retry?.attempts, 1);
  assert.deepEqual(
    second?.mirrors.map((row) => [row.cluster, row.fraction]),
    [["n", 0.25]],
  );
});

test("our metadata labels virtual hosts and routes", () => {
  const weft = (fields: object): object => ({ filterMetadata: { "dev.weft": fields } });
  const table = sampleTable([
    {
      name: "catalog.shop.svc.cluster.local:80",
      domains: ["catalog.shop"],
      metadata: weft({ service: "catalog", namespace: "shop", port: 80, protocol: "http" }),
      routes: [
        {
          match: anyMatch,
          action: { $case: "directResponse", directResponse: { status: 404 } },
          metadata: weft({
            kind: "HTTPRoute",
            namespace: "shop",
            name: "canary",
            rule: 3,
            flag: "NP",
            policies: [{ kind: "TrafficPolicy", namespace: "shop", name: "catalog" }],
          }),
        } as Partly<Route>,
      ],
    } as Partly<VirtualHost>,
  ]);
  const [row] = table.virtualHosts;
  assert.deepEqual(
    [row?.service, row?.namespace, row?.port, row?.protocol],
    ["catalog", "shop", 80, "http"],
  );
  const route = row?.routes[0];
  assert.deepEqual(
    [route?.kind, route?.object, route?.rule, route?.flag],
    ["HTTPRoute", "canary", "3", "NP"],
  );
  assert.equal(route?.policies[0]?.kind, "TrafficPolicy");
});

test("what a table cannot hold is refused by field and reason", () => {
  const twice = { domains: ["a.test", "A.test"] };
  assert.match(refused(twice).join(), /virtual_hosts\[0\]\.domains: a\.test belongs to v already/);
  assert.match(refused({ domains: ["a*b"] }).join(), /neither first nor last/);
  assert.match(refused({ domains: [] }).join(), /domains: is empty/);
  assert.match(refused({ requireTls: 2 }).join(), /require_tls: not supported/);
  assert.match(refused({}, { validateClusters: true }).join(), /validate_clusters/);
  const weft = { filterMetadata: { "dev.weft": { tier: "gold" } } };
  assert.match(refused({ metadata: weft } as Partly<VirtualHost>).join(), /tier: unknown field/);
});

test("what a route cannot do is refused by field and reason", () => {
  const to = (action: object): Partly<Route> => routed(action as Partly<RouteAction>);
  const shares = (...weights: number[]): object => ({
    clusterSpecifier: {
      $case: "weightedClusters",
      weightedClusters: { clusters: weights.map((weight) => ({ name: "c", weight })) },
    },
  });
  const match = (fields: object): Partly<Route> => ({ ...toCluster, match: fields });
  const cases: [Partly<Route>, RegExp][] = [
    [{ match: anyMatch }, /routes\[0\]\.action: is missing/],
    [match({}), /match\.path_specifier: is missing/],
    [match({ ...anyMatch, grpc: {} }), /match\.grpc: not supported by the built-in proxy/],
    [
      match({ pathSpecifier: { $case: "pathSeparatedPrefix", pathSeparatedPrefix: "/a/" } }),
      /path_separated_prefix: must not end/,
    ],
    [
      match({ pathSpecifier: { $case: "safeRegex", safeRegex: { regex: "(" } } }),
      /safe_regex\.regex: not RE2 syntax/,
    ],
    [to(shares(0, 0)), /weighted_clusters: the weights add up to 0/],
    [to({ hashPolicy: [{}] }), /route\.hash_policy: not supported/],
    [to({ retryPolicy: { retryOn: "5xx,envoy-ratelimited" } }), /retry_on: envoy-ratelimited/],
    [to({ timeout: { seconds: -1n, nanos: 0 } }), /route\.timeout: must be between/],
    [
      to({ regexRewrite: { pattern: { regex: "a" }, substitution: "\\1" } }),
      /regex_rewrite\.substitution: the pattern has no group 1/,
    ],
    [
      { match: anyMatch, action: { $case: "directResponse", directResponse: { status: 99 } } },
      /direct_response\.status: must be 200 to 599/,
    ],
  ] as [Partly<Route>, RegExp][];
  for (const [route, reason] of cases) assert.match(refusedRoute(route), reason);
});

test("an update compiles only the virtual hosts that changed", () => {
  const virtualHost = (name: string, cluster: string): object => ({
    name,
    domains: [name],
    routes: [routed({ clusterSpecifier: { $case: "cluster", cluster } })],
  });
  const table = (...virtualHosts: object[]): object => ({ name: "t", virtualHosts });
  const first = compileSample("route", "t", table(virtualHost("a", "1"), virtualHost("b", "1")));
  const message = table(virtualHost("c", "1"), virtualHost("b", "1"), virtualHost("a", "2"));
  const second = compileSample("route", "t", message, first.tables);
  const before = first.tables.routes.get("t");
  const after = second.tables.routes.get("t");
  assert.equal(after?.virtualHostNamed("b"), before?.virtualHostNamed("b"));
  assert.notEqual(after?.virtualHostNamed("a"), before?.virtualHostNamed("a"));
  assert.equal(after?.virtualHostNamed("a")?.routes[0]?.clusters?.[0]?.cluster, "2");
  const edited = { ...message, requestHeadersToRemove: ["x"] };
  const third = compileSample("route", "t", edited, second.tables).tables.routes.get("t");
  assert.notEqual(third?.virtualHostNamed("b"), after?.virtualHostNamed("b"));
});

test("a table prints its rows and nothing else", () => {
  const printed = JSON.parse(JSON.stringify(sampleTable([{ name: "v", domains: ["*"] }])));
  assert.deepEqual(Object.keys(printed), ["name", "virtualHosts", "ignorePort"]);
  assert.deepEqual(printed.virtualHosts[0].domains, ["*"]);
});
