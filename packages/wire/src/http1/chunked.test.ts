// The chunked coding, http-cases H10 and H11, alone and in every chunking of its bytes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits } from "../limits.ts";
import { ChunkedDecoder, ChunkEvent } from "./chunked.ts";
import { cutAt, cutToBytes } from "./transcript.fixture.ts";

type Code = keyof typeof ErrorCode;

interface Decoded {
  body: string;
  /** Bytes after the line of the last chunk, -1 before it. */
  left: number;
  code: Code;
}

function decodePieces(pieces: readonly Buffer[], limits = defaultHttp1Limits): Decoded {
  const decoder = new ChunkedDecoder(limits);
  decoder.begin();
  const result: Decoded = { body: "", left: -1, code: "None" };
  for (const piece of pieces) {
    if (result.left >= 0) {
      result.left += piece.length;
      continue;
    }
    let at = 0;
    for (;;) {
      const event = decoder.next(piece, at, piece.length);
      at = decoder.at;
      if (event === ChunkEvent.More) break;
      if (event === ChunkEvent.Data) {
        result.body += piece.toString("latin1", decoder.dataStart, decoder.dataEnd);
      } else if (event === ChunkEvent.LastChunk) {
        result.left = piece.length - at;
        break;
      } else {
        result.code = (Object.keys(ErrorCode) as Code[])[decoder.error] as Code;
        return result;
      }
    }
  }
  return result;
}

function decode(input: string, limits = defaultHttp1Limits): Decoded {
  const bytes = Buffer.from(input, "latin1");
  const whole = decodePieces([bytes], limits);
  for (let at = 1; at < bytes.length; at++) {
    assert.deepEqual(decodePieces(cutAt(bytes, [at]), limits), whole, `cut at ${at}`);
  }
  assert.deepEqual(decodePieces(cutToBytes(bytes), limits), whole, "byte by byte");
  return whole;
}

const good: readonly (readonly [name: string, input: string, body: string])[] = [
  ["one chunk", "3\r\nabc\r\n0\r\n", "abc"],
  ["two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n", "abcde"],
  ["no content", "0\r\n", ""],
  [
    "hexadecimal in both cases",
    "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n",
    "01234567890123456789a",
  ],
  ["leading zeros up to 16 digits", "0000000000000003\r\nabc\r\n0000000000000000\r\n", "abc"],
  ["content that looks like framing", "7\r\n0\r\n\r\n0\r\r\n0\r\n", "0\r\n\r\n0\r"],
  ["extension", "3;a\r\nabc\r\n0;b=c\r\n", "abc"],
  ["extensions", '3;a=b;c="d e\\"\\\\;\t\xff";f\r\nabc\r\n0\r\n', "abc"],
];

for (const [name, input, body] of good) {
  test(`H10 ${name}: ${JSON.stringify(input)}`, () => {
    assert.deepEqual(decode(`${input}\r\nGET`), { body, left: 5, code: "None" });
  });
}

