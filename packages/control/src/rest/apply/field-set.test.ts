import assert from "node:assert/strict";
import { test } from "node:test";
import {
  differenceOf,
  FieldSet,
  fromFieldsV1,
  intersectionOf,
  showPath,
  toFieldsV1,
  unionOf,
} from "./field-set.ts";

function setOf(...paths: string[][]): FieldSet {
  const set = new FieldSet();
  for (const path of paths) set.insert(path);
  return set;
}

const shown = (set: FieldSet): string[] => set.paths().map(showPath).toSorted();

const port = 'k:{"port":80,"protocol":"TCP"}';

test("a set survives the way through FieldsV1, with members that have fields below", () => {
  const fields = {
    "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
    "f:spec": { "f:ports": { [port]: { ".": {}, "f:name": {} } } },
  };
  const set = fromFieldsV1(fields);
  assert.ok(set !== null);
  assert.deepEqual(toFieldsV1(set), fields);
  assert.deepEqual(shown(set), [
    ".metadata.labels",
    ".metadata.labels.app",
    '.spec.ports[port=80,protocol="TCP"]',
    '.spec.ports[port=80,protocol="TCP"].name',
  ]);
});

test("what is no FieldsV1 is refused whole", () => {
  assert.equal(fromFieldsV1({ spec: {} }), null);
  assert.equal(fromFieldsV1({ "f:spec": 1 }), null);
  assert.equal(fromFieldsV1(null), null);
});

test("union, difference and intersection count members, not the way to them", () => {
  const a = setOf(["f:spec", "f:a"], ["f:spec", "f:b"], ["f:spec"]);
  const b = setOf(["f:spec", "f:b"], ["f:spec", "f:c"]);
  assert.deepEqual(shown(unionOf(a, b)), [".spec", ".spec.a", ".spec.b", ".spec.c"]);
  assert.deepEqual(shown(differenceOf(a, b)), [".spec", ".spec.a"]);
  assert.deepEqual(shown(intersectionOf(a, b)), [".spec.b"]);
  assert.ok(differenceOf(b, unionOf(a, b)).isEmpty);
  assert.ok(intersectionOf(setOf(["f:x"]), setOf(["f:x", "f:y"])).isEmpty);
});

test("paths of sets and indexes are shown too", () => {
  assert.equal(showPath(["f:metadata", "f:finalizers", 'v:"a/b"']), '.metadata.finalizers[="a/b"]');
  assert.equal(showPath(["f:list", "i:3"]), ".list[3]");
});
