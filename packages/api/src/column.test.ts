import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileJsonPath, formatAge, formatElapsed, pathColumn, showLabels } from "./column.ts";
import type { ApiObject } from "./kind.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("columns", () => {
  it("show ages as kubectl does", () => {
    const cases = [
      [-5 * SECOND, "0s"],
      [119 * SECOND, "119s"],
      [120 * SECOND, "2m"],
      [5 * MINUTE + 3 * SECOND, "5m3s"],
      [10 * MINUTE + 3 * SECOND, "10m"],
      [179 * MINUTE, "179m"],
      [3 * HOUR, "3h"],
      [7 * HOUR + 59 * MINUTE, "7h59m"],
      [8 * HOUR + 59 * MINUTE, "8h"],
      [47 * HOUR, "47h"],
      [48 * HOUR, "2d"],
      [3 * DAY + 4 * HOUR, "3d4h"],
      [8 * DAY + 4 * HOUR, "8d"],
      [729 * DAY, "729d"],
      [730 * DAY, "2y"],
      [731 * DAY, "2y1d"],
      [9 * 365 * DAY + DAY, "9y"],
    ] as const;
    for (const [elapsedMs, text] of cases) assert.equal(formatElapsed(elapsedMs), text);
  });

  it("say so where the age is not known", () => {
    assert.equal(formatAge("1970-01-01T00:00:00Z", 5 * SECOND), "5s");
    assert.equal(formatAge(undefined, 0), "<unknown>");
    assert.equal(formatAge("soon", 0), "<unknown>");
  });

  it("show labels in order", () => {
    assert.equal(showLabels({ b: "2", a: "1" }), "a=1,b=2");
    assert.equal(showLabels({}), "<none>");
    assert.equal(showLabels(undefined), "<none>");
  });

  it("follow the part of JSONPath that CRDs use", () => {
    const value = {
      spec: { ports: [{ port: 1 }, { port: 2 }], none: null },
      conditions: [
        { type: "Ready", status: "True" },
        { type: "Other", status: "False" },
      ],
    };
    assert.deepEqual(compileJsonPath(".spec.ports[*].port")(value), [1, 2]);
    assert.deepEqual(compileJsonPath('.conditions[?(@.type=="Ready")].status')(value), ["True"]);
    assert.deepEqual(compileJsonPath(".spec.none.deeper")(value), []);
    assert.deepEqual(compileJsonPath(".spec.constructor")(value), []);
    assert.throws(() => compileJsonPath("spec"), /not a path/);
  });

  it("show what the path finds", () => {
    const show = (path: string, spec: unknown): unknown => {
      const object: ApiObject = { apiVersion: "v1", kind: "A", metadata: { name: "a" }, spec };
      return pathColumn("X", "", path).cell(object, 0);
    };
    assert.equal(show(".spec.a", { a: 5 }), 5);
    assert.equal(show(".spec.a", { a: ["x", "y"] }), '["x","y"]');
    assert.equal(show(".spec.a[*].b", { a: [{ b: 1 }, { b: 2 }] }), "1,2");
    assert.equal(show(".spec.a", {}), "");
  });
});
