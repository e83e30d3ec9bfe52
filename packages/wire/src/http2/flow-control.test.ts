// Windows and turns (RFC 9113 §5.2, §6.9; http-cases H47, H50): what may be sent is sent, what may
// not waits without holding up others, and credit comes back when content was consumed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ResponseHead } from "../http1/head.ts";
import { Http2Error } from "./error.ts";
import { FrameFlag, FrameType } from "./frame.ts";
import {
  data,
  frame,
  getFields,
  headers,
  number32,
  type ReadFrame,
  settings,
} from "./frames.fixture.ts";
import { Recorder } from "./recorder.fixture.ts";
import { Served } from "./served.fixture.ts";
import type { Http2Stream } from "./stream.ts";

const open = FrameFlag.EndHeaders;
const post: readonly string[] = [":method", "POST", ...getFields.slice(2)];
const answer = Object.assign(new ResponseHead(), { status: 200 });

/** Keeps what it gets until the test consumes it. */
class Keeping extends Recorder {
  held = 0;

  override onData(stream: Http2Stream, bytes: Buffer): void {
    assert.equal(stream.isClosed, false);
    this.held += bytes.length;
  }
}

/** A server with that many streams whose answer began. */
function answering(count: number, pairs: readonly number[] = []): [Served, Http2Stream[]] {
  const served = new Served();
  if (pairs.length > 0) served.feed(settings(pairs));
  const streams: Http2Stream[] = [];
  for (let i = 0; i < count; i++) {
    served.feed(headers(i * 2 + 1, getFields));
    const stream = served.sink.streams.get(i * 2 + 1) as Http2Stream;
    stream.respond(answer, false);
    streams.push(stream);
  }
  served.connection.takeOutput();
  served.sink.events.length = 0;
  return [served, streams];
}

function dataOf(frames: readonly ReadFrame[]): [streamId: number, length: number][] {
  return frames
    .filter(({ type }) => type === FrameType.Data)
    .map(({ streamId, payload }) => [streamId, payload.length]);
}

function sum(list: readonly [number, number][], streamId: number): number {
  let total = 0;
  for (const [id, length] of list) if (id === streamId) total += length;
  return total;
}

function grow(streamId: number, bytes: number): Buffer {
  return frame(FrameType.WindowUpdate, 0, streamId, number32(bytes));
}

test("what waits on a connection is counted to the byte", () => {
  const [served, [one, two]] = answering(2, [4, 1000]);
  assert.ok(one !== undefined && two !== undefined);
  const { connection } = served;
  assert.equal(connection.queuedBytes, 0);
  one.data(Buffer.alloc(5000));
  two.data(Buffer.alloc(3000));
  const headBytes = 9;
  assert.equal(connection.queuedBytes, 8000 + 2 * headBytes, "frames that wait to be taken, too");
  connection.takeOutput();
  assert.equal(connection.queuedBytes, 6000);
  served.feed(grow(1, 500));
  connection.takeOutput();
  assert.equal(connection.queuedBytes, 5500);
  served.feed(frame(FrameType.RstStream, 0, 1, number32(Http2Error.Cancel)));
  assert.equal(connection.queuedBytes, 2000, "what a reset stream held is gone");
  served.feed(grow(3, 2000));
  connection.takeOutput();
  assert.equal(connection.queuedBytes, 0);
});

test("content is sent up to the window and goes on when it opens", () => {
  const [served, [stream]] = answering(1);
  assert.ok(stream !== undefined);
  assert.equal(stream.data(Buffer.alloc(65_000)), true);
  assert.equal(stream.data(Buffer.alloc(65_000)), true);
  assert.equal(stream.queuedBytes, 130_000 - 65_535);
  stream.end(["x-sum", "1"]);
  assert.equal(sum(dataOf(served.frames()), 1), 65_535);
  served.feed(grow(1, 10_000));
  assert.equal(served.connection.hasOutput, false, "the connection's window is closed");
  served.feed(grow(0, 20_000));
  assert.equal(sum(dataOf(served.frames()), 1), 10_000);
  served.feed(grow(1, 100_000));
  assert.equal(sum(dataOf(served.frames()), 1), 10_000);
  served.feed(grow(0, 100_000));
  const last = served.frames();
  assert.equal(sum(dataOf(last), 1), 130_000 - 65_535 - 20_000);
  assert.equal(last.at(-1)?.type, FrameType.Headers);
  assert.equal(last.at(-1)?.flags, FrameFlag.EndHeaders | FrameFlag.EndStream);
  assert.equal(served.connection.openStreamCount, 0);
});

