import assert from "node:assert/strict";
import { test } from "node:test";
import { Rcode, readQuery, readResponse } from "./message.ts";

/** A header with those counts of questions, answers, authorities and additional records. */
function header(flags: number, counts: readonly number[], rest = ""): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(7, 0);
  bytes.writeUInt16BE(flags, 2);
  counts.forEach((count, i) => bytes.writeUInt16BE(count, 4 + 2 * i));
  return Buffer.concat([bytes, Buffer.from(rest, "latin1")]);
}

const question = "\x01a\0\0\x01\0\x01";
const option = "\0\0\x29\x10\0\0\0\0\0\0\0";

test("a query is read that holds exactly what it counts", () => {
  const query = readQuery(header(0x100, [1, 0, 0, 1], question + option));
  assert.ok(query !== null && typeof query === "object");
  assert.equal(query.name, "a");
  assert.equal(query.bytesMax, 1232);
});

test("counts that the bytes cannot hold are refused before there is room made for them", () => {
  const hostile = [
    header(0, [1, 0xffff, 0xffff, 0xffff], question),
    header(0, [1, 0, 0, 2], question + option),
    header(0, [2, 0, 0, 0], question),
  ];
  const asked = { type: "A", name: "a" } as const;
  const startedBytes = process.memoryUsage().heapUsed;
  for (const bytes of hostile) assert.equal(readQuery(bytes), Rcode.FormErr);
  const answer = header(0x8000, [1, 0xffff, 0xffff, 0xffff], question);
  assert.equal(readResponse(answer, 7, asked), null);
  const madeBytes = process.memoryUsage().heapUsed - startedBytes;
  assert.ok(madeBytes < 500_000, `${madeBytes} bytes were made`);
});
