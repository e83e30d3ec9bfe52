// What `weft apply` calls unchanged.

import assert from "node:assert/strict";
import test from "node:test";
import type { ApiObject } from "@weft/api";
import { isUnchanged } from "./apply.ts";

const object = (resourceVersion: string, spec: object, status?: object): ApiObject =>
  ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog", namespace: "default", uid: "1", resourceVersion },
    spec,
    ...(status === undefined ? {} : { status }),
  }) as ApiObject;

test("a status written meanwhile is no change by us", () => {
  const before = object("7", { rules: [] });
  assert.equal(isUnchanged(before, object("8", { rules: [] }, { parents: [] })), true);
});

test("another spec or another label is a change", () => {
  const before = object("7", { rules: [] });
  assert.equal(isUnchanged(before, object("8", { rules: [{}] })), false);
  const labelled = object("8", { rules: [] });
  labelled.metadata.labels = { team: "shop" };
  assert.equal(isUnchanged(before, labelled), false);
});
