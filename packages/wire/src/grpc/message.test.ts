// Messages are found in any pieces, and bounded.

import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcMessageReader, GrpcReadStatus, writeGrpcHead } from "./message.ts";

class Messages {
  readonly list: { flags: number; text: string; isWhole: boolean }[] = [];

  messageBegin(flags: number, length: number): void {
    assert.ok(length >= 0);
    this.list.push({ flags, text: "", isWhole: false });
  }

  messageData(bytes: Buffer): void {
    (this.list.at(-1) as { text: string }).text += bytes.toString("latin1");
  }

  messageEnd(): void {
    (this.list.at(-1) as { isWhole: boolean }).isWhole = true;
  }
}

function framed(flags: number, text: string): Buffer {
  return Buffer.concat([writeGrpcHead(flags, text.length), Buffer.from(text, "latin1")]);
}

test("the same messages are found however the bytes are cut", () => {
  const bytes = Buffer.concat([framed(0, "hello"), framed(1, ""), framed(0, "x".repeat(300))]);
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new GrpcMessageReader(300, false);
    const messages = new Messages();
    for (let at = 0; at < bytes.length; at += size) {
      assert.equal(reader.feed(bytes.subarray(at, at + size), messages), GrpcReadStatus.More);
    }
    assert.ok(reader.isIdle);
    assert.deepEqual(messages.list, [
      { flags: 0, text: "hello", isWhole: true },
      { flags: 1, text: "", isWhole: true },
      { flags: 0, text: "x".repeat(300), isWhole: true },
    ]);
  }
});

test("a cut message is not idle", () => {
  const reader = new GrpcMessageReader(300, false);
  const messages = new Messages();
  reader.feed(framed(0, "hello").subarray(0, 3), messages);
  assert.equal(reader.isIdle, false);
  reader.feed(framed(0, "hello").subarray(3, 9), messages);
  assert.equal(reader.isIdle, false);
});

test("unknown flags and long messages end the reading", () => {
  const messages = new Messages();
  assert.equal(new GrpcMessageReader(9, false).feed(Buffer.from([2]), messages), 1);
  assert.equal(new GrpcMessageReader(9, false).feed(framed(0x80, ""), messages), 1);
  assert.equal(new GrpcMessageReader(9, true).feed(framed(0x80, ""), messages), 0);
  const reader = new GrpcMessageReader(9, false);
  assert.equal(reader.feed(writeGrpcHead(0, 10), messages), GrpcReadStatus.TooLarge);
  assert.equal(reader.feed(framed(0, "a"), messages), GrpcReadStatus.TooLarge);
});
