// Virtual hosts by authority and routes by everything a match can ask for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseCluster, matchRoute, matchVirtualHost, type RequestView } from "./match.ts";
import {
  type Partly,
  requestView,
  sampleRoutes,
  sampleTable,
  toCluster,
} from "./sample-messages.ts";
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  Route,
  RouteMatch,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";

function foundBy(domains: Record<string, string[]>, authority: string, ignorePort = false): string {
  const table = sampleTable(
    Object.entries(domains).map(([name, list]) => ({ name, domains: list, routes: [] })),
    { ignorePortInHostMatching: ignorePort },
  );
  return matchVirtualHost(table, authority)?.name ?? "none";
}

test("the domain that says most wins", () => {
  const domains = {
    exact: ["catalog.shop", "Catalog.shop:80"],
    longSuffix: ["*.eu.shop.test"],
    suffix: ["*.shop.test", "*-blue.test"],
    longPrefix: ["catalog.shop:8*"],
    port: ["catalog.shop:*", "[::1]:*"],
    prefix: ["catalog.*"],
    any: ["*"],
  };
  const expected: Record<string, string> = {
    "catalog.shop": "exact",
    "catalog.shop:80": "exact",
    "catalog.shop:8080": "longPrefix",
    "catalog.shop:9090": "port",
    "catalog.other": "prefix",
    "a.eu.shop.test": "longSuffix",
    "a.shop.test": "suffix",
    ".shop.test": "any",
    "x-blue.test": "suffix",
    "catalog.": "any",
    "[::1]:7000": "port",
    "[::1]": "any",
  };
  for (const [authority, name] of Object.entries(expected)) {
    assert.equal(foundBy(domains, authority), name, authority);
  }
  assert.equal(foundBy({ exact: ["a.test"] }, "b.test"), "none");
});

test("a table may ignore the port of the authority", () => {
  assert.equal(foundBy({ a: ["a.test"], any: ["*"] }, "a.test:8443", true), "a");
  assert.equal(foundBy({ a: ["[::1]"], any: ["*"] }, "[::1]:8443", true), "a");
  assert.equal(foundBy({ a: ["a.test"], any: ["*"] }, "a.test:8443"), "any");
});

/** Name of the first of `matches` that a request meets. */
function metBy(matches: readonly Partly<RouteMatch>[], request: Partial<RequestView>): string {
  const routes = matches.map((match, i): Partly<Route> => ({ ...toCluster, name: `${i}`, match }));
  const table = sampleTable([{ name: "v", domains: ["*"], routes }]);
  const virtualHost = matchVirtualHost(table, "any");
  assert.ok(virtualHost !== null);
  return matchRoute(virtualHost, requestView(request))?.name ?? "none";
}

test("paths: exact, prefix, whole segments, pattern, without case", () => {
  const matches: Partly<RouteMatch>[] = [
    { pathSpecifier: { $case: "path", path: "/items/1" } },
    { pathSpecifier: { $case: "pathSeparatedPrefix", pathSeparatedPrefix: "/items" } },
    { pathSpecifier: { $case: "safeRegex", safeRegex: { regex: "/v[0-9]+/.*" } } },
    { pathSpecifier: { $case: "prefix", prefix: "/Case" }, caseSensitive: false },
    { pathSpecifier: { $case: "path", path: "/Exact" }, caseSensitive: false },
    { pathSpecifier: { $case: "prefix", prefix: "/it" } },
  ];
  const expected: Record<string, string> = {
    "/items/1": "0",
    "/items": "1",
    "/items/": "1",
    "/items/2": "1",
    "/itemsx": "5",
    "/v12/x": "2",
    "/v12": "none",
    "/CASE/a": "3",
    "/exact": "4",
    "/exact/": "none",
    "/i": "none",
    "": "none",
  };
  for (const [path, name] of Object.entries(expected)) {
    assert.equal(metBy(matches, { path }), name, path);
  }
});

