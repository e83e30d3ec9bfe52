import assert from "node:assert/strict";
import { test } from "node:test";
import { Advice, defaultHttp2Keepalive, Keepalive } from "./keepalive.ts";

/** Seconds at which it asked, with a peer that answers at once; the last one when it gave up. */
function asked(
  untilSeconds: number,
  hasStreams: (second: number) => boolean,
  isPatient: boolean,
  hears: (second: number) => "answers" | "talks" | "silence",
): number[] {
  const keepalive = new Keepalive(defaultHttp2Keepalive);
  const seconds: number[] = [];
  for (let second = 0; second <= untilSeconds; second++) {
    const nowMs = second * 1000;
    const peer = hears(second);
    if (peer === "talks") keepalive.heard(nowMs);
    const advice = keepalive.look(nowMs, hasStreams(second), isPatient);
    if (advice === Advice.Nothing) continue;
    seconds.push(second);
    if (advice === Advice.GiveUp) break;
    if (peer === "silence") continue;
    keepalive.heard(nowMs + 1);
    keepalive.answered(nowMs + 1);
  }
  return seconds;
}

const always = (): boolean => true;
const never = (): boolean => false;

test("a peer that says nothing while streams are open is asked, then given up", () => {
  assert.deepEqual(
    asked(100, always, false, () => "silence"),
    [30, 50],
  );
  assert.deepEqual(
    asked(1000, never, false, () => "silence"),
    [310, 330],
  );
});

test("a peer that talks is not asked", () => {
  assert.deepEqual(
    asked(1000, always, false, () => "talks"),
    [],
  );
  assert.deepEqual(
    asked(100, always, false, (s) => (s < 40 ? "talks" : "silence")),
    [69, 89],
  );
});

test("one that only answers is asked less often, as servers of gRPC want it", () => {
  assert.deepEqual(
    asked(700, always, false, () => "answers"),
    [30, 341, 652],
  );
  assert.deepEqual(
    asked(125, always, true, () => "answers"),
    [30, 61, 92, 123],
  );
  assert.deepEqual(
    asked(2000, never, false, () => "answers"),
    [310, 621],
  );
});

test("a connection used again after a long silence is asked at once", () => {
  assert.deepEqual(
    asked(
      300,
      (second) => second >= 100,
      false,
      () => "silence",
    ),
    [100, 120],
  );
});
