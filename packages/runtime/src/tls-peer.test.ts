import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateIn, uriOf } from "./tls-peer.ts";

const element = (tag: number, ...parts: (Buffer | number[])[]): Buffer => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length =
    content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};

const leaf = element(0x30, Buffer.alloc(300, 7));
const head = [element(2, [1]), element(2, [3, 4]), element(4, [19, 2]), element(0xa1, [1])];
const session = element(0x30, ...head, element(0xa3, leaf), element(0xa4, [4, 1, 9]));

test("the peer's certificate is found in a session", () => {
  assert.deepEqual(certificateIn(session), leaf);
});

test("a session without a certificate has none", () => {
  assert.equal(certificateIn(element(0x30, ...head, element(0xa4, [4, 1, 9]))), null);
});

test("what is no session, or a part of one, holds no certificate", () => {
  assert.equal(certificateIn(Buffer.alloc(0)), null);
  assert.equal(certificateIn(element(0x31, ...head, element(0xa3, leaf))), null);
  assert.equal(certificateIn(element(0x30, element(0xa3, [4, 1, 9]))), null);
  for (let length = 1; length < session.length; length++) {
    assert.equal(certificateIn(session.subarray(0, length)), null, `${length} bytes`);
  }
  // A length that reaches beyond its element.
  assert.equal(certificateIn(element(0x30, [0xa3, 0x84, 0xff, 0xff, 0xff, 0xff])), null);
});

test("an identity is the only URI among the names", () => {
  assert.equal(uriOf("URI:spiffe://a/b"), "spiffe://a/b");
  assert.equal(uriOf("DNS:x, URI:spiffe://a/b"), "spiffe://a/b");
  assert.equal(uriOf("URI:spiffe://a/b, URI:spiffe://a/c"), "");
  assert.equal(uriOf("DNS:x"), "");
});
