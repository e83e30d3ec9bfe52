import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatFieldError, Reporter } from "./field-error.ts";
import {
  anyObject,
  boolean,
  choice,
  dateTime,
  integer,
  intOrString,
  list,
  map,
  numberChoice,
  object,
  type Schema,
  string,
  withRules,
} from "./schema.ts";
import { checkSchema, listKey } from "./validate.ts";

function check(schema: Schema, value: unknown): string[] {
  const report = new Reporter("spec");
  checkSchema(schema, value, report);
  return report.errors.map(formatFieldError);
}

describe("checkSchema", () => {
  it("names the type that was wanted", () => {
    const refused = (wanted: string, value: string): string[] => {
      return [`spec: Invalid value: ${value}: must be of type ${wanted}`];
    };
    assert.deepEqual(check(string(""), 1), refused("string", "1"));
    assert.deepEqual(check(integer(""), "1"), refused("integer", '"1"'));
    assert.deepEqual(check(integer(""), 1.5), refused("integer", "1.5"));
    assert.deepEqual(check(boolean(""), null), refused("boolean", "null"));
    assert.deepEqual(check(object("", {}), []), refused("object", "[]"));
    assert.deepEqual(check(list("", string("")), {}), refused("array", "{}"));
    assert.deepEqual(check(intOrString(""), true), refused("integer or string", "true"));
    assert.deepEqual(check(intOrString(""), 1.5), refused("integer or string", "1.5"));
    assert.deepEqual(check(map("", string("")), "x"), refused("object", '"x"'));
  });

  it("lists every wrong field with its path", () => {
    const port = object(
      "",
      { port: integer("", { minimum: 1 }), name: string("") },
      { required: ["port"] },
    );
    const schema = object(
      "",
      { ports: list("", port), labels: map("", string("")), mode: choice("", ["A", "B"]) },
      { required: ["target"] as never },
    );
    const errors = check(schema, {
      ports: [{}, { port: 0, name: 1 }],
      labels: { a: 1 },
      mode: "C",
    });
    assert.deepEqual(errors, [
      "spec.target: Required value",
      "spec.ports[0].port: Required value",
      "spec.ports[1].port: Invalid value: 0: must be greater than or equal to 1",
      "spec.ports[1].name: Invalid value: 1: must be of type string",
      "spec.labels[a]: Invalid value: 1: must be of type string",
      'spec.mode: Unsupported value: "C": supported values: "A", "B"',
    ]);
  });

  it("checks texts: length in characters, pattern, emptiness, format", () => {
    assert.deepEqual(check(string("", { maxLength: 2 }), "äöü"), [
      "spec: Too long: may not be more than 2 bytes",
    ]);
    assert.deepEqual(check(string("", { maxLength: 2 }), "😀😀"), []);
    assert.deepEqual(check(string("", { minLength: 1, pattern: "^a$" }), ""), [
      'spec: Invalid value: "": must not be empty',
    ]);
    assert.deepEqual(check(string("", { minLength: 3 }), "a"), [
      'spec: Invalid value: "a": must have at least 3 characters',
    ]);
    assert.deepEqual(check(string("", { pattern: "^a$" }), "b"), [
      'spec: Invalid value: "b": must match ^a$',
    ]);
    assert.match(check(dateTime(""), "yesterday")[0] ?? "", /RFC 3339/);
  });

  it("checks numbers and sizes", () => {
    assert.deepEqual(check(integer("", { maximum: 3 }), 4), [
      "spec: Invalid value: 4: must be less than or equal to 3",
    ]);
    assert.deepEqual(check(numberChoice("", [301, 302]), 300), [
      "spec: Unsupported value: 300: supported values: 301, 302",
    ]);
    assert.deepEqual(check(list("", string(""), { maxItems: 1 }), ["a", "b"]), [
      "spec: Too many: 2: must have at most 1 item",
    ]);
    assert.deepEqual(check(list("", string(""), { minItems: 1 }), []), [
      "spec: Invalid value: []: must have at least 1 item",
    ]);
    assert.deepEqual(check(map("", string(""), { maxProperties: 1 }), { a: "", b: "" }), [
      "spec: Too many: 2: must have at most 1 item",
    ]);
  });

  it("finds duplicates in sets and maps, a default standing in for an absent key", () => {
    const set = list("", string(""), { listType: "set" });
    assert.deepEqual(check(set, ["a", "b", "a"]), ['spec[2]: Duplicate value: "a"']);
    const port = object("", {
      port: integer(""),
      protocol: choice("", ["TCP", "UDP"], { default: "TCP" }),
    });
    const keyed = list("", port, { listType: "map", keys: ["port", "protocol"] });
    assert.deepEqual(check(keyed, [{ port: 1 }, { port: 1, protocol: "UDP" }]), []);
    assert.deepEqual(check(keyed, [{ port: 1 }, { port: 1, protocol: "TCP" }]), [
      'spec[1]: Duplicate value: {"port":1,"protocol":"TCP"}',
    ]);
    assert.deepEqual(listKey(keyed, { port: 1 }), { port: 1, protocol: "TCP" });
  });

  it("runs a rule wherever the shape is right, also beside one that is wrong", () => {
    const pair = withRules(
      object("", { low: integer(""), high: integer("") }, { required: ["low", "high"] }),
      ({ low, high }, at) => {
        if (low > high) at.invalid("low", low, "must be no more than high");
      },
    );
    const errors = check(list("", pair), [
      { low: "x", high: 1 },
      { low: 2, high: 1 },
    ]);
    assert.deepEqual(errors, [
      'spec[0].low: Invalid value: "x": must be of type integer',
      "spec[1].low: Invalid value: 2: must be no more than high",
    ]);
  });

  it("takes any object where the schema says so", () => {
    assert.deepEqual(check(anyObject(""), { a: { b: [1, "x"] } }), []);
    assert.equal(check(anyObject(""), "a").length, 1);
  });
});
