import assert from "node:assert/strict";
import { test } from "node:test";
import { durationBucket, MetricsText, requestDurationBounds } from "./metrics.ts";

test("a histogram is cumulative and ends with its count", () => {
  const text = new MetricsText();
  text.family("x_seconds", "histogram", "Time.");
  text.histogram("x_seconds", ["a", 'q"\\\n'], [0.1, 1], [1, 2, 3], 9.5);
  assert.equal(
    text.toString(),
    [
      "# HELP x_seconds Time.",
      "# TYPE x_seconds histogram",
      'x_seconds_bucket{a="q\\"\\\\\\n",le="0.1"} 1',
      'x_seconds_bucket{a="q\\"\\\\\\n",le="1"} 3',
      'x_seconds_bucket{a="q\\"\\\\\\n",le="+Inf"} 6',
      'x_seconds_sum{a="q\\"\\\\\\n"} 9.5',
      'x_seconds_count{a="q\\"\\\\\\n"} 6',
      "",
    ].join("\n"),
  );
});

test("a bound belongs to its own bucket", () => {
  requestDurationBounds.forEach((bound, i) => {
    assert.equal(durationBucket(bound), i);
    assert.equal(durationBucket(bound * 1.0001), i + 1);
  });
});
