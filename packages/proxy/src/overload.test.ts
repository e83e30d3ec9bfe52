import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "@weft/runtime";
import { Overload, OverloadLevel } from "./overload.ts";

function watched(limitBytes: number): { overload: Overload; seen: OverloadLevel[] } {
  const seen: OverloadLevel[] = [];
  const overload = new Overload(limitBytes, silentLogger, { onLevel: (level) => seen.push(level) });
  return { overload, seen };
}

test("levels rise with memory, one after the other or at once", () => {
  const { overload, seen } = watched(1000);
  for (const used of [100, 799, 800, 879, 880, 929, 930, 2000]) overload.sample(used);
  assert.deepEqual(seen, [1, 2, 3]);
  const sudden = watched(1000);
  sudden.overload.sample(990);
  assert.deepEqual(sudden.seen, [OverloadLevel.Refuse]);
  assert.equal(sudden.overload.levelName, "refuse");
});

test("a level is left five hundredths below where it is entered", () => {
  const { overload, seen } = watched(1000);
  for (const used of [930, 929, 881, 880, 879, 831, 829, 751, 749, 300]) overload.sample(used);
  assert.deepEqual(seen, [3, 2, 1, 0]);
});

test("memory that wavers about a threshold changes the level once", () => {
  const { overload, seen } = watched(1000);
  for (let i = 0; i < 20; i++) overload.sample(i % 2 === 0 ? 890 : 870);
  assert.deepEqual(seen, [OverloadLevel.StopAccepting]);
});

test("it looks often only when memory is scarce, and never acts without a limit", () => {
  const { overload } = watched(1000);
  assert.ok(overload.sample(500) > overload.sample(700) * 5);
  const free = watched(0);
  free.overload.sample(1e12);
  assert.deepEqual(free.seen, []);
});
