// What a hostile peer may do before the connection ends, and that an honest one may do as much
// (http-cases H40–H43, H47, H48; RFC 9113 §10.5).

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestHead } from "../http1/head.ts";
import { ResponseHead } from "../http1/head.ts";
import { defaultHttp2Limits } from "../limits.ts";
import { Http2Error } from "./error.ts";
import { FrameFlag, FrameType } from "./frame.ts";
import { block, data, frame, getFields, headers, number32, settings } from "./frames.fixture.ts";
import { Http2Status } from "./options.ts";
import { Recorder } from "./recorder.fixture.ts";
import { goAwayOf, Served } from "./served.fixture.ts";
import type { Http2Stream } from "./stream.ts";

const open = FrameFlag.EndHeaders;
const post: readonly string[] = [":method", "POST", ...getFields.slice(2)];
const ping = frame(FrameType.Ping, 0, 0, "12345678");
const priority = frame(FrameType.Priority, 0, 1, Buffer.concat([number32(3), Buffer.alloc(1)]));

/** The connection ended with ENHANCE_YOUR_CALM by that rule. */
function assertCalmed(served: Served, rule: string): void {
  assert.equal(served.reason, rule);
  assert.equal(goAwayOf(served.frames())?.code, Http2Error.EnhanceYourCalm);
}

/** Feeds `make(1)`, `make(2)`, … and answers how many were taken before the connection ended. */
function takenOf(served: Served, make: (count: number) => Buffer, most: number): number {
  for (let count = 1; count <= most; count++) {
    if (served.feed(make(count)) === Http2Status.Closed) return count - 1;
    served.connection.takeOutput();
  }
  return most;
}

function resetRequest(count: number): Buffer {
  const streamId = count * 2 - 1;
  return Buffer.concat([
    headers(streamId, getFields),
    frame(FrameType.RstStream, 0, streamId, number32(8)),
  ]);
}

test("rapid reset: a burst of 100, then 20 a second (H40)", () => {
  const served = new Served();
  assert.equal(takenOf(served, resetRequest, 1000), 100);
  assertCalmed(served, "ResetFlood");
  const patient = new Served();
  const taken = takenOf(
    patient,
    (count) => {
      patient.nowMs += 50;
      return resetRequest(count);
    },
    1000,
  );
  assert.equal(taken, 1000);
});

test("resets that a peer provokes count alike (H41)", () => {
  for (const provoke of [
    (id: number) => frame(FrameType.WindowUpdate, 0, id, number32(0)),
    (id: number) => frame(FrameType.WindowUpdate, 0, id, number32(2 ** 31 - 1)),
    (id: number) => data(id, "x", false),
    (id: number) => headers(id, ["x", "y"]),
    (id: number) => frame(FrameType.Priority, 0, id, "\0\0\0\0"),
    (id: number) =>
      frame(FrameType.Priority, 0, id, Buffer.concat([number32(id), Buffer.alloc(1)])),
    (id: number) => headers(id + 2, [...getFields, "connection", "x"]),
  ]) {
    const served = new Served({ limits: { ...defaultHttp2Limits, windowUpdatesPerData: 1000 } });
    const taken = takenOf(
      served,
      (count) => Buffer.concat([headers(count * 4 - 3, getFields), provoke(count * 4 - 3)]),
      1000,
    );
    assert.equal(taken, 100);
    assertCalmed(served, "ResetFlood");
  }
});

test("requests above the limit of streams are refused, and not for free", () => {
  const served = new Served({ concurrentStreamsMax: 3 });
  const taken = takenOf(served, (count) => headers(count * 2 - 1, getFields), 1000);
  assert.equal(taken, 103);
  assert.equal(served.sink.streams.size, 3);
  assertCalmed(served, "ResetFlood");
});

test("eight requests a turn; the rest waits without being lost (H40)", () => {
  const served = new Served();
  const twenty = Array.from({ length: 20 }, (_, i) => headers(i * 2 + 1, getFields));
  const counts: number[] = [];
  let status = served.connection.feed(Buffer.concat(twenty), 1000);
  counts.push(served.sink.streams.size);
  while (status === Http2Status.Paused) {
    status = served.connection.feed(Buffer.alloc(0), 1000);
    counts.push(served.sink.streams.size);
  }
  assert.deepEqual(counts, [8, 16, 20]);
});