const bad: readonly (readonly [id: string, input: string, code: Code])[] = [
  ["H10 prefix", "0x3\r\nabc\r\n", "BadChunkSize"],
  ["H10 minus", "-3\r\nabc\r\n", "BadChunkSize"],
  ["H10 plus", "+3\r\nabc\r\n", "BadChunkSize"],
  ["H10 underscore", "3_0\r\nabc\r\n", "BadChunkSize"],
  ["H10 leading blank", " 3\r\nabc\r\n", "BadChunkSize"],
  ["H10 leading tab", "\t3\r\nabc\r\n", "BadChunkSize"],
  ["H10 trailing blank", "3 \r\nabc\r\n", "BadChunkSize"],
  ["H10 empty", "\r\nabc\r\n", "BadChunkSize"],
  ["H10 empty with extension", ";a=b\r\nabc\r\n", "BadChunkSize"],
  ["H10 17 digits", "00000000000000003\r\nabc\r\n", "BadChunkSize"],
  ["H10 above 2^53-1", "20000000000000\r\n", "BadChunkSize"],
  ["H10 above 2^64-1", "ffffffffffffffff\r\n", "BadChunkSize"],
  ["H10 no digit", "g\r\n", "BadChunkSize"],
  ["H10 NUL", "3\0\r\nabc\r\n", "BadChunkSize"],
  ["H10 8-bit digit", "\xb3\r\nabc\r\n", "BadChunkSize"],
  ["H11 LF after the size", "3\nabc\r\n", "BadChunkSize"],
  ["H11 CR alone after the size", "3\rabc\r\n", "BadChunkSize"],
  ["H11 LF after the data", "3\r\nabc\n0\r\n", "BadChunkEnd"],
  ["H11 CR alone after the data", "3\r\nabc\r0\r\n", "BadChunkEnd"],
  ["H11 data longer than its size", "3\r\nabcd\r\n0\r\n", "BadChunkEnd"],
  ["H11 data shorter than its size", "3\r\nab\r\n0\r\n", "BadChunkEnd"],
  ["H11 LF after the last size", "0\n\r\n", "BadChunkSize"],
  ["H11 LF in an extension", "3;a\nabc\r\n", "BadChunkExtension"],
  ["H11 CR in an extension", "3;a\rb\r\nabc\r\n", "BadChunkSize"],
  ["H11 CR in a quoted extension", '3;a="\r\n"\r\nabc\r\n', "BadChunkExtension"],
  ["H11 NUL in an extension", "3;a\0\r\nabc\r\n", "BadChunkExtension"],
  ["H11 empty extension", "3;\r\nabc\r\n", "BadChunkExtension"],
  ["H11 extension without name", "3;=b\r\nabc\r\n", "BadChunkExtension"],
  ["H11 extension without value", "3;a=\r\nabc\r\n", "BadChunkExtension"],
  ["H11 blank in an extension", "3; a\r\nabc\r\n", "BadChunkExtension"],
  ["H11 blank after an extension", "3;a \r\nabc\r\n", "BadChunkExtension"],
  ["H11 bytes after a quote", '3;a="b"c\r\nabc\r\n', "BadChunkExtension"],
  ["H11 open quote", '3;a="b\r\nabc\r\n', "BadChunkExtension"],
];

for (const [id, input, code] of bad) {
  test(`${id} is refused: ${JSON.stringify(input)}`, () => assert.equal(decode(input).code, code));
}

test("H11 extensions of all chunks together stay below their limit", () => {
  const chunk = `1;${"a".repeat(509)}\r\nx\r\n`;
  // Semicolon, name and CR are the 511 bytes of an extension.
  assert.equal(decodePieces([Buffer.from(`${chunk}${chunk}0\r\n`)]).code, "None");
  const third = decodePieces([Buffer.from(`${chunk}${chunk}1;aa\r\n`)]);
  assert.deepEqual([third.code, third.body], ["BadChunkExtension", "xx"]);
  const small = { ...defaultHttp1Limits, chunkExtensionBytesMax: 3 };
  assert.equal(decode("1;a\r\nx\r\n0\r\n", small).code, "None");
  assert.equal(decode("1;ab\r\nx\r\n0\r\n", small).code, "BadChunkExtension");
  assert.equal(decode("1;a\r\nx\r\n0;\r\n", small).code, "BadChunkExtension");
});

test("H34 the sum of the sizes is limited before the data of the chunk", () => {
  const small = { ...defaultHttp1Limits, bodyBytesMax: 4 };
  assert.deepEqual(decode("2\r\nab\r\n2\r\ncd\r\n0\r\n", small).body, "abcd");
  const refused = decode("2\r\nab\r\n3\r\n", small);
  assert.deepEqual([refused.body, refused.code], ["ab", "BodyTooLarge"]);
});

test("a size of many digits costs no precision: 2^53-1 is the largest", () => {
  const largest = decode("1fffffffffffff\r\nab");
  assert.deepEqual([largest.body, largest.code], ["ab", "None"]);
});
