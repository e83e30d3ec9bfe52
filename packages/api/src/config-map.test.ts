import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ConfigMap, configMapKind } from "./config-map.ts";
import { type Secret, secretKind } from "./secret.ts";

const metadata = { name: "a", namespace: "b" };

function configMap(fields: object): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata, ...fields };
}

function secret(fields: object): Secret {
  const object: Secret = { apiVersion: "v1", kind: "Secret", metadata, ...fields };
  secretKind.defaults(object);
  return object;
}

const paths = (errors: readonly { path: string }[]): string[] => errors.map((error) => error.path);

describe("ConfigMap", () => {
  it("has keys of files, each once, and a limit", () => {
    const good = configMap({ data: { "a.txt": "", _B: "c" }, binaryData: { c: "aGk=" } });
    assert.deepEqual(configMapKind.validate(good), []);
    const bad = configMap({
      data: { "a b": "", "..": "", c: "" },
      binaryData: { c: "aGk", "/": "" },
    });
    assert.deepEqual(paths(configMapKind.validate(bad)), [
      "binaryData[c]",
      "data[a b]",
      "data[..]",
      "binaryData[/]",
      "data[c]",
    ]);
    const large = configMap({ data: { a: "x".repeat(1024 * 1024 + 1) } });
    assert.equal(configMapKind.validate(large)[0]?.reason, "FieldValueTooLong");
  });

  it("does not change once it is immutable", () => {
    const before = configMap({ data: { a: "1" }, immutable: true });
    const update = (fields: object): string[] => {
      return paths(configMapKind.validateUpdate(configMap(fields), before));
    };
    assert.deepEqual(update({ data: { a: "1" }, immutable: true }), []);
    assert.deepEqual(update({ data: { a: "2" }, immutable: true }), ["data"]);
    assert.deepEqual(update({ data: { a: "1", b: "" }, immutable: true }), ["data"]);
    assert.deepEqual(update({ data: { a: "1" } }), ["immutable"]);
  });

  it("counts its keys", () => {
    const object = configMap({ data: { a: "1" }, binaryData: { b: "" } });
    assert.deepEqual(
      configMapKind.columns.map((column) => column.name),
      ["Name", "Data", "Age"],
    );
    assert.equal(configMapKind.columns[1]?.cell(object, 0), 2);
  });
});

describe("Secret", () => {
  it("takes text and keeps base64", () => {
    const object = secret({ data: { a: "aGk=" }, stringData: { b: "hällo", a: "new" } });
    assert.deepEqual(object.data, { a: "bmV3", b: "aMOkbGxv" });
    assert.equal(object.stringData, undefined);
    assert.equal(object.type, "Opaque");
    assert.deepEqual(secretKind.validate(object), []);
  });

  it("holds what its type demands", () => {
    assert.deepEqual(paths(secretKind.validate(secret({ type: "kubernetes.io/tls" }))), [
      "data[tls.crt]",
      "data[tls.key]",
    ]);
    const basic = secret({ type: "kubernetes.io/basic-auth", stringData: { username: "a" } });
    assert.deepEqual(secretKind.validate(basic), []);
    basic.data = {};
    assert.equal(secretKind.validate(basic).length, 2);
    assert.deepEqual(paths(secretKind.validate(secret({ data: { a: "no base64" } }))), ["data[a]"]);
  });

  it("keeps its type", () => {
    const errors = secretKind.validateUpdate(secret({ type: "b" }), secret({ type: "a" }));
    assert.deepEqual(paths(errors), ["type"]);
  });
});
