// The examples of RFC 6902 appendix A, and what must not happen.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { applyJsonPatch } from "./json-patch.ts";

const examples: readonly [name: string, document: unknown, patch: unknown, result: unknown][] = [
  [
    "A.1 add a member",
    { foo: "bar" },
    [{ op: "add", path: "/baz", value: "qux" }],
    { baz: "qux", foo: "bar" },
  ],
  [
    "A.2 add an element",
    { foo: ["bar", "baz"] },
    [{ op: "add", path: "/foo/1", value: "qux" }],
    { foo: ["bar", "qux", "baz"] },
  ],
  [
    "A.3 remove a member",
    { baz: "qux", foo: "bar" },
    [{ op: "remove", path: "/baz" }],
    { foo: "bar" },
  ],
  [
    "A.4 remove an element",
    { foo: ["bar", "qux", "baz"] },
    [{ op: "remove", path: "/foo/1" }],
    { foo: ["bar", "baz"] },
  ],
  [
    "A.5 replace",
    { baz: "qux", foo: "bar" },
    [{ op: "replace", path: "/baz", value: "boo" }],
    { baz: "boo", foo: "bar" },
  ],
  [
    "A.6 move a value",
    { foo: { bar: "baz", waldo: "fred" }, qux: { corge: "grault" } },
    [{ op: "move", from: "/foo/waldo", path: "/qux/thud" }],
    { foo: { bar: "baz" }, qux: { corge: "grault", thud: "fred" } },
  ],
  [
    "A.7 move an element",
    { foo: ["all", "grass", "cows", "eat"] },
    [{ op: "move", from: "/foo/1", path: "/foo/3" }],
    { foo: ["all", "cows", "eat", "grass"] },
  ],
  [
    "A.8 test",
    { baz: "qux", foo: ["a", 2, "c"] },
    [
      { op: "test", path: "/baz", value: "qux" },
      { op: "test", path: "/foo/1", value: 2 },
    ],
    { baz: "qux", foo: ["a", 2, "c"] },
  ],
  [
    "A.10 add a nested member",
    { foo: "bar" },
    [{ op: "add", path: "/child", value: { grandchild: {} } }],
    { foo: "bar", child: { grandchild: {} } },
  ],
  [
    "A.11 ignores unknown members",
    { foo: "bar" },
    [{ op: "add", path: "/baz", value: "qux", xyz: 123 }],
    { foo: "bar", baz: "qux" },
  ],
  [
    "A.14 escapes",
    { "/": 9, "~1": 10 },
    [{ op: "test", path: "/~01", value: 10 }],
    { "/": 9, "~1": 10 },
  ],
  [
    "A.16 add an array to the end",
    { foo: ["bar"] },
    [{ op: "add", path: "/foo/-", value: ["abc", "def"] }],
    { foo: ["bar", ["abc", "def"]] },
  ],
  ["copy", { a: { b: 1 } }, [{ op: "copy", from: "/a", path: "/c" }], { a: { b: 1 }, c: { b: 1 } }],
];

describe("JSON patch", () => {
  for (const [name, document, patch, result] of examples) {
    it(name, () => assert.deepEqual(applyJsonPatch(document, patch), result));
  }

  const misfits: readonly [string, unknown, unknown][] = [
    ["A.9 a test that fails", { baz: "qux" }, [{ op: "test", path: "/baz", value: "bar" }]],
    ["A.12 a parent that is missing", { foo: "bar" }, [{ op: "add", path: "/baz/bat", value: 1 }]],
    [
      "A.15 a number is no string",
      { "/": 9, "~1": 10 },
      [{ op: "test", path: "/~01", value: "10" }],
    ],
    ["an index beyond the end", { a: [1] }, [{ op: "add", path: "/a/2", value: 1 }]],
    ["a leading zero", { a: [1, 2] }, [{ op: "remove", path: "/a/01" }]],
    ["a member that is missing", {}, [{ op: "remove", path: "/a" }]],
    ["a value moved into itself", { a: { b: {} } }, [{ op: "move", from: "/a", path: "/a/b/c" }]],
    ["the prototype", {}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]],
    ["what is inherited", {}, [{ op: "add", path: "/constructor/x", value: 1 }]],
  ];
  for (const [name, document, patch] of misfits) {
    it(`refuses ${name} and leaves the document alone`, () => {
      const before = structuredClone(document);
      assert.throws(() => applyJsonPatch(document, patch), { code: 422 });
      assert.deepEqual(document, before);
      assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    });
  }

  it("refuses what is no patch with 400", () => {
    for (const patch of [{}, [1], [{ op: "spam", path: "/a" }], [{ op: "add", path: "/a" }]]) {
      assert.throws(() => applyJsonPatch({}, patch), { code: 400 });
    }
    assert.throws(() => applyJsonPatch({}, [{ op: "add", path: "a", value: 1 }]), { code: 400 });
  });
});
