import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAge, formatTable } from "./table.ts";

test("columns are as wide as their widest cell, without trailing space", () => {
  const rows = [
    ["catalog", "True"],
    ["a", ""],
  ];
  assert.equal(formatTable(["NAME", "READY"], rows), "NAME      READY\ncatalog   True\na\n");
});

test("ages are short", () => {
  const cases: readonly (readonly [number, string])[] = [
    [-3, "0s"],
    [119, "119s"],
    [120, "2m"],
    [7_200, "2h"],
    [86_400, "24h"],
    [172_800, "2d"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatAge(seconds), text);
});
