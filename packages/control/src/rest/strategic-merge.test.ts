import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kinds } from "@weft/api";
import { applyStrategicMerge } from "./strategic-merge.ts";

const { schema } = kinds.Service;

const service = (spec: object, metadata: object = { name: "web" }): Record<string, unknown> => ({
  metadata,
  spec,
});

const two = [
  { port: 80, name: "http" },
  { port: 90, name: "other" },
];

describe("strategic merge patch", () => {
  it("merges items of a list by its merge key, and appends new ones", () => {
    const patch = { spec: { ports: [{ port: 90, name: "renamed" }, { port: 100 }] } };
    assert.deepEqual(applyStrategicMerge(schema, service({ ports: two }), patch), {
      metadata: { name: "web" },
      spec: { ports: [{ port: 80, name: "http" }, { port: 90, name: "renamed" }, { port: 100 }] },
    });
  });

  it("deletes one item, and replaces the whole list", () => {
    const gone = { spec: { ports: [{ port: 80, $patch: "delete" }] } };
    assert.deepEqual(applyStrategicMerge(schema, service({ ports: two }), gone)["spec"], {
      ports: [{ port: 90, name: "other" }],
    });
    const replaced = { spec: { ports: [{ $patch: "replace" }, { port: 1 }] } };
    assert.deepEqual(applyStrategicMerge(schema, service({ ports: two }), replaced)["spec"], {
      ports: [{ port: 1 }],
    });
  });

  it("orders items as told, leaving others in their places", () => {
    const patch = {
      spec: {
        $setElementOrder: undefined,
        "$setElementOrder/ports": [{ port: 90 }, { port: 80 }],
        ports: [{ port: 90, name: "first" }],
      },
    };
    const standing = service({ ports: [...two, { port: 100 }] });
    assert.deepEqual(applyStrategicMerge(schema, standing, patch)["spec"], {
      ports: [{ port: 90, name: "first" }, { port: 80, name: "http" }, { port: 100 }],
    });
  });

  it("replaces lists that have no merge key, and drops nulls", () => {
    const standing = service({ externalIPs: ["::1"], type: "ClusterIP" });
    const patch = { spec: { externalIPs: [], type: null } };
    assert.deepEqual(applyStrategicMerge(schema, standing, patch)["spec"], { externalIPs: [] });
  });

  it("merges sets of plain values and takes values out of them", () => {
    const standing = service({}, { name: "web", finalizers: ["a/b", "c/d"] });
    const more = { metadata: { finalizers: ["c/d", "e/f"] } };
    const merged = applyStrategicMerge(schema, standing, more);
    assert.deepEqual(merged["metadata"], { name: "web", finalizers: ["a/b", "c/d", "e/f"] });
    const less = { metadata: { "$deleteFromPrimitiveList/finalizers": ["a/b"] } };
    assert.deepEqual(applyStrategicMerge(schema, merged, less)["metadata"], {
      name: "web",
      finalizers: ["c/d", "e/f"],
    });
  });

  it("keeps only retained keys, and replaces an object whole", () => {
    const standing = service({ type: "ClusterIP", clusterIP: "None" });
    const retained = { spec: { $retainKeys: ["type"], type: "NodePort" } };
    assert.deepEqual(applyStrategicMerge(schema, standing, retained)["spec"], { type: "NodePort" });
    const replaced = { spec: { $patch: "replace", ports: two } };
    assert.deepEqual(applyStrategicMerge(schema, standing, replaced)["spec"], { ports: two });
  });

  it("refuses directives and items that make no sense", () => {
    const refused = [
      { spec: { $patch: "explode" } },
      { spec: { ports: [{ name: "no key" }] } },
      { spec: { ports: ["no object"] } },
      { spec: { $retainKeys: "type" } },
    ];
    for (const patch of refused) {
      assert.throws(() => applyStrategicMerge(schema, service({ ports: two }), patch), {
        code: 400,
      });
    }
  });
});
