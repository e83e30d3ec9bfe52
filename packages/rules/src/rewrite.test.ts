// Paths, authorities, redirects and headers, as Envoy and the Gateway API change them.

import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  RedirectAction,
  Route,
  RouteAction,
  RouteMatch,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { RequestView } from "./match.ts";
import { editHeaders, redirectLocation, rewriteAuthority, rewritePath } from "./rewrite.ts";
import { type Partly, requestView, sampleRoutes } from "./sample-messages.ts";
import { HeaderEdit, type RouteRow } from "./tables.ts";

type PathSpecifier = Partly<NonNullable<RouteMatch["pathSpecifier"]>>;

const anyPath: PathSpecifier = { $case: "prefix", prefix: "/" };

function rowOf(route: Partly<Route>): RouteRow {
  const [row] = sampleRoutes(route);
  assert.ok(row !== undefined);
  return row;
}

function routeTo(action: Partly<RouteAction>, path = anyPath): RouteRow {
  return rowOf({
    match: { pathSpecifier: path },
    action: {
      $case: "route",
      route: { clusterSpecifier: { $case: "cluster", cluster: "c" }, ...action },
    },
  } as Partly<Route>);
}

test("a prefix, an exact path and a pattern's path are replaced; the query stays", () => {
  const prefix = routeTo({ prefixRewrite: "/new" }, { $case: "prefix", prefix: "/old" });
  assert.equal(rewritePath(prefix, "/old/a", "?q=/old"), "/new/a?q=/old");
  assert.equal(rewritePath(prefix, "/older", ""), "/newer");
  const segment = routeTo(
    { prefixRewrite: "/new" },
    { $case: "pathSeparatedPrefix", pathSeparatedPrefix: "/old" },
  );
  assert.equal(rewritePath(segment, "/old", "?"), "/new?");
  const exact = routeTo({ prefixRewrite: "/new" }, { $case: "path", path: "/old" });
  assert.equal(rewritePath(exact, "/old", ""), "/new");
  const pattern = routeTo(
    { prefixRewrite: "/new" },
    { $case: "safeRegex", safeRegex: { regex: "/o.*" } },
  );
  assert.equal(rewritePath(pattern, "/old/a", "?x"), "/new?x");
  assert.equal(rewritePath(routeTo({}), "/a", "?x"), "/a?x");
});

test("a pattern rewrites the path, not the query", () => {
  const rewrite = (regex: string, substitution: string, path: string, query = ""): string =>
    rewritePath(routeTo({ regexRewrite: { pattern: { regex }, substitution } }), path, query);
  assert.equal(rewrite("^/foo/?", "/", "/foo/bar", "?a=/foo/"), "/bar?a=/foo/");
  assert.equal(rewrite("^/foo/?", "/", "/foo"), "/");
  assert.equal(rewrite("^.*$", "/all", "/any/thing", "?a"), "/all?a");
  assert.equal(rewrite("^/(\\w+)/(\\w+)", "/\\2/\\1", "/a/b/c"), "/b/a/c");
  assert.equal(rewrite("o", "0", "/foo/boo"), "/f00/b00");
});

test("the authority is taken from the share, a literal, a header or the path", () => {
  const authorityOf = (action: Partly<RouteAction>, request: Partial<RequestView> = {}): string => {
    const row = routeTo(action);
    const share = row.clusters?.[0];
    assert.ok(share !== undefined);
    return rewriteAuthority(row, share, requestView(request));
  };
  assert.equal(authorityOf({}), "shop.test");
  const literal = { $case: "hostRewriteLiteral", hostRewriteLiteral: "other.test" } as const;
  assert.equal(authorityOf({ hostRewriteSpecifier: literal }), "other.test");
  const header = { $case: "hostRewriteHeader", hostRewriteHeader: "X-To" } as const;
  const named = { headers: ["x-to", "named.test"] };
  assert.equal(authorityOf({ hostRewriteSpecifier: header }, named), "named.test");
  assert.equal(authorityOf({ hostRewriteSpecifier: header }), "shop.test");
  const byPath = {
    $case: "hostRewritePathRegex",
    hostRewritePathRegex: { pattern: { regex: "^/(\\w+)/.*$" }, substitution: "\\1.test" },
  } as const;
  assert.equal(authorityOf({ hostRewriteSpecifier: byPath }, { path: "/blue/x" }), "blue.test");
  const clusters = {
    $case: "weightedClusters",
    weightedClusters: { clusters: [{ name: "c", weight: 1, hostRewriteSpecifier: literal }] },
  } as const;
  assert.equal(authorityOf({ clusterSpecifier: clusters }), "other.test");
});

