import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@weft/runtime";
import { detect, isBrokenPreface, Spoken } from "./detect.ts";

const cases: readonly [bytes: string, spoken: Spoken][] = [
  ["\x16\x03\x01", Spoken.Tls],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Spoken.Http2],
  ["PRI * HTTP/2.0\r\n", Spoken.Http2],
  ["PRI * HTTP/2", Spoken.Unclear],
  ["PRI", Spoken.Unclear],
  ["PRINT 1\r\n", Spoken.Http1],
  ["PRI\0\x01", Spoken.Other],
  ["PR", Spoken.Unclear],
  ["PROPFIND / HTTP/1.1\r\n", Spoken.Http1],
  ["GET / HTTP/1.1\r\n", Spoken.Http1],
  ["\r\nGET / HTTP/1.1\r\n", Spoken.Http1],
  ["M-SEARCH * HTTP/1.1\r\n", Spoken.Http1],
  ["GET", Spoken.Unclear],
  ["", Spoken.Unclear],
  [" GET", Spoken.Other],
  ["\x00\x00\x00\x08\x04\xd2\x16\x2f", Spoken.Other],
  ["*1\r\n$4\r\nPING\r\n", Spoken.Other],
  ["A".repeat(40), Spoken.Other],
];

test("the first bytes say what a connection speaks", () => {
  for (const [bytes, spoken] of cases) {
    assert.equal(detect(Buffer.from(bytes, "latin1")), spoken, JSON.stringify(bytes));
  }
});

test("an answer never changes when more bytes come, and 33 bytes are always enough", () => {
  const random = seededRandom(11);
  const alphabet = ["\x16", "P", "R", "I", " ", "\r", "\n", "G", "-", "\x00"];
  for (let round = 0; round < 20_000; round++) {
    let text = "";
    let before: Spoken = Spoken.Unclear;
    for (let i = 0; i < 34; i++) {
      text += alphabet[random.integer(alphabet.length)];
      const spoken = detect(Buffer.from(text, "latin1"));
      if (before !== Spoken.Unclear) assert.equal(spoken, before, JSON.stringify(text));
      before = spoken;
    }
    assert.notEqual(before, Spoken.Unclear, JSON.stringify(text));
  }
});

test("a request line of another protocol is no HTTP/1 request", () => {
  assert.ok(isBrokenPreface(Buffer.from("INVALID CONNECTION PREFACE\r\n\r\n")));
  for (const line of ["GET /x HTTP/2.0", "GET /x http/1.1", "GET /x", "GET /x HTTP/1.1 y", ""]) {
    assert.equal(isBrokenPreface(Buffer.from(`${line}\r\n`)), false, line);
  }
  assert.equal(isBrokenPreface(Buffer.from("INVALID CONNECTION PRE")), false);
});
