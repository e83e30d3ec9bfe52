// What waits comes out as it went in, whatever the sizes; pieces that came back are lent anew.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ContentQueue } from "./content-queue.ts";

/** Bytes that tell where they stood. */
function pattern(count: number, from: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let i = 0; i < count; i++) bytes[i] = ((from + i) * 31 + ((from + i) >> 8)) & 0xff;
  return bytes;
}

test("bytes leave a queue in the order in which they came", () => {
  const sizes = [1, 16_384, 0, 70_000, 16_383, 3, 50_000];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  for (const step of [1000, 16_384, 20_000, total]) {
    const queue = new ContentQueue();
    let added = 0;
    let taken = 0;
    const result = Buffer.alloc(total);
    for (const size of sizes) {
      queue.add(Buffer.concat([Buffer.from("xyz"), pattern(size, added)]), 3);
      added += size;
      while (queue.length >= step) {
        queue.take(result, taken, step);
        taken += step;
      }
      assert.equal(queue.length, added - taken);
    }
    queue.take(result, taken, queue.length);
    assert.equal(queue.length, 0);
    assert.ok(result.equals(pattern(total, 0)), `steps of ${step}`);
  }
});

test("two queues never hold the same piece", () => {
  const first = new ContentQueue();
  first.add(pattern(40_000, 0), 0);
  first.take(Buffer.alloc(20_000), 0, 20_000);
  first.clear();
  assert.equal(first.length, 0);
  const second = new ContentQueue();
  first.add(pattern(40_000, 1), 0);
  second.add(pattern(40_000, 2), 0);
  const [one, two] = [Buffer.alloc(40_000), Buffer.alloc(40_000)];
  second.take(two, 0, 40_000);
  first.take(one, 0, 40_000);
  assert.ok(one.equals(pattern(40_000, 1)));
  assert.ok(two.equals(pattern(40_000, 2)));
});
