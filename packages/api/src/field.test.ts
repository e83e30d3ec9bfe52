import assert from "node:assert/strict";
import { it } from "node:test";
import { fieldValue } from "./field.ts";

it("fieldValue reads a path as text", () => {
  const object = { metadata: { name: "a" }, spec: { count: 3, on: true, list: [], none: null } };
  assert.equal(fieldValue(object, "metadata.name"), "a");
  assert.equal(fieldValue(object, "spec.count"), "3");
  assert.equal(fieldValue(object, "spec.on"), "true");
  for (const path of ["spec", "spec.list", "spec.none", "spec.other.deeper", "spec.constructor"]) {
    assert.equal(fieldValue(object, path), "", path);
  }
});
