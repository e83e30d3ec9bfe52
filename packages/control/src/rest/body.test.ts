import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kinds } from "@weft/api";
import { decodeObject } from "./body.ts";
import { duplicateFields } from "./duplicate-fields.ts";
import { dropUnknownFields } from "./unknown-fields.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = "application/json";
const protobuf = "application/vnd.kubernetes.protobuf";

describe("bodies", () => {
  it("reads JSON and YAML", () => {
    assert.deepEqual(decodeObject(bytes('{"a":[1]}'), json).value, { a: [1] });
    assert.deepEqual(decodeObject(bytes("a: [1]\nb: {c: d}\n"), "application/yaml").value, {
      a: [1],
      b: { c: "d" },
    });
  });

  it("refuses with 400 what is no object, broken, deep or aimed at prototypes", () => {
    const deep = "[".repeat(5000) + "]".repeat(5000);
    for (const text of ["[]", "1", "{", '{"__proto__":{"x":1}}', `{"a":${deep}}`]) {
      assert.throws(() => decodeObject(bytes(text), json), { code: 400 }, text.slice(0, 30));
    }
    assert.throws(() => decodeObject(new Uint8Array([0x7b, 0xff, 0x7d]), json), { code: 400 });
    assert.throws(() => decodeObject(bytes("a: [1"), "application/yaml"), { code: 400 });
    const bomb =
      "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]";
    assert.throws(() => decodeObject(bytes(bomb), "application/yaml"), { code: 400 });
  });

  it("refuses unknown types with 415", () => {
    assert.throws(() => decodeObject(bytes("{}"), "text/html"), { code: 415 });
  });

  it("finds fields given twice", () => {
    const text = '{"a":1,"b":{"c":"x\\"y","c":2},"l":[{"d":1},{"d":1,"d":{}}],"a":{"a":1}}';
    assert.deepEqual(duplicateFields(text), ["b.c", "l[1].d", "a"]);
    assert.deepEqual(duplicateFields('{"a":{"x":1},"b":{"x":1},"c":["a","a"]}'), []);
    assert.deepEqual(decodeObject(bytes("a: 1\nb: 2\na: 3\n"), "application/yaml").duplicates, [
      "line 3",
    ]);
  });

  it("drops and names unknown fields, sparing maps", () => {
    const object = {
      metadata: { name: "a", labels: { anything: "x" }, nonsense: 1 },
      spec: { ports: [{ port: 80, prot: "TCP" }], selectr: {} },
    };
    const dropped = dropUnknownFields(kinds.Service.schema, object);
    assert.deepEqual(dropped, ["metadata.nonsense", "spec.ports[0].prot", "spec.selectr"]);
    assert.deepEqual(object, {
      metadata: { name: "a", labels: { anything: "x" } },
      spec: { ports: [{ port: 80 }] },
    });
  });
});

describe("protobuf bodies", () => {
  // As kubectl 1.32 sent them.
  const configMap =
    "azhzAAoPCgJ2MRIJQ29uZmlnTWFwEi4KHAoIc2V0dGluZ3MSABoEc2hvcCIAKgAyADgAQgASDgoGY29sb3VyEgRi" +
    "bHVlGgAiAA==";
  const service =
    "azhzAAoNCgJ2MRIHU2VydmljZRJwCiMKA3dlYhIAGgRzaG9wIgAqADIAOABCAFoKCgNhcHASA3dlYhJFCh4KBzgw" +
    "LWh0dHASA1RDUBhQIgoIARAAGgRodHRwKAASCgoDYXBwEgN3ZWIaACIJQ2x1c3RlcklQOgBCAFIAWgBgAGgAGgIK" +
    "ABoAIgA=";
  const secret = "azhzAAoMCgJ2MRIGU2VjcmV0EiMKFwoDa2V5EgAaBHNob3AiACoAMgA4AEIAEgYKAXASAXEaABoAIgA=";

  const read = (base64: string): unknown =>
    decodeObject(new Uint8Array(Buffer.from(base64, "base64")), protobuf).value;

  it("become what the same objects are in JSON", () => {
    assert.deepEqual(read(configMap), {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings", namespace: "shop" },
      data: { colour: "blue" },
    });
    assert.deepEqual(read(service), {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
      spec: {
        ports: [{ name: "80-http", protocol: "TCP", port: 80, targetPort: "http" }],
        selector: { app: "web" },
        type: "ClusterIP",
      },
    });
    assert.deepEqual(read(secret), {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "key", namespace: "shop" },
      data: { p: "cQ==" },
    });
  });

  it("cut anywhere are refused or read, never crash", () => {
    const whole = new Uint8Array(Buffer.from(service, "base64"));
    for (let length = 0; length < whole.length; length++) {
      try {
        decodeObject(whole.subarray(0, length), protobuf);
      } catch (error) {
        const { code } = error as { code?: number };
        assert.ok(code === 400 || code === 415, `${length}: ${String(error)}`);
      }
    }
  });

  it("of kinds without a known shape are refused with 415", () => {
    const pod = Buffer.from("k8s\0\n\x09\n\x02v1\x12\x03Pod\x12\x00", "latin1");
    assert.throws(() => decodeObject(new Uint8Array(pod), protobuf), { code: 415 });
  });
});
