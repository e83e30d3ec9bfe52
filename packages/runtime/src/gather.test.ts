// Who gathers when, and that nothing is lost, doubled or put in another order.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dropOf,
  flushOf,
  flushWrites,
  gatherForTurn,
  type Gatherer,
  gatherWrite,
  hasGathered,
  type Piece,
  sendLarge,
} from "./gather.ts";

const kib = 1024;
const turnEnd = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes everything, or keeps what it is given as a full socket does. */
class Sink implements Gatherer {
  piece: Piece | null = null;
  takes = true;
  readonly sent: Buffer[] = [];
  /** As it was when it was sent. */
  readonly copies: Buffer[] = [];

  send(bytes: Buffer): boolean {
    this.sent.push(bytes);
    this.copies.push(Buffer.from(bytes));
    return this.takes;
  }

  get sizes(): number[] {
    return this.copies.map(({ length }) => length);
  }
}

const bytesOf = (length: number, value: number): Buffer => Buffer.alloc(length, value);

test("what one socket writes in a row goes out at once, when the turn ends, in order", async () => {
  const [one, two] = [new Sink(), new Sink()];
  gatherWrite(one, bytesOf(10, 1));
  gatherWrite(one, bytesOf(20, 2));
  gatherWrite(two, bytesOf(5, 3));
  gatherWrite(one, bytesOf(7, 4));
  assert.deepEqual([one.sizes, two.sizes], [[], []]);
  await turnEnd();
  assert.deepEqual([one.sizes, two.sizes], [[30, 7], [5]]);
  const expected = Buffer.concat([bytesOf(10, 1), bytesOf(20, 2), bytesOf(7, 4)]);
  assert.ok(Buffer.concat(one.copies).equals(expected));
  await turnEnd();
  assert.equal(one.copies.length, 2);
});

test("small writes that wait for the system stay as they are, whatever is written after them", async () => {
  const [slow, fast] = [new Sink(), new Sink()];
  slow.takes = false;
  for (let turn = 0; turn < 40; turn++) {
    gatherWrite(fast, bytesOf(3000, 100 + turn));
    gatherWrite(slow, bytesOf(5000, turn));
    gatherWrite(fast, bytesOf(3000, 200));
    await turnEnd();
  }
  for (const [turn, bytes] of slow.sent.entries()) assert.ok(bytes.equals(bytesOf(5000, turn)));
  assert.equal(slow.sent.length, 40);
});

test("more than one piece holds goes out before the turn ends", async () => {
  const one = new Sink();
  for (let i = 0; i < 9; i++) gatherWrite(one, bytesOf(8 * kib, i));
  assert.deepEqual(one.sizes, [64 * kib]);
  await turnEnd();
  assert.deepEqual(one.sizes, [64 * kib, 8 * kib]);
});

test("a large write takes what stands before it along", () => {
  const one = new Sink();
  gatherWrite(one, bytesOf(10, 1));
  sendLarge(one, bytesOf(100 * kib, 2));
  assert.deepEqual(one.sizes, [100 * kib + 10]);
  assert.equal(hasGathered(one), false);
  const two = new Sink();
  gatherWrite(one, bytesOf(3, 3));
  gatherWrite(two, bytesOf(4, 4));
  gatherWrite(one, bytesOf(5, 5));
  sendLarge(one, bytesOf(100 * kib, 6));
  assert.deepEqual(one.sizes.slice(1), [3, 100 * kib + 5], "after all that it wrote before");
  assert.deepEqual(two.sizes, [4]);
});

test("in a bulk turn each socket gathers for itself, up to 64 KiB", async () => {
  const [one, two] = [new Sink(), new Sink()];
  for (let round = 0; round < 6; round++) {
    gatherForTurn(one, bytesOf(16 * kib, round));
    gatherForTurn(two, bytesOf(5 * kib, 100 + round));
  }
  flushWrites();
  assert.deepEqual(one.sizes, [64 * kib], "the end of an event leaves the rest");
  assert.deepEqual(two.sizes, []);
  await turnEnd();
  assert.deepEqual(one.sizes, [64 * kib, 32 * kib]);
  assert.deepEqual(two.sizes, [30 * kib]);
  const expected = Buffer.concat([0, 1, 2, 3, 4, 5].map((value) => bytesOf(16 * kib, value)));
  assert.ok(Buffer.concat(one.copies).equals(expected));
  assert.deepEqual([one.piece, two.piece], [null, null]);
});

test("what was gathered before goes out first", () => {
  const one = new Sink();
  gatherWrite(one, bytesOf(3, 1));
  gatherForTurn(one, bytesOf(4, 2));
  flushOf(one);
  assert.ok(Buffer.concat(one.copies).equals(Buffer.from([1, 1, 1, 2, 2, 2, 2])));
  assert.equal(hasGathered(one), false);
});

test("memory that is still being sent is not written to", () => {
  const slow = new Sink();
  slow.takes = false;
  gatherForTurn(slow, bytesOf(70 * kib, 7));
  flushOf(slow);
  gatherWrite(slow, bytesOf(60 * kib, 8));
  flushWrites();
  const other = new Sink();
  for (let i = 0; i < 8; i++) gatherForTurn(other, bytesOf(64 * kib, 9));
  for (let i = 0; i < 8; i++) {
    gatherWrite(other, bytesOf(60 * kib, 10));
    flushWrites();
  }
  assert.deepEqual(slow.sizes, [64 * kib, 6 * kib, 60 * kib]);
  for (const [i, bytes] of slow.sent.entries()) {
    assert.ok(bytes.equals(slow.copies[i] as Buffer), `write ${i}`);
  }
});

test("what was dropped is never sent", async () => {
  const [one, two] = [new Sink(), new Sink()];
  gatherForTurn(one, bytesOf(10, 1));
  gatherWrite(two, bytesOf(10, 1));
  dropOf(one);
  dropOf(two);
  await turnEnd();
  assert.deepEqual([one.sizes, two.sizes], [[], []]);
  gatherForTurn(one, bytesOf(1, 2));
  flushOf(one);
  assert.ok(one.copies[0]?.equals(Buffer.from([2])));
});

test("more sockets than may hold pieces send earlier, and keep their order", () => {
  const sinks = Array.from({ length: 40 }, () => new Sink());
  for (const value of [1, 2]) for (const sink of sinks) gatherForTurn(sink, bytesOf(9, value));
  assert.ok(sinks.filter(({ piece }) => piece !== null).length <= 32);
  for (const sink of sinks) {
    flushOf(sink);
    assert.ok(Buffer.concat(sink.copies).equals(Buffer.concat([bytesOf(9, 1), bytesOf(9, 2)])));
  }
});
