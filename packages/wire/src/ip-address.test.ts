// Addresses are read and written like node:net reads them.

import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { formatIpAddress, parseIpAddress } from "./ip-address.ts";

const texts: readonly string[] = [
  "127.0.0.1",
  "0.0.0.0",
  "255.255.255.255",
  "256.0.0.1",
  "1.2.3",
  "1.2.3.4.5",
  "01.2.3.4",
  "::",
  "::1",
  "1::",
  "fe80::a:0:0:b",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1::2::3",
  ":1",
  "1:",
  ":::",
  "12345::",
  "::ffff:127.0.0.1",
  "::1.2.3.4:5",
  "1.2.3.4::",
  "::256.1.1.1",
  "g::",
  "",
  "1:2:3:4:5:6:1.2.3.4",
];

for (const text of texts) {
  test(`"${text}" is read as node:net reads it`, () => {
    const bytes = parseIpAddress(text);
    assert.equal(bytes === null ? 0 : bytes.length === 4 ? 4 : 6, net.isIP(text));
    if (bytes === null) return;
    const written = formatIpAddress(bytes);
    assert.deepEqual(parseIpAddress(written), bytes);
    const family = bytes.length === 4 ? "ipv4" : "ipv6";
    const list = new net.BlockList();
    list.addAddress(text, family);
    assert.ok(list.check(written, family));
  });
}

test("the longest run of zeros is left out, the first of equal ones", () => {
  for (const [text, written] of [
    ["0:0:1:0:0:0:1:0", "0:0:1::1:0"],
    ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["A:0:0:0:0:0:0:0", "a::"],
  ] as const) {
    assert.equal(formatIpAddress(parseIpAddress(text) as Buffer), written);
  }
});
