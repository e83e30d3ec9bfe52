import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDuration, parseDurationMs } from "./duration.ts";

describe("durations (GEP-2257)", () => {
  it("are one to four numbers with units", () => {
    assert.equal(parseDurationMs("0s"), 0);
    assert.equal(parseDurationMs("15s"), 15_000);
    assert.equal(parseDurationMs("1h2m3s4ms"), 3_723_004);
    assert.equal(parseDurationMs("99999h"), 359_996_400_000);
    assert.equal(parseDurationMs("1s1s"), 2_000);
  });

  it("are nothing else", () => {
    for (const text of [
      "",
      "1",
      "s",
      "-1s",
      "1.5s",
      "1d",
      "1us",
      " 1s",
      "1s ",
      "123456s",
      "1s1s1s1s1s",
    ]) {
      assert.equal(parseDurationMs(text), null, text);
    }
  });

  it("are written in their shortest form, which reads back", () => {
    const cases = [
      [0, "0s"],
      [90_000, "1m30s"],
      [4, "4ms"],
      [3_723_004, "1h2m3s4ms"],
    ] as const;
    for (const [durationMs, text] of cases) {
      assert.equal(formatDuration(durationMs), text);
      assert.equal(parseDurationMs(text), durationMs);
    }
  });
});
