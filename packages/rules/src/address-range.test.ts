import assert from "node:assert/strict";
import { test } from "node:test";
import { isInRanges, parseAddressRange } from "./address-range.ts";

function isIn(range: string, address: string): boolean {
  const parsed = parseAddressRange(range);
  assert.ok(parsed !== null, range);
  return isInRanges([parsed], address);
}

test("an address lies in a range when its first bits are the range's", () => {
  assert.equal(isIn("10.1.0.0/16", "10.1.255.255"), true);
  assert.equal(isIn("10.1.0.0/16", "10.2.0.0"), false);
  assert.equal(isIn("10.0.0.128/25", "10.0.0.127"), false);
  assert.equal(isIn("10.0.0.128/25", "10.0.0.200"), true);
  assert.equal(isIn("10.0.0.1", "10.0.0.1"), true);
  assert.equal(isIn("10.0.0.1", "10.0.0.2"), false);
  assert.equal(isIn("0.0.0.0/0", "192.0.2.1"), true);
  assert.equal(isIn("0.0.0.0/0", "2001:db8::1"), false);
  assert.equal(isIn("10.0.0.0/8", "::ffff:10.9.9.9"), true);
  assert.equal(isIn("2001:db8::/33", "2001:db8:7fff::1"), true);
  assert.equal(isIn("2001:db8::/33", "2001:db8:8000::1"), false);
});

test("what is no range is not read as one", () => {
  for (const text of [
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "::/129",
    "x",
  ]) {
    assert.equal(parseAddressRange(text), null, text);
  }
});
