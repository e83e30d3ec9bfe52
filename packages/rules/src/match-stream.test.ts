import assert from "node:assert/strict";
import { test } from "node:test";
import { matchStream, needsServerName } from "./match-stream.ts";
import type { VirtualHostRow } from "./route-table.ts";

function hostOf(...routes: (readonly string[] | null)[]): VirtualHostRow {
  const rows = routes.map((serverNames, index) => ({ name: String(index), serverNames }));
  return { routes: rows } as unknown as VirtualHostRow;
}

test("the first route whose names hold the server name", () => {
  const host = hostOf(["own.c"], ["y.a.b", "*.x.a.b"], ["*.a.b"]);
  const found = (name: string): string | undefined => matchStream(host, name)?.name;
  const rows: [string, string | undefined][] = [
    ["own.c", "0"],
    ["OWN.C", "0"],
    ["a.own.c", undefined],
    ["y.a.b", "1"],
    ["p.x.a.b", "1"],
    ["p.q.x.a.b", "1"],
    ["x.a.b", "2"],
    ["a.b", undefined],
    [".a.b", undefined],
    ["", undefined],
  ];
  for (const [name, wanted] of rows) assert.equal(found(name), wanted, name);
  assert.equal(needsServerName(host), true);
});

test("a route without names takes every stream", () => {
  const host = hostOf(null);
  assert.equal(matchStream(host, "")?.name, "0");
  assert.equal(needsServerName(host), false);
});
