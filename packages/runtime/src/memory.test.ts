import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapStatistics } from "node:v8";
import { releaseMemory } from "./memory.ts";

test("memory that is needed no more goes back to the system", () => {
  const kept: object[] = [];
  for (let count = 0; count < 400_000; count++) kept.push({ count });
  const grown = getHeapStatistics().total_physical_size;
  kept.length = 0;
  releaseMemory();
  const left = getHeapStatistics().total_physical_size;
  assert.ok(left < grown - 10_000_000, `${grown} before, ${left} after`);
  assert.equal("gc" in globalThis, false, "programs see no gc()");
});
