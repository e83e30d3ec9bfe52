import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Reporter } from "./field-error.ts";
import { objectMetaSchema } from "./metadata.ts";
import { checkSchema } from "./validate.ts";

function paths(meta: object): string[] {
  const report = new Reporter("metadata");
  checkSchema(objectMetaSchema, { name: "a", ...meta }, report);
  return report.errors.map((error) => error.path);
}

const owner = { apiVersion: "v1", kind: "Service", name: "a", uid: "1" };

describe("metadata", () => {
  it("takes what Kubernetes takes", () => {
    const meta = {
      labels: { "weft.dev/service": "a", version: "" },
      annotations: { "Weft.dev/note": "any text at all\n" },
      ownerReferences: [
        { ...owner, controller: true },
        { ...owner, uid: "2" },
      ],
      finalizers: ["weft.dev/wait"],
      creationTimestamp: "2026-01-02T03:04:05Z",
    };
    assert.deepEqual(paths(meta), []);
  });

  it("refuses labels and annotations of wrong syntax, and too much of them", () => {
    assert.deepEqual(paths({ labels: { "a b": "c" } }), ["metadata.labels"]);
    assert.deepEqual(paths({ labels: { a: "b c" } }), ["metadata.labels"]);
    assert.deepEqual(paths({ annotations: { "a b": "c" } }), ["metadata.annotations"]);
    assert.deepEqual(paths({ annotations: { a: "ä".repeat(128 * 1024) } }), [
      "metadata.annotations",
    ]);
    assert.deepEqual(paths({ annotations: { a: "x".repeat(256 * 1024 - 1) } }), []);
  });

  it("refuses owners that are not named, two controllers, and finalizers of wrong syntax", () => {
    assert.deepEqual(paths({ ownerReferences: [{ ...owner, uid: "", name: "" }] }), [
      "metadata.ownerReferences[0].name",
      "metadata.ownerReferences[0].uid",
    ]);
    const controllers = [
      { ...owner, controller: true },
      { ...owner, uid: "2", controller: true },
    ];
    assert.deepEqual(paths({ ownerReferences: controllers }), ["metadata.ownerReferences"]);
    assert.deepEqual(paths({ finalizers: ["a b"] }), ["metadata.finalizers[0]"]);
  });
});