test("a writer is stopped and told when it may go on", () => {
  const [served, [stream]] = answering(1);
  assert.ok(stream !== undefined);
  let taken = 0;
  while (stream.data(Buffer.alloc(10_000))) taken += 10_000;
  assert.ok(taken > 65_535 && taken < 65_535 + 70_000, String(taken));
  served.connection.takeOutput();
  served.feed(grow(0, 20_000), grow(1, 20_000));
  served.connection.takeOutput();
  assert.deepEqual(served.sink.events, []);
  served.feed(grow(0, 30_000), grow(1, 30_000));
  served.connection.takeOutput();
  assert.deepEqual(served.sink.events, ["1 writable"]);
});

test("large bodies take turns of 16 KiB", () => {
  const [served, streams] = answering(3, [4, 1_000_000]);
  served.feed(grow(0, 10_000_000));
  // The first fills the output, the others wait; then all are served in turns.
  for (const stream of streams) {
    while (stream.data(Buffer.alloc(50_000))) continue;
  }
  served.connection.takeOutput();
  const turns = dataOf(served.frames());
  const order = turns.map(([id]) => id);
  assert.ok(turns.length >= 6);
  for (const id of [1, 3, 5]) {
    const shares = sum(turns, id);
    assert.ok(shares > 0 && shares <= 64 * 1024, `${id}: ${shares}`);
  }
  assert.notEqual(order[0], order[1], "not twice in a row");
  assert.ok(turns.every(([, length]) => length <= 16_384));
});

test("frames of large content end where TLS records do", () => {
  const [served, [stream, other]] = answering(2, [4, 1_000_000]);
  assert.ok(stream !== undefined && other !== undefined);
  served.feed(grow(0, 10_000_000));
  served.connection.takeOutput();
  other.data(Buffer.alloc(1234));
  stream.data(Buffer.alloc(100_000));
  const lengths = dataOf(served.frames()).map(([, length]) => length);
  const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((at, n) => at + 9 + n, 0));
  assert.deepEqual(
    ends.slice(1, -1).map((end) => end % 16_384),
    [0, 0, 0, 0, 0, 0],
  );
  assert.equal(
    sum(
      lengths.map((length) => [1, length]),
      1,
    ),
    101_234,
  );
});

test("content that one frame holds is not cut at a record's end", () => {
  const [served, [one, two]] = answering(2, [4, 1_000_000]);
  served.feed(grow(0, 10_000_000));
  served.connection.takeOutput();
  one?.data(Buffer.alloc(10_000));
  two?.data(Buffer.alloc(10_000));
  assert.deepEqual(dataOf(served.frames()), [
    [1, 10_000],
    [3, 10_000],
  ]);
});

test("a stream that is blocked does not block others", () => {
  const [served, [blocked, free]] = answering(2);
  assert.ok(blocked !== undefined && free !== undefined);
  served.feed(grow(0, 1_000_000));
  blocked.data(Buffer.alloc(200_000));
  assert.equal(sum(dataOf(served.frames()), 1), 65_535);
  free.data(Buffer.alloc(30_000));
  free.end([]);
  const frames = served.frames();
  assert.equal(sum(dataOf(frames), 3), 30_000);
  assert.equal(frames.at(-1)?.flags, FrameFlag.EndStream);
});

test("a small answer is not behind a large one", () => {
  const [served, [large, small]] = answering(2, [4, 10_000_000]);
  assert.ok(large !== undefined && small !== undefined);
  served.feed(grow(0, 10_000_000));
  large.data(Buffer.alloc(100_000));
  small.data(Buffer.alloc(100));
  small.end([]);
  assert.equal(sum(dataOf(served.frames()), 3), 100);
});

test("output is bounded by turns, and announced again while more waits", () => {
  const [served, [stream]] = answering(1, [4, 10_000_000]);
  assert.ok(stream !== undefined);
  served.feed(grow(0, 10_000_000));
  served.connection.takeOutput();
  stream.data(Buffer.alloc(1_000_000));
  assert.equal(served.connection.isOutputHigh, true);
  let total = 0;
  let takes = 0;
  while (served.connection.hasOutput) {
    const bytes = served.connection.takeOutput();
    assert.ok(bytes.length < 160 * 1024, String(bytes.length));
    total += bytes.length;
    takes++;
  }
  assert.ok(total > 1_000_000 && takes > 5, `${total} in ${takes}`);
});

test("the end is said by the last frame when that is still there", () => {
  const [served, [one, two, three]] = answering(3);
  one?.data(Buffer.from("hello"));
  one?.end([]);
  two?.data(Buffer.from("hello"));
  served.connection.takeOutput();
  two?.end([]);
  three?.end([]);
  assert.deepEqual(dataOf(served.frames()), [
    [3, 0],
    [5, 0],
  ]);
});

test("a changed INITIAL_WINDOW_SIZE changes open streams, below zero too (H50)", () => {
  const [served, [stream]] = answering(1);
  assert.ok(stream !== undefined);
  served.feed(grow(0, 1_000_000));
  stream.data(Buffer.alloc(60_000));
  served.connection.takeOutput();
  served.feed(settings([4, 20_000]));
  stream.data(Buffer.alloc(30_000));
  assert.deepEqual(dataOf(served.frames()), [], "40,000 below zero");
  served.feed(grow(1, 40_000));
  assert.deepEqual(dataOf(served.frames()), []);
  served.feed(grow(1, 1));
  assert.deepEqual(dataOf(served.frames()), [[1, 1]]);
  served.feed(settings([4, 65_535]));
  assert.equal(sum(dataOf(served.frames()), 1), 29_999);
});

