import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findCondition, formatTime, withCondition } from "./condition.ts";

const ready = { type: "Ready", status: "True", reason: "Passed", message: "" } as const;

describe("withCondition", () => {
  it("adds, and replaces in place", () => {
    const one = withCondition(undefined, ready, 0);
    const two = withCondition(one, { ...ready, type: "Other" }, 0);
    const three = withCondition(two, { ...ready, reason: "Again" }, 5_000);
    assert.deepEqual(
      three.map(({ type, reason }) => [type, reason]),
      [
        ["Ready", "Again"],
        ["Other", "Passed"],
      ],
    );
  });

  it("moves the time of transition only when the status changes", () => {
    const before = withCondition(undefined, ready, 1_000);
    const same = withCondition(before, { ...ready, message: "more" }, 2_000);
    const changed = withCondition(same, { ...ready, status: "False" }, 3_000);
    assert.equal(findCondition(same, "Ready")?.lastTransitionTime, "1970-01-01T00:00:01Z");
    assert.equal(findCondition(changed, "Ready")?.lastTransitionTime, "1970-01-01T00:00:03Z");
  });

  it("writes times in whole seconds", () => {
    assert.equal(formatTime(1_999), "1970-01-01T00:00:01Z");
    assert.equal(findCondition(undefined, "Ready"), undefined);
  });
});
