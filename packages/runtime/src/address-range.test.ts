import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddressRange } from "./address-range.ts";

test("ranges of both families, and single addresses", () => {
  assert.deepEqual(parseAddressRange("10.0.0.0/8"), { family: "v4", text: "10.0.0.0/8" });
  assert.deepEqual(parseAddressRange("10.0.0.7"), { family: "v4", text: "10.0.0.7/32" });
  assert.deepEqual(parseAddressRange("fd00::/8"), { family: "v6", text: "fd00::/8" });
  assert.deepEqual(parseAddressRange("::1"), { family: "v6", text: "::1/128" });
});

test("what is no range is none", () => {
  for (const text of ["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "a/8", "10.0.0.0/", "1/2/3"]) {
    assert.equal(parseAddressRange(text), null, text);
  }
  assert.equal(parseAddressRange("fe80::1%eth0"), null);
  assert.equal(parseAddressRange("10.0.0.0/8; flush ruleset"), null);
});