test("the first of several matching routes wins, whatever kind it is", () => {
  const any: Partly<RouteMatch> = { pathSpecifier: { $case: "prefix", prefix: "/" } };
  const exact: Partly<RouteMatch> = { pathSpecifier: { $case: "path", path: "/a" } };
  const regex: Partly<RouteMatch> = {
    pathSpecifier: { $case: "safeRegex", safeRegex: { regex: "/a" } },
  };
  const post = { ...any, headers: [exactHeader(":method", "POST")] };
  assert.equal(metBy([any, exact], { path: "/a" }), "0");
  assert.equal(metBy([regex, exact, any], { path: "/a" }), "0");
  assert.equal(metBy([exact, regex, any], { path: "/a" }), "0");
  assert.equal(metBy([post, exact, any], { path: "/a" }), "1");
  assert.equal(metBy([post, exact, any], { path: "/a", method: "POST" }), "0");
});

test("CONNECT meets only routes that ask for it", () => {
  const matches: Partly<RouteMatch>[] = [
    { pathSpecifier: { $case: "prefix", prefix: "" } },
    { pathSpecifier: { $case: "connectMatcher", connectMatcher: {} } },
  ];
  assert.equal(metBy(matches, { method: "CONNECT", path: "" }), "1");
  assert.equal(metBy(matches, { method: "GET", path: "/" }), "0");
});

function exactHeader(name: string, exact: string): Partly<HeaderMatcher> {
  return {
    name,
    headerMatchSpecifier: {
      $case: "stringMatch",
      stringMatch: { matchPattern: { $case: "exact", exact } },
    },
  };
}

function meetsHeaders(
  headers: readonly Partly<HeaderMatcher>[],
  request: Partial<RequestView>,
): boolean {
  return metBy([{ pathSpecifier: { $case: "prefix", prefix: "/" }, headers }], request) === "0";
}

type HeaderSpecifier = NonNullable<HeaderMatcher["headerMatchSpecifier"]>;

test("headers: every kind of text, repeated and missing ones, the request line", () => {
  const holds = (
    specifier: Partly<HeaderSpecifier>,
    value: string | null,
    more: Partly<HeaderMatcher> = {},
  ): boolean => {
    const matcher = { name: "X-Tag", headerMatchSpecifier: specifier, ...more };
    const headers = value === null ? [] : ["x-tag", value];
    return meetsHeaders([matcher as Partly<HeaderMatcher>], { headers });
  };
  assert.ok(holds({ $case: "exactMatch", exactMatch: "a" }, "a"));
  assert.ok(!holds({ $case: "exactMatch", exactMatch: "a" }, "A"));
  assert.ok(holds({ $case: "prefixMatch", prefixMatch: "a" }, "ab"));
  assert.ok(holds({ $case: "suffixMatch", suffixMatch: "b" }, "ab"));
  assert.ok(holds({ $case: "containsMatch", containsMatch: "b" }, "abc"));
  assert.ok(holds({ $case: "safeRegexMatch", safeRegexMatch: { regex: "a+" } }, "aaa"));
  assert.ok(!holds({ $case: "safeRegexMatch", safeRegexMatch: { regex: "a+" } }, "aaab"));
  assert.ok(holds({ $case: "rangeMatch", rangeMatch: { start: -5n, end: 3n } }, "-5"));
  assert.ok(!holds({ $case: "rangeMatch", rangeMatch: { start: -5n, end: 3n } }, "3"));
  assert.ok(!holds({ $case: "rangeMatch", rangeMatch: { start: -5n, end: 3n } }, "2x"));
  assert.ok(holds({ $case: "presentMatch", presentMatch: true }, ""));
  assert.ok(!holds({ $case: "presentMatch", presentMatch: true }, null));
  assert.ok(holds({ $case: "presentMatch", presentMatch: false }, null));
  assert.ok(!holds({ $case: "presentMatch", presentMatch: false }, "a"));
  assert.ok(!holds({ $case: "presentMatch", presentMatch: true }, "a", { invertMatch: true }));
  assert.ok(holds({ $case: "exactMatch", exactMatch: "a" }, "b", { invertMatch: true }));
  assert.ok(!holds({ $case: "exactMatch", exactMatch: "a" }, null, { invertMatch: true }));
  const empty = { treatMissingHeaderAsEmpty: true };
  assert.ok(holds({ $case: "exactMatch", exactMatch: "" }, null, empty));
  assert.ok(holds({ $case: "exactMatch", exactMatch: "a" }, null, { ...empty, invertMatch: true }));
});