function locationOf(
  redirect: Partly<RedirectAction>,
  request: Partial<RequestView> = {},
  path = anyPath,
  scheme: "http" | "https" = "http",
): string {
  const row = rowOf({
    match: { pathSpecifier: path },
    action: { $case: "redirect", redirect },
  } as Partly<Route>);
  assert.ok(row.redirect !== null);
  return redirectLocation(row.redirect, row, requestView(request), scheme);
}

test("a redirect keeps what it does not change", () => {
  const request = { authority: "shop.test:8080", path: "/a", query: "?b=c" };
  assert.equal(locationOf({}, request), "http://shop.test:8080/a?b=c");
  assert.equal(locationOf({ hostRedirect: "new.test" }, request), "http://new.test/a?b=c");
  assert.equal(locationOf({ portRedirect: 9000 }, request), "http://shop.test:9000/a?b=c");
  assert.equal(locationOf({ stripQuery: true }, request), "http://shop.test:8080/a");
});

test("a redirect leaves out the port that its scheme has anyway", () => {
  const toHttps = { schemeRewriteSpecifier: { $case: "httpsRedirect", httpsRedirect: true } };
  const https = toHttps as Partly<RedirectAction>;
  assert.equal(locationOf(https, { authority: "shop.test" }), "https://shop.test/");
  assert.equal(locationOf(https, { authority: "shop.test:80" }), "https://shop.test/");
  assert.equal(locationOf(https, { authority: "shop.test:8080" }), "https://shop.test:8080/");
  assert.equal(locationOf({ ...https, portRedirect: 443 }), "https://shop.test/");
  assert.equal(locationOf({ ...https, portRedirect: 8443 }), "https://shop.test:8443/");
  assert.equal(
    locationOf({ portRedirect: 80 }, { authority: "shop.test:8080" }),
    "http://shop.test/",
  );
  const ipv6 = { authority: "[::1]:80" };
  assert.equal(locationOf(https, ipv6), "https://[::1]/");
  assert.equal(locationOf({ portRedirect: 9 }, { authority: "[::1]" }), "http://[::1]:9/");
  assert.equal(
    locationOf({}, { authority: "shop.test:443" }, anyPath, "https"),
    "https://shop.test/",
  );
});

test("a redirect replaces the path, its prefix, or what a pattern finds", () => {
  const request = { path: "/old/a", query: "?q" };
  const redirect = (specifier: object): Partly<RedirectAction> =>
    ({ pathRewriteSpecifier: specifier }) as Partly<RedirectAction>;
  const whole = redirect({ $case: "pathRedirect", pathRedirect: "/new" });
  assert.equal(locationOf(whole, request), "http://shop.test/new?q");
  const withQuery = redirect({ $case: "pathRedirect", pathRedirect: "/new?own" });
  assert.equal(locationOf(withQuery, request), "http://shop.test/new?own");
  const prefix = redirect({ $case: "prefixRewrite", prefixRewrite: "/new" });
  const path: PathSpecifier = { $case: "pathSeparatedPrefix", pathSeparatedPrefix: "/old" };
  assert.equal(locationOf(prefix, request, path), "http://shop.test/new/a?q");
  const regexRewrite = { pattern: { regex: "^/old/?" }, substitution: "/" };
  const pattern = redirect({ $case: "regexRewrite", regexRewrite });
  assert.equal(locationOf(pattern, request, path), "http://shop.test/a?q");
});

test("header edits add, set, set what exists, add what is missing, remove", () => {
  const edited = (...edits: HeaderEdit[]): string[] => {
    const headers = ["a", "1", "b", "2", "a", "3"];
    editHeaders(headers, edits);
    return headers;
  };
  assert.deepEqual(edited(new HeaderEdit("add", "b", "9")), [
    "a",
    "1",
    "b",
    "2",
    "a",
    "3",
    "b",
    "9",
  ]);
  assert.deepEqual(edited(new HeaderEdit("set", "a", "9")), ["a", "9", "b", "2"]);
  assert.deepEqual(edited(new HeaderEdit("set", "c", "9")).slice(-2), ["c", "9"]);
  assert.deepEqual(edited(new HeaderEdit("set-existing", "b", "9"))[3], "9");
  assert.equal(edited(new HeaderEdit("set-existing", "c", "9")).length, 6);
  assert.equal(edited(new HeaderEdit("add-absent", "b", "9")).length, 6);
  assert.deepEqual(edited(new HeaderEdit("add-absent", "c", "9")).slice(-2), ["c", "9"]);
  assert.deepEqual(edited(new HeaderEdit("remove", "a", "")), ["b", "2"]);
});
