// Headers of both versions are read as the specification says, and only those.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ProxyHeader,
  ProxyStatus,
  readProxyHeader,
  writeProxyHeader,
  writeProxyLine,
} from "./proxy-protocol.ts";

const signature = "\r\n\r\n\0\r\nQUIT\n";
const addresses4 = {
  sourceAddress: "127.0.0.7",
  sourcePort: 65_535,
  destinationAddress: "127.0.0.8",
  destinationPort: 80,
};
const addresses6 = {
  sourceAddress: "::1",
  sourcePort: 1,
  destinationAddress: "fe80::a:0:0:b",
  destinationPort: 443,
};

function read(text: string): { status: ProxyStatus; header: ProxyHeader } {
  const header = new ProxyHeader();
  return { status: readProxyHeader(Buffer.from(text, "latin1"), header), header };
}

for (const [version, write] of [
  ["1", writeProxyLine],
  ["2", writeProxyHeader],
] as const) {
  for (const addresses of [addresses4, addresses6]) {
    test(`version ${version} from ${addresses.sourceAddress} is read as written`, () => {
      const bytes = Buffer.concat([write(addresses), Buffer.from("GET / HTTP/1.1\r\n")]);
      const length = bytes.length - 16;
      const header = new ProxyHeader();
      for (let cut = 1; cut < length; cut++) {
        assert.equal(readProxyHeader(bytes.subarray(0, cut), header), ProxyStatus.More, `${cut}`);
      }
      assert.equal(readProxyHeader(bytes, header), ProxyStatus.Done);
      assert.deepEqual(header.addresses, addresses);
      assert.equal(header.byteCount, length);
    });
  }
}

test("senders that speak for themselves have no addresses", () => {
  for (const text of [
    "PROXY UNKNOWN\r\n",
    "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    writeProxyHeader(null).toString("latin1"),
    `${signature}\x20\x11\0\x03abc`,
    `${signature}\x21\x00\0\0`,
    `${signature}\x21\x31\0\xd8${"\0".repeat(216)}`,
  ]) {
    const { status, header } = read(text);
    assert.equal(status, ProxyStatus.Done, JSON.stringify(text));
    assert.equal(header.addresses, null);
    assert.equal(header.byteCount, text.length);
  }
});

test("extensions are passed over when they are whole", () => {
  const start = writeProxyHeader(addresses4).subarray(0, 28).toString("latin1");
  const withLength = (length: number, rest: string): string =>
    `${start.slice(0, 15)}${String.fromCharCode(length)}${start.slice(16)}${rest}`;
  const whole = read(withLength(12 + 8, "\x01\0\x02h2\x04\0\0"));
  assert.equal(whole.status, ProxyStatus.Done);
  assert.deepEqual(whole.header.addresses, addresses4);
  assert.equal(whole.header.byteCount, 36);
  assert.equal(read(withLength(12 + 5, "\x01\0\x03h2")).status, ProxyStatus.Malformed);
  assert.equal(read(withLength(12 + 2, "\x01\0")).status, ProxyStatus.Malformed);
});

test("malformed headers are refused", () => {
  for (const text of [
    "PROXY TCP4 127.0.0.1 127.0.0.2 1 2\n",
    "PROXY TCP4 127.0.0.1 127.0.0.2 1 65536\r\n",
    "PROXY TCP4 127.0.0.1 127.0.0.2 01 2\r\n",
    "PROXY TCP4 127.0.0.1 127.0.0.02 1 2\r\n",
    "PROXY TCP4 127.0.0.1 ::1 1 2\r\n",
    "PROXY TCP4 127.0.0.1  127.0.0.2 1 2\r\n",
    "PROXY TCP4 127.0.0.1 127.0.0.2 1 2 3\r\n",
    "PROXY TCP6 ::1::2 ::1 1 2\r\n",
    "PROXY UDP4 127.0.0.1 127.0.0.2 1 2\r\n",
    "PROXY UNKNOWN\0\r\n",
    "PROXY  UNKNOWN\r\n",
    `PROXY UNKNOWN ${"a".repeat(100)}\r\n`,
    `PROXY TCP4 ${"1".repeat(100)}`,
    `${signature}\x11\x11\0\0`,
    `${signature}\x22\x11\0\x0c${"\0".repeat(12)}`,
    `${signature}\x21\x12\0\x0c${"\0".repeat(12)}`,
    `${signature}\x21\x11\0\x0b${"\0".repeat(11)}`,
    `${signature}\x21\x11\xff\xff`,
  ]) {
    assert.equal(read(text).status, ProxyStatus.Malformed, JSON.stringify(text));
  }
});

test("other protocols are told from a header at the first byte that differs", () => {
  for (const text of ["GET / ", "PRO ", "PROXZ", "\r\n\r\nX", "\x16\x03\x01"]) {
    assert.equal(read(text).status, ProxyStatus.Absent, JSON.stringify(text));
  }
  for (const text of ["", "P", "PROXY", "\r\n\r\n\0"]) {
    assert.equal(read(text).status, ProxyStatus.More, JSON.stringify(text));
  }
});
