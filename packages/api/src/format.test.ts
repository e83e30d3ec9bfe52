import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { describe, it } from "node:test";
import { formatError, isIpAddress, isIpv4, isIpv6 } from "./format.ts";

const ADDRESSES = [
  ...["127.0.0.1", "0.0.0.0", "255.255.255.255", "256.0.0.1", "01.0.0.1", "1.2.3", "1.2.3.4.5", ""],
  ...[
    "::",
    "::1",
    "1::",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    ":::",
  ],
  ...[
    "::ffff:127.0.0.1",
    "1:2:3:4:5:6:127.0.0.1",
    "127.0.0.1::",
    "::12345",
    "::g",
    "fe80::1",
    ":1",
    "1:",
  ],
  ...["1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", " ::1", "::1 "],
];

describe("formats", () => {
  it("know IP addresses as node:net does", () => {
    for (const address of ADDRESSES) {
      assert.equal(isIpv4(address), isIPv4(address), address);
      assert.equal(isIpv6(address), isIPv6(address), address);
      assert.equal(isIpAddress(address), isIPv4(address) || isIPv6(address), address);
    }
  });

  it("are checked where a schema names them", () => {
    assert.equal(formatError("date-time", "2026-01-02T03:04:05Z"), null);
    assert.equal(formatError("date-time", "2026-01-02T03:04:05.123456+01:00"), null);
    assert.notEqual(formatError("date-time", "2026-01-02"), null);
    assert.notEqual(formatError("date-time", "2026-13-02T03:04:05Z"), null);
    assert.equal(formatError("byte", "aGk="), null);
    assert.equal(formatError("byte", ""), null);
    assert.notEqual(formatError("byte", "aGk"), null);
    assert.equal(formatError("ipv4", "127.0.0.1"), null);
    assert.notEqual(formatError("ipv4", "::1"), null);
    assert.equal(formatError("ipv6", "::1"), null);
    assert.notEqual(formatError("ipv6", "127.0.0.1"), null);
    assert.equal(formatError("int32", "anything"), null);
  });
});