test("bytes that come during a pause follow what waits", () => {
  const served = new Served();
  const ten = Array.from({ length: 10 }, (_, i) => headers(i * 2 + 1, getFields));
  assert.equal(served.connection.feed(Buffer.concat(ten), 1000), Http2Status.Paused);
  assert.equal(served.connection.feed(headers(21, getFields), 1000), Http2Status.More);
  assert.equal(served.sink.streams.size, 11);
});

test("CONTINUATION: eight frames, the block's bytes, five seconds (H42)", () => {
  const start = frame(FrameType.Headers, 1, 1, block(getFields));
  const more = frame(FrameType.Continuation, 0, 1, "\0\x01x\x01y");
  const last = frame(FrameType.Continuation, FrameFlag.EndHeaders, 1, "\0\x01x\x01y");
  const eight = new Served();
  assert.equal(eight.feed(start, ...Array.from({ length: 7 }, () => more), last), 0);
  assert.equal(eight.sink.events.length, 1);

  const nine = new Served();
  nine.feed(start, ...Array.from({ length: 9 }, () => more));
  assertCalmed(nine, "ContinuationFlood");

  const large = new Served();
  const piece = frame(FrameType.Continuation, 0, 1, "v".repeat(16_384));
  assert.equal(large.feed(start, piece), 0);
  large.feed(piece);
  assertCalmed(large, "HeadTooLarge");

  const slow = new Served();
  slow.feed(start);
  assert.equal(slow.connection.tick(6000), Http2Status.More);
  assert.equal(slow.connection.tick(6001), Http2Status.Closed);
  assertCalmed(slow, "HeadTimeout");
});

/** [what, one frame, how many are taken, rule] within one period and without streams. */
const floods: readonly (readonly [string, Buffer, number, string])[] = [
  // The client's first SETTINGS count too.
  ["SETTINGS", settings(), 15, "SettingsFlood"],
  ["PING", ping, 64, "PingFlood"],
  ["PRIORITY", priority, 16, "PriorityFlood"],
  ["WINDOW_UPDATE", frame(FrameType.WindowUpdate, 0, 0, number32(1)), 16, "WindowUpdateFlood"],
  ["unknown frames", frame(0xbb, 0, 0, "x"), 256, "UselessFrameFlood"],
  ["33 settings in one frame", settings(Array.from({ length: 66 }, () => 9)), 0, "SettingsFlood"],
];

for (const [what, bytes, most, rule] of floods) {
  test(`a flood of ${what} ends the connection (H43)`, () => {
    const served = new Served();
    assert.equal(
      takenOf(served, () => bytes, 1000),
      most,
    );
    assertCalmed(served, rule);
  });
}

test("pings that measure a path while content goes out are no flood", () => {
  const served = new Served();
  served.feed(headers(1, getFields));
  const stream = served.sink.streams.get(1) as Http2Stream;
  stream.respond(Object.assign(new ResponseHead(), { status: 200 }), false);
  for (let i = 0; i < 500; i++) {
    stream.data(Buffer.alloc(100));
    assert.equal(served.feed(ping), Http2Status.More, `${i}`);
    served.connection.takeOutput();
  }
});

test("resets of streams that were answered are not premature", () => {
  const served = new Served({}, new Brief());
  for (let id = 1; id < 4000; id += 2) {
    const reset = frame(FrameType.RstStream, 0, id, number32(0));
    assert.equal(served.feed(headers(id, post, open), reset), Http2Status.More, `${id}`);
    served.connection.takeOutput();
  }
  const again = frame(FrameType.RstStream, 0, 1, number32(0));
  assert.ok(takenOf(served, () => again, 10_000) < 10_000);
  assertCalmed(served, "UselessFrameFlood");
});

test("of a stream that we reset one late header block is passed over, not many", () => {
  const served = new Served();
  served.feed(headers(1, post, open));
  served.sink.streams.get(1)?.reset(Http2Error.Cancel);
  const late = headers(1, ["x-sum", "1"]);
  assert.equal(served.feed(late), Http2Status.More);
  assert.equal(served.feed(late), Http2Status.Closed);
  assert.equal(served.reason, "ClosedStream");
});

