import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { applyDefaults } from "./defaults.ts";
import { anyObject, choice, integer, list, map, object, string } from "./schema.ts";

const inner = object("", { type: choice("", ["A", "B"], { default: "A" }), value: string("") });

describe("applyDefaults", () => {
  it("fills absent fields, also within a default, and keeps what is there", () => {
    const schema = object("", {
      weight: integer("", { default: 1 }),
      first: { ...inner, default: { value: "x" } },
      all: list("", inner),
      named: map("", inner),
    });
    const value = { weight: 0, all: [{ type: "B" }, {}], named: { a: {} } };
    applyDefaults(schema, value);
    assert.deepEqual(value, {
      weight: 0,
      first: { value: "x", type: "A" },
      all: [{ type: "B" }, { type: "A" }],
      named: { a: { type: "A" } },
    });
  });

  it("drops nulls before it fills in, but not in what is kept as it is", () => {
    const schema = object("", { weight: integer("", { default: 1 }), any: anyObject("") });
    const value = { weight: null, other: null, any: { a: null } };
    applyDefaults(schema, value);
    assert.deepEqual(value, { weight: 1, any: { a: null } });
  });

  it("gives each object its own copy of a default", () => {
    const schema = object("", { first: { ...inner, default: {} } });
    const [one, two] = [{}, {}] as { first?: { type?: string } }[];
    applyDefaults(schema, one);
    applyDefaults(schema, two);
    assert.notEqual(one?.first, two?.first);
  });

  it("leaves values of another shape alone", () => {
    const schema = object("", { all: list("", inner) });
    const value = { all: "x" };
    applyDefaults(schema, value);
    assert.deepEqual(value, { all: "x" });
  });
});
