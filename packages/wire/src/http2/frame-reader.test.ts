import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameType } from "./frame.ts";
import { FrameEvent, FrameReader } from "./frame-reader.ts";
import { frame } from "./frames.fixture.ts";

/** Type and payload of each frame; the reader rests after each chunk. */
function readAll(chunks: readonly Buffer[]): string[] {
  const reader = new FrameReader();
  const frames: string[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at = reader.at) {
      if (reader.next(chunk, at, chunk.length) !== FrameEvent.Frame) continue;
      frames.push(`${reader.type} ${reader.payload.toString("hex", reader.start, reader.end)}`);
    }
    reader.rest();
  }
  return frames;
}

test("a reader that rests between the parts of a frame loses none of it", () => {
  const large = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 0xff));
  const bytes = Buffer.concat([
    frame(FrameType.Settings, 0, 0, Buffer.alloc(6, 1)),
    frame(FrameType.Headers, 0, 1, large),
    frame(FrameType.Ping, 0, 0, Buffer.alloc(8, 2)),
  ]);
  const whole = readAll([bytes]);
  assert.deepEqual(
    whole.map((one) => one.slice(0, 5)),
    ["4 010", "1 000", "6 020"],
  );
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.deepEqual(readAll([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut ${cut}`);
  }
  const single = Array.from(bytes, (byte) => Buffer.from([byte]));
  assert.deepEqual(readAll(single), whole, "byte by byte");
});
