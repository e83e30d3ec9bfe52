// What a request pays for its route: node --conditions=@weft/source
// packages/rules/src/match.bench.ts

import { bench, run, summary } from "mitata";
import { matchRoute, matchVirtualHost } from "./match.ts";
import { compileRegex, Pattern } from "./regex.ts";
import type { RouteTable } from "./route-table.ts";
import { requestView, sampleTable, toCluster } from "./sample-messages.ts";

const serviceCount = 1000;
const routeCount = 200;

const table: RouteTable = sampleTable(
  Array.from({ length: serviceCount }, (_, i) => ({
    name: `s${i}`,
    domains: [`s${i}.shop`, `s${i}.shop:80`, `s${i}.shop.svc.cluster.local`, `s${i}.other:*`],
    routes: [{ ...toCluster, match: { pathSpecifier: { $case: "prefix" as const, prefix: "/" } } }],
  })),
);

const [many] = sampleTable([
  {
    name: "many",
    domains: ["*"],
    routes: [
      ...Array.from({ length: routeCount }, (_, i) => ({
        ...toCluster,
        match: {
          pathSpecifier: {
            $case: "pathSeparatedPrefix" as const,
            pathSeparatedPrefix: `/api/v1/items${i}`,
          },
        },
      })),
      { ...toCluster, match: { pathSpecifier: { $case: "prefix" as const, prefix: "/" } } },
    ],
  },
]).virtualHosts;
const [one] = table.virtualHosts;
const last = requestView({ path: `/api/v1/items${routeCount - 1}/42` });
const none = requestView({ path: "/other" });

const quick = compileRegex("/api/v[0-9]+/items/[^/]+");
const slow = compileRegex(".*items.*");

summary(() => {
  bench("virtual host of 1000, exact", () =>
    matchVirtualHost(table, "s777.shop.svc.cluster.local"),
  );
  bench("virtual host of 1000, any port", () => matchVirtualHost(table, "s777.other:9090"));
});
summary(() => {
  if (one === undefined || many === undefined) throw new Error("no routes to measure");
  bench("route of 1", () => matchRoute(one, last));
  bench("route of 201, deep prefix", () => matchRoute(many, last));
  bench("route of 201, only the last matches", () => matchRoute(many, none));
});
summary(() => {
  if (!(quick instanceof Pattern) || !(slow instanceof Pattern)) throw new Error("refused");
  bench("pattern on V8", () => quick.matches("/api/v1/items/12345"));
  bench("pattern on RE2", () => slow.matches("/api/v1/items/12345"));
});
await run();
