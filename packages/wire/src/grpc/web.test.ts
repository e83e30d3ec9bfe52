import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeWebText,
  GrpcWebType,
  grpcTypeOfWeb,
  grpcWebType,
  WebTextDecoder,
  webTypeOfGrpc,
  writeTrailerFrame,
} from "./web.ts";

test("content types and their counterparts", () => {
  const rows: [string, keyof typeof GrpcWebType, string][] = [
    ["application/grpc-web", "Binary", "application/grpc"],
    ["application/grpc-web+proto", "Binary", "application/grpc+proto"],
    ["application/grpc-web-text", "Text", "application/grpc"],
    ["application/grpc-web-text+proto; a=b", "Text", "application/grpc+proto; a=b"],
  ];
  for (const [value, name, plain] of rows) {
    assert.equal(grpcWebType(value), GrpcWebType[name], value);
    assert.equal(grpcTypeOfWeb(value), plain);
  }
  for (const value of ["application/grpc", "application/grpc-webx", "application/grpc-web-texts"]) {
    assert.equal(grpcWebType(value), GrpcWebType.None, value);
  }
  const { Binary, Text } = GrpcWebType;
  assert.equal(webTypeOfGrpc("application/grpc+proto", Binary), "application/grpc-web+proto");
  assert.equal(webTypeOfGrpc("application/grpc", Text), "application/grpc-web-text");
});

test("trailers are a frame with the highest bit set", () => {
  const frame = writeTrailerFrame(["grpc-status", "0", "x-a", "b"]);
  const text = "grpc-status: 0\r\nx-a: b\r\n";
  assert.equal(frame[0], 0x80);
  assert.equal(frame.readUInt32BE(1), text.length);
  assert.equal(frame.toString("latin1", 5), text);
});

test("text in any pieces, padded anywhere between groups", () => {
  const messages = ["", "a", "ab", "abc", "abcd", "\u0000\u00ff~".repeat(9)].map((text) =>
    Buffer.from(text, "latin1"),
  );
  const text = Buffer.concat(messages.map(encodeWebText));
  const wanted = Buffer.concat(messages);
  for (let size = 1; size <= text.length; size++) {
    const decoder = new WebTextDecoder();
    const parts: Buffer[] = [];
    for (let at = 0; at < text.length; at += size) {
      parts.push(decoder.feed(text.subarray(at, at + size)) ?? assert.fail(`pieces of ${size}`));
    }
    assert.deepEqual(Buffer.concat(parts), wanted, `pieces of ${size}`);
    assert.equal(decoder.isWhole, true);
  }
});

test("what is not base64 is refused, and an end within a group is seen", () => {
  for (const text of ["ab=c", "a===", "====", "ab\r\n", "a-_b", "=abc"]) {
    assert.equal(new WebTextDecoder().feed(Buffer.from(text)), null, text);
  }
  const decoder = new WebTextDecoder();
  assert.deepEqual(decoder.feed(Buffer.from("YWJjZ")), Buffer.from("abc"));
  assert.equal(decoder.isWhole, false);
});
