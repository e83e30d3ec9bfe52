import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { negotiate } from "./negotiate.ts";
import { parseObjectPath } from "./path.ts";

describe("the Accept header", () => {
  it("chooses the first form that can be made", () => {
    const object = { type: "object" };
    assert.deepEqual(negotiate(undefined), object);
    assert.deepEqual(negotiate("*/*"), object);
    assert.deepEqual(negotiate("application/vnd.kubernetes.protobuf,application/json"), object);
    assert.deepEqual(
      negotiate(
        "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;" +
          "g=meta.k8s.io,application/json",
      ),
      { type: "table", version: "v1" },
    );
    assert.deepEqual(
      negotiate("application/json;as=Table;v=v9;g=meta.k8s.io, application/json"),
      object,
    );
    assert.deepEqual(
      negotiate("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
      { type: "metadata", version: "v1" },
    );
    assert.deepEqual(
      negotiate("application/json;q=0.1,application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9"),
      { type: "table", version: "v1" },
    );
  });

  it("refuses with 406 what nobody could read", () => {
    for (const accept of [
      "application/vnd.kubernetes.protobuf",
      "text/html",
      "application/json;q=0",
    ]) {
      assert.throws(() => negotiate(accept), { code: 406 }, accept);
    }
  });
});

describe("object paths", () => {
  const path = (text: string): unknown => {
    const parsed = parseObjectPath(text);
    if (parsed === null) return null;
    const { group, version, plural, namespace, name, subresource } = parsed;
    return [group, version, plural, namespace, name, subresource];
  };

  it("are taken apart", () => {
    assert.deepEqual(path("/api/v1/services"), ["", "v1", "services", null, null, null]);
    assert.deepEqual(path("/api/v1/namespaces"), ["", "v1", "namespaces", null, null, null]);
    assert.deepEqual(path("/api/v1/namespaces/shop"), ["", "v1", "namespaces", null, "shop", null]);
    assert.deepEqual(path("/api/v1/namespaces/shop/status"), [
      "",
      "v1",
      "namespaces",
      null,
      "shop",
      "status",
    ]);
    assert.deepEqual(path("/apis/weft.dev/v1alpha1/namespaces/shop/workloads/a%20b/status"), [
      "weft.dev",
      "v1alpha1",
      "workloads",
      "shop",
      "a b",
      "status",
    ]);
  });

  it("that are none answer null", () => {
    for (const text of [
      "/",
      "/api",
      "/api/v1",
      "/apis/g/v1",
      "/x/y/z",
      "/api/v1//a",
      "/api/v1/%ff/a",
    ]) {
      assert.equal(path(text), null, text);
    }
    assert.equal(path("/api/v1/namespaces/a/services/b/status/more"), null);
  });
});
