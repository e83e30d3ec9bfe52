import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Reporter } from "./field-error.ts";
import { about, choice, integer, list, object, type Static, string, withRules } from "./schema.ts";
import { checkSchema } from "./validate.ts";

const item = object(
  "An item.",
  { name: string("Its name."), size: choice("Its size.", ["S", "L"]), count: integer("How many.") },
  { required: ["name"] },
);

type Item = Static<typeof item>;

describe("a schema", () => {
  it("gives the type: required fields are there, others may be absent", () => {
    const full: Item = { name: "a", size: "S", count: 1 };
    const small: Item = { name: "a" };
    // @ts-expect-error name is required
    const nameless: Item = { size: "S" };
    // @ts-expect-error size is one of two
    const other: Item = { name: "a", size: "M" };
    assert.equal([full, small, nameless, other].length, 4);
  });

  it("is plain JSON Schema", () => {
    const { rules, ...plain } = withRules(
      list("Items.", item, { listType: "map", keys: ["name"] }),
      () => {},
    );
    assert.equal(rules?.length, 1);
    assert.deepEqual(plain, {
      type: "array",
      description: "Items.",
      items: item,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    });
  });

  it("keeps its rules under another description", () => {
    const report = new Reporter("spec");
    const ruled = withRules(item, (value, at) => at.invalid("name", value.name, "no"));
    checkSchema(about(ruled, "Another."), { name: "a" }, report);
    assert.deepEqual(
      report.errors.map((error) => error.path),
      ["spec.name"],
    );
  });

  it("marks a list for strategic merge, with a key or without", () => {
    const keyed = list("", item, { mergeKey: "name" });
    const plain = list("", string(""), { mergeKey: "" });
    assert.equal(keyed["x-kubernetes-patch-merge-key"], "name");
    assert.equal(keyed["x-kubernetes-patch-strategy"], "merge");
    assert.equal(plain["x-kubernetes-patch-merge-key"], undefined);
    assert.equal(plain["x-kubernetes-patch-strategy"], "merge");
  });
});
