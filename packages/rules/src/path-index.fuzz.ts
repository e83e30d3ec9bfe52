// The path index must find exactly what a look at every route in order finds.

import assert from "node:assert/strict";
import { type Dice, oneOf } from "./dice.ts";
import { matchesPath, matchRoute } from "./match.ts";
import { PathIndex } from "./path-index.ts";
import { compileRegex, Pattern } from "./regex.ts";
import { VirtualHostRow } from "./route-table.ts";
import { requestView, sampleRoutes, toCluster } from "./sample-messages.ts";
import { type Fields, type PathMatchKind, RouteMatchRow, RouteRow } from "./tables.ts";

const pieces = ["/", "a", "b", "ab", "aB", "/a", "/b", "é", "/items"];
const kinds: readonly PathMatchKind[] = ["exact", "prefix", "segment-prefix", "regex", "connect"];
const methods = ["GET", "POST", "CONNECT"];

const [sample] = sampleRoutes({
  ...toCluster,
  match: { pathSpecifier: { $case: "prefix", prefix: "/" } },
});

export function fuzz(dice: Dice, steps: number): void {
  for (let i = 0; i < steps; i++) {
    const routes: RouteRow[] = [];
    for (let count = dice.integer(oneOf(dice, [3, 12, 60])); count >= 0; count--) {
      routes.push(randomRoute(dice, routes.length));
    }
    const labels = {
      service: "",
      namespace: "",
      port: 0,
      protocol: "",
      ports: [],
      isHeadless: false,
    };
    const fields = { name: "v", domains: ["*"], ...labels };
    const virtualHost = new VirtualHostRow({ ...fields, routes }, new PathIndex(routes));
    for (let j = 0; j < 10; j++) {
      const path = randomPath(dice);
      const method = oneOf(dice, methods);
      const found = matchRoute(virtualHost, requestView({ path, method }));
      const expected = firstInOrder(routes, path, method);
      assert.equal(found?.index, expected?.index, `${method} ${path} in ${JSON.stringify(routes)}`);
    }
  }
}

function firstInOrder(routes: readonly RouteRow[], path: string, method: string): RouteRow | null {
  for (const route of routes) {
    const { match } = route;
    if (match.method !== null && match.method !== method) continue;
    const isConnect = method === "CONNECT";
    if (isConnect ? match.path === "connect" : matchesPath(match, path)) return route;
  }
  return null;
}

function randomPath(dice: Dice): string {
  let path = "";
  for (let count = dice.integer(6); count > 0; count--) path += oneOf(dice, pieces);
  return path;
}

function randomRoute(dice: Dice, index: number): RouteRow {
  const path = oneOf(dice, kinds);
  const ignoreCase = path !== "regex" && path !== "connect" && dice.integer(6) === 0;
  const text = randomPath(dice);
  const pattern = path === "regex" ? compileRegex(`${text}[a-z/]*`) : null;
  const match = new RouteMatchRow({
    path,
    value: path === "connect" ? "" : ignoreCase ? text.toLowerCase() : text,
    ignoreCase,
    regex: pattern instanceof Pattern ? pattern : null,
    method: dice.integer(3) === 0 ? oneOf(dice, methods) : null,
    headers: [],
    query: [],
  });
  return new RouteRow({ ...(sample as Fields<RouteRow>), index, match });
}
