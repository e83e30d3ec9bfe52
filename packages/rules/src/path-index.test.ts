// The index keeps the order of the table, however its tree splits.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seededDice } from "./dice.ts";
import { fuzz } from "./path-index.fuzz.ts";
import { matchRoute } from "./match.ts";
import { requestView, sampleTable, toCluster } from "./sample-messages.ts";

test("prefixes inside each other are found in the order of the table", () => {
  const prefixes = ["/a/b/c", "/a", "/a/b", "/a/bc", "/", "/b"];
  const table = sampleTable([
    {
      name: "v",
      domains: ["*"],
      routes: prefixes.map((prefix) => ({
        ...toCluster,
        name: prefix,
        match: { pathSpecifier: { $case: "prefix", prefix } },
      })),
    },
  ]);
  const [virtualHost] = table.virtualHosts;
  assert.ok(virtualHost !== undefined);
  const met = (path: string): string | undefined =>
    matchRoute(virtualHost, requestView({ path }))?.name;
  assert.equal(met("/a/b/c/d"), "/a/b/c");
  assert.equal(met("/a/bc"), "/a");
  assert.equal(met("/b"), "/");
  assert.equal(met("x"), undefined);
});

test("fuzz: the index finds what a look at every route finds", () => fuzz(seededDice(11), 400));
