import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, SimClock } from "@weft/runtime";
import { guarded } from "./guard.ts";

test("what a part throws is logged and goes no further", () => {
  const lines: string[] = [];
  const log = createLogger({ clock: new SimClock(0), write: (line) => lines.push(line) });
  const seen: number[] = [];
  const act = guarded(log, "telemetry", (count: number) => {
    if (count === 2) throw new Error("two is too many");
    seen.push(count);
  });
  for (const count of [1, 2, 3]) act(count);
  assert.deepEqual(seen, [1, 3]);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /error telemetry failed.*two is too many/);
});