test("repeated headers are each and all of their values; text beyond ASCII is UTF-8", () => {
  const headers = ["x-tag", "a", "other", "z", "x-tag", "b"];
  for (const text of ["a,b", "a", "b"]) {
    assert.ok(meetsHeaders([exactHeader("x-tag", text)], { headers }), text);
    const not = { ...exactHeader("x-tag", text), invertMatch: true };
    assert.ok(!meetsHeaders([not], { headers }), text);
  }
  for (const text of ["b,a", "z", "a, b"]) {
    assert.ok(!meetsHeaders([exactHeader("x-tag", text)], { headers }), text);
  }
  assert.ok(!meetsHeaders([exactHeader("x-tag", "a")], { headers: ["x-tag", "a,b"] }));
  const bytes = Buffer.from("grün", "utf8").toString("latin1");
  assert.ok(meetsHeaders([exactHeader("x-tag", "grün")], { headers: ["x-tag", bytes] }));
});

test("names with a colon, and host, read the request line", () => {
  const request = { method: "PUT", path: "/a", query: "?b", authority: "a.test:80", headers: [] };
  assert.ok(meetsHeaders([exactHeader(":method", "PUT")], request));
  assert.ok(meetsHeaders([exactHeader(":path", "/a?b")], request));
  assert.ok(meetsHeaders([exactHeader(":authority", "a.test:80")], request));
  assert.ok(meetsHeaders([exactHeader("host", "a.test:80")], request));
  assert.ok(meetsHeaders([exactHeader(":scheme", "http")], request));
  assert.ok(!meetsHeaders([exactHeader(":method", "PUT"), exactHeader(":method", "GET")], request));
});

test("query parameters: the first of a name, as written", () => {
  const meets = (matcher: Partly<QueryParameterMatcher>, query: string): boolean => {
    const match: Partly<RouteMatch> = {
      pathSpecifier: { $case: "prefix", prefix: "/" },
      queryParameters: [matcher],
    };
    return metBy([match], { query }) === "0";
  };
  const exact = (name: string, text: string): Partly<QueryParameterMatcher> => ({
    name,
    queryParameterMatchSpecifier: {
      $case: "stringMatch",
      stringMatch: { matchPattern: { $case: "exact", exact: text } },
    },
  });
  assert.ok(meets(exact("a", "1"), "?a=1"));
  assert.ok(meets(exact("a", "1"), "?aa=2&b&a=1&a=2"));
  assert.ok(!meets(exact("a", "2"), "?a=1&a=2"));
  assert.ok(!meets(exact("a", "1"), "?b=a=1"));
  assert.ok(meets(exact("a", ""), "?a"));
  assert.ok(meets(exact("a", ""), "?a=&b"));
  assert.ok(meets(exact("a", "b=c"), "?a=b=c"));
  assert.ok(!meets(exact("a", " "), "?a=%20"));
  assert.ok(!meets(exact("a", ""), ""));
  const present = (presentMatch: boolean): Partly<QueryParameterMatcher> => ({
    name: "a",
    queryParameterMatchSpecifier: { $case: "presentMatch", presentMatch },
  });
  assert.ok(meets(present(true), "?a"));
  assert.ok(!meets(present(true), "?b"));
  assert.ok(meets(present(false), "?b"));
});

test("clusters are chosen by weight; weight 0 never", () => {
  const share = (name: string, weight: number): object => ({ name, weight });
  const [route] = sampleRoutes({
    match: { pathSpecifier: { $case: "prefix", prefix: "/" } },
    action: {
      $case: "route",
      route: {
        clusterSpecifier: {
          $case: "weightedClusters",
          weightedClusters: { clusters: [share("a", 0), share("b", 90), share("c", 10)] },
        },
      },
    },
  } as Partly<Route>);
  assert.ok(route?.clusters);
  const counts = { a: 0, b: 0, c: 0 };
  for (let i = 0; i < 1000; i++) {
    const chosen = chooseCluster(route.clusters, route.weightTotal, i / 1000);
    counts[chosen?.cluster as keyof typeof counts]++;
  }
  assert.deepEqual(counts, { a: 0, b: 900, c: 100 });
});