test("windows may not grow beyond 2^31-1 (H50)", () => {
  const [served, [stream]] = answering(1);
  served.feed(grow(1, 2 ** 31 - 1 - 65_535));
  assert.equal(stream?.isClosed, false);
  served.feed(grow(1, 1));
  assert.deepEqual(served.resets(), [[1, Http2Error.FlowControlError]]);
  const [other] = answering(1);
  other.feed(grow(1, 2 ** 31 - 1 - 65_535));
  other.feed(settings([4, 65_536]));
  assert.equal(other.reason, "WindowOverflow");
});

test("credit is returned in batches when content was consumed", () => {
  const sink = new Keeping();
  const served = new Served({ streamWindowBytes: 80_000, connectionWindowBytes: 200_000 }, sink);
  served.feed(headers(1, post, open));
  const stream = sink.streams.get(1) as Http2Stream;
  const piece = data(1, "x".repeat(16_000), false);
  served.feed(piece, piece, piece);
  assert.equal(sink.held, 48_000);
  assert.deepEqual(served.frames(), [], "nothing consumed, no credit");
  stream.consumed(30_000);
  assert.deepEqual(served.frames(), [], "less than a batch");
  stream.consumed(18_000);
  const updates = served.frames();
  assert.deepEqual(
    updates.map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
    [[1, 48_000]],
  );
  served.feed(piece, piece, piece, piece);
  stream.consumed(64_000);
  assert.deepEqual(
    served.frames().map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
    [
      [1, 64_000],
      [0, 112_000],
    ],
  );
});

test("more content than the stream's window resets it, than the connection's ends that", () => {
  const limits = { streamWindowBytes: 65_535, connectionWindowBytes: 200_000 };
  const sink = new Keeping();
  const served = new Served(limits, sink);
  const piece = (id: number): Buffer => data(id, "x".repeat(16_384), false);
  served.feed(headers(1, post, open), piece(1), piece(1), piece(1));
  served.feed(data(1, "x".repeat(16_383), false));
  assert.equal(sink.events.length, 1);
  served.feed(data(1, "x", false));
  assert.match(sink.events.at(-1) as string, /1 reset 3 false FlowControl/);
  const total = new Served({ ...limits, connectionWindowBytes: 65_535 }, new Keeping());
  total.feed(headers(1, post, open), headers(3, post, open));
  total.feed(piece(1), piece(3), piece(1), piece(3));
  assert.equal(total.reason, "FlowControl");
});

test("what a reset stream left unread is credited to the connection", () => {
  const sink = new Keeping();
  const served = new Served({ connectionWindowBytes: 100_000 }, sink);
  served.feed(headers(1, post, open));
  const piece = data(1, "x".repeat(15_000), false);
  served.feed(piece, piece, piece, piece);
  assert.deepEqual(served.frames(), []);
  served.feed(frame(FrameType.RstStream, 0, 1, number32(8)));
  const [update] = served.frames();
  assert.equal(update?.streamId, 0);
  assert.equal(update?.payload.readUInt32BE(0), 60_000);
  sink.streams.get(1)?.consumed(60_000);
  assert.deepEqual(served.frames(), [], "not twice");
});

test("content that is consumed after the end of its stream still opens the connection", () => {
  const sink = new Keeping();
  const served = new Served({ connectionWindowBytes: 65_535 }, sink);
  served.feed(headers(1, post, open));
  const piece = data(1, "x".repeat(16_000), false);
  served.feed(piece, piece, data(1, "x".repeat(16_000), true));
  const stream = sink.streams.get(1) as Http2Stream;
  stream.respond(answer, true);
  assert.equal(stream.isClosed, true);
  served.connection.takeOutput();
  stream.consumed(48_000);
  assert.deepEqual(
    served.frames().map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
    [[0, 48_000]],
  );
});

test("padding is counted and credited by itself", () => {
  const sink = new Keeping();
  const served = new Served({ streamWindowBytes: 65_535, connectionWindowBytes: 65_535 }, sink);
  served.feed(headers(1, post, open));
  const padded = `\xffx${"\0".repeat(255)}`;
  for (let i = 0; i < 200; i++) served.feed(frame(FrameType.Data, FrameFlag.Padded, 1, padded));
  assert.equal(sink.held, 200);
  const updates = served.frames().filter(({ type }) => type === FrameType.WindowUpdate);
  assert.deepEqual(
    updates.map(({ streamId }) => streamId).toSorted((a, b) => a - b),
    [0, 1],
  );
});
