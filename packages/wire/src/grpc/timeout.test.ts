import assert from "node:assert/strict";
import { test } from "node:test";
import { formatGrpcTimeout, parseGrpcTimeout } from "./timeout.ts";

test("a timeout is up to eight digits and a unit", () => {
  const rows: [string, number][] = [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["4m", 4],
    ["500u", 0.5],
    ["250000n", 0.25],
    ["00000001S", 1_000],
    ["0n", 0],
  ];
  for (const [value, timeoutMs] of rows) assert.equal(parseGrpcTimeout(value), timeoutMs, value);
  for (const value of ["", "1", "S", "1s", "-1S", "1.5S", "123456789m", " 1S", "1 S", "0x1S"]) {
    assert.equal(parseGrpcTimeout(value), -1, value);
  }
});

test("it is written as finely as eight digits allow, and never grows", () => {
  const rows: [number, string][] = [
    [0, "0n"],
    [-5, "0n"],
    [0.25, "250000n"],
    [99.999999, "99999999n"],
    [100, "100000u"],
    [1500.5, "1500500u"],
    [100_000, "100000m"],
    [3_600_000, "3600000m"],
    [100_000_000, "100000S"],
    [100_000_000_000, "1666666M"],
    [1e16, "99999999H"],
  ];
  for (const [timeoutMs, value] of rows) {
    assert.equal(formatGrpcTimeout(timeoutMs), value);
    if (timeoutMs < 1e15) assert.ok(parseGrpcTimeout(value) <= Math.max(0, timeoutMs) + 1e-9);
  }
});
