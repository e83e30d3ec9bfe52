// Host and port, http-cases H22: what the grammar allows but no name needs is refused too.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hasUpperCase, hostLength, portOf, scanAuthority } from "./authority.ts";

function scan(text: string): { host: string; port: number } | null {
  // Bytes around the authority must not be looked at.
  const bytes = Buffer.from(`[:9${text}:9]`, "latin1");
  const packed = scanAuthority(bytes, 3, bytes.length - 3);
  if (packed === -1) return null;
  return { host: text.slice(0, hostLength(packed)), port: portOf(packed) };
}

const good: readonly (readonly [text: string, host: string, port: number])[] = [
  ["a", "a", -1],
  ["a:1", "a", 1],
  ["catalog.shop.svc.cluster.local:65535", "catalog.shop.svc.cluster.local", 65535],
  ["web_1:08080", "web_1", 8080],
  ["a.", "a.", -1],
  ["127.0.0.1:80", "127.0.0.1", 80],
  ["[::1]", "[::1]", -1],
  ["[::1]:443", "[::1]", 443],
  ["[::]", "[::]", -1],
  ["[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]", -1],
  ["[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]", -1],
  ["[fe80::a:B]", "[fe80::a:B]", -1],
  ["[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]", 1],
  ["[1:2:3:4:5:6:127.0.0.1]", "[1:2:3:4:5:6:127.0.0.1]", -1],
];

for (const [text, host, port] of good) {
  test(`H22 ${text} is host and port`, () => assert.deepEqual(scan(text), { host, port }));
}

const bad: readonly string[] = [
  "",
  ":80",
  "a:",
  "a:0",
  "a:65536",
  "a:000080",
  "a:+80",
  "a: 80",
  "a:8x",
  "a:80:80",
  "u@a",
  "u:p@a",
  "a/b",
  "a,b",
  "a b",
  "a\tb",
  "a?b",
  "a#b",
  "a\\b",
  "a%20b",
  "a%",
  "a\0",
  "caf\xe9",
  "a;b",
  "*",
  "a".repeat(256),
  "[",
  "[]",
  "[::1",
  "::1",
  "[::1]a",
  "[::1]:",
  "[1]",
  "[1:2:3:4:5:6:7]",
  "[1:2:3:4:5:6:7:8:9]",
  "[1:2:3:4:5:6:7:8::]",
  "[1::2::3]",
  "[:1]",
  "[1:]",
  "[:::]",
  "[12345::]",
  "[g::]",
  "[::1%25lo]",
  "[v1.a]",
  "[127.0.0.1]",
  "[::127.0.0]",
  "[::127.0.0.256]",
  "[::127.0.0.01]",
  "[1:2:3:4:5:6:7:127.0.0.1]",
  "[1:2:3:4:5:6::127.0.0.1]",
];

for (const text of bad) {
  test(`H22 ${JSON.stringify(text).slice(0, 40)} is no authority`, () => {
    assert.equal(scan(text), null);
  });
}

test("upper case is noticed, so that a host is folded only when it must be", () => {
  const check = (text: string): boolean =>
    hasUpperCase(scanAuthority(Buffer.from(text), 0, text.length));
  assert.equal(check("catalog.shop:80"), false);
  assert.equal(check("Catalog.shop:80"), true);
  assert.equal(check("[::A]"), true);
});
