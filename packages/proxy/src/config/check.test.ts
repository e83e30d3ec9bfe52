// A response is taken whole or refused whole, with reasons.

import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyTables, type ResourceChange } from "@weft/rules";
import { typeUrls } from "@weft/xds";
import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { checkChange, refusalText } from "./check.ts";

function change(...clusters: { name: string; isGood: boolean }[]): ResourceChange {
  const changed = clusters.map(({ name, isGood }) => {
    const message = Cluster.fromPartial({
      name,
      clusterDiscoveryType: { $case: "type", type: 3 },
      edsClusterConfig: { edsConfig: { configSourceSpecifier: { $case: "ads", ads: {} } } },
      lbPolicy: isGood ? 1 : 2,
    });
    return { name, version: "1", resource: Cluster.encode(message).finish() };
  });
  return { typeUrl: typeUrls.cluster, changed, removed: [] };
}

test("a good response becomes the next tables", () => {
  const result = checkChange(emptyTables, change({ name: "a", isGood: true }));
  assert.equal(result.refusal, null);
  assert.equal(result.tables.clusters.get("a")?.algorithm, "least-request");
});

test("one bad resource refuses all, by name, and leaves the tables as they were", () => {
  const before = checkChange(emptyTables, change({ name: "a", isGood: true })).tables;
  const bad = change({ name: "b", isGood: true }, { name: "a", isGood: false });
  const result = checkChange(before, bad);
  assert.equal(result.tables, before);
  assert.equal(result.refusal, "Cluster a: lb_policy: not supported by the built-in proxy");
});

test("a type that the proxy does not read is refused", () => {
  const unknown = { typeUrl: "type.googleapis.com/x.Y", changed: [], removed: [] };
  assert.match(checkChange(emptyTables, unknown).refusal ?? "", /x\.Y: not a type/);
});

test("a refusal is one line of at most ten reasons", () => {
  const errors = Array.from({ length: 12 }, (_, i) => ({
    resource: `Cluster c${i}`,
    field: i === 0 ? "" : "name",
    reason: "no",
  }));
  const text = refusalText(errors);
  assert.ok(text.startsWith("Cluster c0: no; Cluster c1: name: no; "), text);
  assert.ok(text.endsWith("; Cluster c9: name: no; and 2 more"), text);
});