test("as many SETTINGS and PINGs in the next ten seconds are taken", () => {
  const served = new Served();
  for (let period = 0; period < 3; period++) {
    assert.equal(
      takenOf(served, () => ping, 60),
      60,
    );
    assert.equal(
      takenOf(served, () => settings(), 15),
      15,
    );
    served.nowMs += 10_000;
  }
});

test("an honest reader's WINDOW_UPDATEs are no flood", () => {
  const served = new Served();
  served.feed(headers(1, getFields));
  const stream = served.sink.streams.get(1) as Http2Stream;
  stream.respond(Object.assign(new ResponseHead(), { status: 200 }), false);
  for (let i = 0; i < 500; i++) {
    stream.data(Buffer.alloc(100));
    const updates = [1, 0].map((id) => frame(FrameType.WindowUpdate, 0, id, number32(100)));
    assert.equal(served.feed(...updates), Http2Status.More, `${i}`);
    served.connection.takeOutput();
  }
});

test("frames without content may not follow each other, unless they end a stream", () => {
  const served = new Served();
  served.feed(headers(1, post, open));
  assert.equal(served.feed(data(1, "", false)), Http2Status.More);
  assert.equal(served.feed(data(1, "x", false), data(1, "", false)), Http2Status.More);
  served.feed(data(1, "", false));
  assertCalmed(served, "EmptyFrameFlood");

  const padded = new Served();
  padded.feed(headers(1, post, open));
  const padding = frame(FrameType.Data, FrameFlag.Padded, 1, "\x03xxx");
  padded.feed(padding, padding);
  assertCalmed(padded, "EmptyFrameFlood");

  const continued = new Served();
  continued.feed(frame(FrameType.Headers, 1, 1, ""), frame(FrameType.Continuation, 0, 1, ""));
  assertCalmed(continued, "EmptyFrameFlood");

  const ends = new Served();
  for (let id = 1; id < 41; id += 2) ends.feed(headers(id, post, open), data(id, "", true));
  assert.equal(ends.reason, "None");
});

test("answers that nobody reads end the connection at 256", () => {
  const limits = { ...defaultHttp2Limits, pingsMax: 10_000 };
  const served = new Served({ limits });
  const pings = Array.from({ length: 257 }, () => ping);
  assert.equal(served.feed(...pings.slice(1)), Http2Status.More);
  assert.equal(served.feed(ping), Http2Status.Closed);
  assertCalmed(served, "ControlQueue");
});

/** Answers every request at once and whole. */
class Brief extends Recorder {
  override onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    super.onRequest(stream, head, isEnd);
    stream.respond(Object.assign(new ResponseHead(), { status: 200 }), true);
  }
}

/** Answers every request with more than the windows hold. */
class Generous extends Recorder {
  override onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    super.onRequest(stream, head, isEnd);
    stream.respond(Object.assign(new ResponseHead(), { status: 200 }), false);
    stream.data(Buffer.alloc(100_000));
    stream.end([]);
  }
}

test("streams whose window stays closed are cancelled after 30 s (H45, H47)", () => {
  const served = new Served({}, new Generous());
  served.feed(headers(1, getFields));
  served.connection.takeOutput();
  served.connection.tick(30_999);
  assert.equal(served.sink.events.length, 1);
  served.connection.tick(31_000);
  assert.match(served.sink.events.at(-1) as string, /1 reset 8 false Stalled/);
  assert.deepEqual(served.resets(), [[1, Http2Error.Cancel]]);
  assert.equal(served.connection.openStreamCount, 0);
});

test("a window opened byte by byte is no progress, one opened honestly is", () => {
  const dribble = new Served({}, new Generous());
  const honest = new Served({}, new Generous());
  for (const served of [dribble, honest]) served.feed(headers(1, getFields));
  for (let second = 2; second < 60; second++) {
    for (const [served, bytes] of [
      [dribble, 1],
      [honest, 1024],
    ] as const) {
      served.connection.takeOutput();
      served.nowMs = second * 1000;
      if (served.connection.openStreamCount === 1 && second % 10 === 0) {
        const grow = [0, 1].map((id) => frame(FrameType.WindowUpdate, 0, id, number32(bytes)));
        served.feed(...grow);
      }
      served.connection.takeOutput();
      served.connection.tick(served.nowMs);
    }
  }
  assert.equal(dribble.connection.openStreamCount, 0);
  assert.equal(honest.connection.openStreamCount, 1);
});
