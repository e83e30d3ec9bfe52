// Whole changes: removal, repetition, unknown types, slices.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Compilation, compileChanges, emptyTables, type ResourceChange } from "./compile.ts";
import { fuzz } from "./compile.fuzz.ts";
import { seededDice } from "./dice.ts";
import { sampleBytes, sampleEndpoint, sampleTypes } from "./sample-messages.ts";

function assignments(...names: string[]): ResourceChange {
  const changed = names.map((name) => {
    const lbEndpoints = Array.from({ length: 200 }, (_, i) => sampleEndpoint("127.0.0.1", 1 + i));
    const message = { clusterName: name, endpoints: [{ lbEndpoints }] };
    return { name, version: "1", resource: sampleBytes("endpoint", message) };
  });
  return { typeUrl: sampleTypes.endpoint, changed, removed: [] };
}

test("a change adds, replaces and removes; tables that it does not touch stay the same", () => {
  const first = compileChanges(emptyTables, [assignments("a", "b")]).tables;
  assert.deepEqual([...first.endpoints.keys()], ["a", "b"]);
  const change = { ...assignments("c"), removed: ["a", "never"] };
  const second = compileChanges(first, [change]).tables;
  assert.deepEqual([...second.endpoints.keys()], ["b", "c"]);
  assert.equal(second.endpoints.get("b"), first.endpoints.get("b"));
  assert.equal(second.clusters, first.clusters);
  assert.deepEqual([...first.endpoints.keys()], ["a", "b"], "tables are never changed");
});

test("a name may occur once in a response, and a type must be known", () => {
  const [first] = assignments("a").changed;
  assert.ok(first !== undefined);
  const twice = { ...assignments(), changed: [first, first] };
  const { errors } = compileChanges(emptyTables, [twice]);
  assert.deepEqual(errors, [
    {
      resource: "ClusterLoadAssignment a",
      field: "",
      reason: "occurs twice in one response",
    },
  ]);
  const unknown = { typeUrl: "type.googleapis.com/x.Y", changed: [], removed: [] };
  assert.match(compileChanges(emptyTables, [unknown]).errors[0]?.reason ?? "", /not a type/);
});

test("a compilation stops wherever it is told to, and ends with the same tables", () => {
  const change = assignments("a", "b", "c");
  const compilation = new Compilation(emptyTables, [change]);
  let sliceCount = 1;
  while (!compilation.step(() => false)) sliceCount++;
  assert.ok(sliceCount > 9, `${sliceCount} slices for 600 endpoints`);
  const whole = compileChanges(emptyTables, [change]);
  assert.deepEqual(compilation.tables, whole.tables);
});

test("fuzz: damaged bytes are refused, updates equal compiling from nothing", () =>
  fuzz(seededDice(3), 400));
