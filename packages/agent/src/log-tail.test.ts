import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, SimClock } from "@weft/runtime";
import { LogTail } from "./log-tail.ts";

test("lines go where they went, and the newest are kept", () => {
  const clock = new SimClock(0);
  const written: string[] = [];
  const tail = new LogTail(clock);
  const log = tail.behind(createLogger({ clock, write: (line) => written.push(line) }));
  log.info("one", { port: 1 });
  log.child("part", { worker: 0 }).warn("two");
  log.debug("not at this level");
  assert.deepEqual(written, [
    "1970-01-01T00:00:00.000Z info  one port=1",
    "1970-01-01T00:00:00.000Z warn  part: two worker=0",
  ]);
  assert.deepEqual(tail.lines, written);
  for (let count = 0; count < 300; count++) log.error(`line ${count}`);
  assert.equal(tail.lines.length, 200);
  assert.match(tail.lines.at(-1) ?? "", /line 299$/);
});
