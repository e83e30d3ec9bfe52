// The life of a connection: preface, settings, identifiers, states, GOAWAY; each error with the
// code RFC 9113 names (http-cases H48–H51).

import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestHead, ResponseHead } from "../http1/head.ts";
import { defaultHttp2Limits } from "../limits.ts";
import { Http2Connection } from "./connection.ts";
import { Http2Error } from "./error.ts";
import { FrameFlag, FrameType, preface } from "./frame.ts";
import {
  data,
  frame,
  getFields,
  headers,
  number32,
  readFrames,
  settings,
} from "./frames.fixture.ts";
import { Http2Status } from "./options.ts";
import { Recorder } from "./recorder.fixture.ts";
import { goAwayOf, reasonName, Served } from "./served.fixture.ts";
import type { Http2Stream } from "./stream.ts";

const open = FrameFlag.EndHeaders;
const post: readonly string[] = [":method", "POST", ...getFields.slice(2)];
const answer = Object.assign(new ResponseHead(), { status: 200, headers: ["x-a", "b"] });

function getHead(path = "/"): RequestHead {
  return Object.assign(new RequestHead(), { method: "GET", target: path, path, authority: "a" });
}

/** A client that has seen the server's SETTINGS. */
function client(pairs: readonly number[] = []): { sink: Recorder; connection: Http2Connection } {
  const sink = new Recorder();
  const connection = new Http2Connection("client", sink);
  connection.feed(settings(pairs), 1000);
  connection.takeOutput();
  sink.events.length = 0;
  return { sink, connection };
}

test("both sides speak first, without being told to", () => {
  const sink = new Recorder();
  const server = new Http2Connection("server", sink, { allowExtendedConnect: true });
  assert.equal(sink.outputs, 0);
  assert.equal(server.hasOutput, true);
  const [first, second] = readFrames(server.takeOutput());
  assert.equal(first?.type, FrameType.Settings);
  assert.ok(first.payload.includes(Buffer.from([0, 3, 0, 0, 0, 100])), "100 streams");
  assert.ok(first.payload.includes(Buffer.from([0, 4, 0, 4, 0, 0])), "256 KiB a stream");
  assert.ok(first.payload.includes(Buffer.from([0, 6, 0, 0, 0x80, 0])), "32 KiB of fields");
  assert.ok(first.payload.includes(Buffer.from([0, 8, 0, 0, 0, 1])), "extended CONNECT");
  assert.equal(second?.type, FrameType.WindowUpdate);
  assert.equal(second.payload.readUInt32BE(0), 1024 * 1024 - 65_535);
  const output = new Http2Connection("client", new Recorder()).takeOutput();
  assert.ok(output.subarray(0, 24).equals(preface));
  assert.ok(output.includes(Buffer.from([0, 2, 0, 0, 0, 0])), "no push");
});

test("output is announced once until it is taken", () => {
  const served = new Served();
  served.sink.outputs = 0;
  served.feed(frame(FrameType.Ping, 0, 0, "12345678"), frame(FrameType.Ping, 0, 0, "12345678"));
  assert.equal(served.sink.outputs, 1);
  assert.equal(served.frames().length, 2);
  assert.equal(served.connection.hasOutput, false);
  served.feed(frame(FrameType.Ping, 0, 0, "12345678"));
  assert.equal(served.sink.outputs, 2);
});

/** [what, bytes after the client's start, code, rule]; each ends the connection. */
const fatal: readonly (readonly [string, Buffer, Http2Error, string])[] = [
  ["an even stream", headers(2, getFields), 1, "StreamIdParity"],
  ["HEADERS on stream 0", headers(0, getFields), 1, "BadStreamId"],
  ["DATA on stream 0", data(0, "x", false), 1, "BadStreamId"],
  ["DATA on an idle stream", data(1, "x", false), 1, "IdleStream"],
  ["RST_STREAM on an idle stream", frame(FrameType.RstStream, 0, 1, number32(8)), 1, "IdleStream"],
  ["RST_STREAM on stream 0", frame(FrameType.RstStream, 0, 0, number32(8)), 1, "BadStreamId"],
  ["RST_STREAM of 3 bytes", frame(FrameType.RstStream, 0, 1, "abc"), 6, "BadFrameSize"],
  [
    "WINDOW_UPDATE on an idle stream",
    frame(FrameType.WindowUpdate, 0, 1, number32(1)),
    1,
    "IdleStream",
  ],
  ["WINDOW_UPDATE of 0", frame(FrameType.WindowUpdate, 0, 0, number32(0)), 1, "ZeroWindowUpdate"],
  ["WINDOW_UPDATE of 5 bytes", frame(FrameType.WindowUpdate, 0, 0, "abcde"), 6, "BadFrameSize"],
  [
    "a window of 2^31",
    frame(FrameType.WindowUpdate, 0, 0, number32(2 ** 31 - 1)),
    3,
    "WindowOverflow",
  ],
  ["SETTINGS on a stream", frame(FrameType.Settings, 0, 1), 1, "BadStreamId"],
  ["SETTINGS of 5 bytes", frame(FrameType.Settings, 0, 0, "abcde"), 6, "BadFrameSize"],
  ["an acknowledgement with content", frame(FrameType.Settings, 1, 0, "abcdef"), 6, "BadFrameSize"],
  ["ENABLE_PUSH of 2", settings([2, 2]), 1, "BadSetting"],
  ["an initial window of 2^31", settings([4, 2 ** 31]), 3, "BadWindowSetting"],
  ["MAX_FRAME_SIZE of 16383", settings([5, 16_383]), 1, "BadSetting"],
  ["MAX_FRAME_SIZE of 2^24", settings([5, 2 ** 24]), 1, "BadSetting"],
  ["PING on a stream", frame(FrameType.Ping, 0, 1, "12345678"), 1, "BadStreamId"],
  ["PING of 7 bytes", frame(FrameType.Ping, 0, 0, "1234567"), 6, "BadFrameSize"],
  ["GOAWAY on a stream", frame(FrameType.GoAway, 0, 1, "12345678"), 1, "BadStreamId"],
  ["GOAWAY of 7 bytes", frame(FrameType.GoAway, 0, 0, "1234567"), 6, "BadFrameSize"],
  ["PRIORITY on stream 0", frame(FrameType.Priority, 0, 0, "12345"), 1, "BadStreamId"],
  ["PUSH_PROMISE", frame(FrameType.PushPromise, 4, 1, "\0\0\0\x02"), 1, "PushPromise"],
  ["a lone CONTINUATION", frame(FrameType.Continuation, 4, 1), 1, "UnexpectedContinuation"],
  [
    "a frame inside a header block",
    Buffer.concat([headers(1, getFields, 1), data(1, "x", false)]),
    1,
    "ContinuationExpected",
  ],
  [
    "an unknown frame inside a header block",
    Buffer.concat([headers(1, getFields, 1), frame(0xbb, 0, 1)]),
    1,
    "ContinuationExpected",
  ],
  [
    "CONTINUATION of another stream",
    Buffer.concat([headers(1, getFields, 1), frame(FrameType.Continuation, 4, 3)]),
    1,
    "ContinuationExpected",
  ],
  [
    "a frame of 16,385 bytes",
    frame(FrameType.Headers, 5, 1, "x".repeat(16_385)),
    6,
    "FrameTooLarge",
  ],
  ["padding as long as the frame", frame(FrameType.Headers, 0xd, 1, "\x01"), 1, "BadPadding"],
  [
    "padding as long as the content",
    Buffer.concat([headers(1, post, open), frame(FrameType.Data, 8, 1, "\x01")]),
    1,
    "BadPadding",
  ],
  ["padded DATA without a length", frame(FrameType.Data, 8, 1), 6, "BadFrameSize"],
  [
    "HEADERS too short for a priority",
    frame(FrameType.Headers, 0x25, 1, "abcd"),
    6,
    "BadFrameSize",
  ],
  [
    "a lower identifier that was never used",
    Buffer.concat([headers(5, getFields), headers(3, getFields)]),
    1,
    "StreamIdReused",
  ],
];

for (const [what, bytes, code, rule] of fatal) {
  test(`ends the connection: ${what}`, () => {
    const served = new Served();
    assert.equal(served.feed(bytes), Http2Status.Closed);
    assert.equal(served.reason, rule);
    const frames = served.frames();
    assert.equal(goAwayOf(frames)?.code, code);
    assert.equal(served.feed(headers(7, getFields)), Http2Status.Closed);
    assert.equal(served.connection.openStreamCount, 0);
  });
}

test("what is no preface is refused at its first wrong byte", () => {
  for (const text of ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", "\x16\x03\x01"]) {
    const connection = new Http2Connection("server", new Recorder());
    assert.equal(connection.feed(Buffer.from(text, "latin1"), 0), Http2Status.Closed);
    assert.equal(reasonName(connection.reason), "BadPreface");
  }
  const ping = new Http2Connection("server", new Recorder());
  const first = Buffer.concat([preface, frame(FrameType.Ping, 0, 0, "12345678")]);
  assert.equal(ping.feed(first, 0), Http2Status.Closed, "SETTINGS come first");
  const slow = new Http2Connection("server", new Recorder());
  assert.equal(slow.feed(preface, 0), Http2Status.More);
  assert.equal(slow.tick(10_000), Http2Status.More);
  assert.equal(slow.tick(10_001), Http2Status.Closed);
  assert.equal(reasonName(slow.reason), "PrefaceTimeout");
});

test("frames of a stream that ended are an error, of one that we reset are not", () => {
  const ended = new Served();
  ended.feed(headers(1, getFields));
  ended.sink.streams.get(1)?.respond(answer, true);
  ended.connection.takeOutput();
  assert.equal(ended.feed(headers(1, getFields)), Http2Status.Closed);
  assert.equal(goAwayOf(ended.frames())?.code, Http2Error.StreamClosed);
  const reset = new Served();
  reset.feed(headers(1, post, open));
  reset.sink.streams.get(1)?.reset(Http2Error.Cancel);
  assert.deepEqual(reset.resets(), [[1, Http2Error.Cancel]]);
  reset.feed(data(1, "late", false), headers(1, ["x", "y"]), headers(3, getFields));
  assert.equal(reset.reason, "None");
  assert.equal(reset.sink.streams.size, 2);
  assert.deepEqual(reset.resets(), []);
});

test("content after its end resets the stream", () => {
  for (const late of [data(1, "x", false), headers(1, ["x", "y"])]) {
    const served = new Served();
    served.feed(headers(1, getFields), late);
    assert.deepEqual(served.resets(), [[1, Http2Error.StreamClosed]]);
    assert.match(served.sink.events.at(-1) as string, /1 reset 5 false ClosedStream/);
  }
});

test("DATA of a stream that ended long ago is answered, and its window given back", () => {
  const served = new Served();
  served.feed(headers(1, getFields));
  served.sink.streams.get(1)?.respond(answer, true);
  served.connection.takeOutput();
  served.feed(data(1, "late", true));
  assert.deepEqual(served.resets(), [[1, Http2Error.StreamClosed]]);
});

test("priorities and unknown frames change nothing", () => {
  const served = new Served();
  const dependent = Buffer.concat([number32(0x80000003), Buffer.from([200])]);
  const fields = Buffer.from("828684410161", "hex");
  served.feed(
    frame(FrameType.Priority, 0, 9, dependent),
    frame(0xbb, 0xff, 77, "whatever"),
    frame(
      FrameType.Headers,
      0x2d,
      1,
      Buffer.concat([Buffer.from([2]), dependent, fields, Buffer.alloc(2)]),
    ),
  );
  assert.equal(served.reason, "None");
  assert.match(served.sink.events[0] as string, /^1 request true .*"authority":"[^"]/);
});

test("GOAWAY in two steps: later streams are refused, earlier ones go on (H49)", () => {
  const served = new Served();
  served.feed(headers(1, post, open));
  served.connection.goAwayGently();
  assert.equal(served.connection.isGoingAway, true);
  const [first, ping] = served.frames();
  assert.equal(first?.payload.readUInt32BE(0), 2 ** 31 - 1);
  served.feed(headers(3, getFields));
  assert.equal(served.sink.streams.size, 2, "still taken before the answer");
  served.feed(frame(FrameType.Ping, 1, 0, ping?.payload));
  assert.deepEqual(goAwayOf(served.frames()), { lastId: 3, code: 0 });
  served.feed(headers(5, getFields));
  assert.deepEqual(served.resets(), [[5, Http2Error.RefusedStream]]);
  served.feed(data(1, "x", true));
  assert.equal(served.sink.events.at(-1), "1 end 1 []");
  assert.deepEqual(
    served.sink.events.filter((event) => event.startsWith("pong")),
    [],
  );
});

test("a server's GOAWAY: requests above its last stream were not acted on", () => {
  const { sink, connection } = client();
  for (let i = 0; i < 3; i++) connection.request(getHead(), true);
  const goAway = Buffer.concat([number32(3), number32(0)]);
  connection.feed(frame(FrameType.GoAway, 0, 0, goAway), 1000);
  assert.deepEqual(sink.events, ["5 reset 7 true GoingAway 0", "goaway 3 0"]);
  assert.equal(connection.request(getHead(), true), null);
  assert.equal(connection.streamsAvailable, 0);
  connection.feed(frame(FrameType.Headers, 5, 1, Buffer.from([0x88])), 1000);
  assert.match(sink.events.at(-1) as string, /^1 response true .*"status":200/);
});

test("a client keeps to the peer's number of streams", () => {
  const { sink, connection } = client([3, 2]);
  assert.equal(connection.streamsAvailable, 2);
  connection.request(getHead(), true);
  connection.request(getHead(), true);
  assert.equal(connection.request(getHead(), true), null);
  connection.feed(frame(FrameType.Headers, 5, 1, Buffer.from([0x88])), 1000);
  assert.equal(sink.events.length, 1);
  assert.equal(connection.request(getHead(), true)?.id, 5);
});

test("a response before any request, or pushed, ends the client's connection", () => {
  for (const id of [1, 2]) {
    const { connection } = client();
    const bytes = frame(FrameType.Headers, 5, id, Buffer.from([0x88]));
    assert.equal(connection.feed(bytes, 1000), Http2Status.Closed);
    assert.equal(reasonName(connection.reason), "IdleStream");
  }
});

/** [what, frames of the server for stream 1, last event]; the request is a GET. */
const responses: readonly (readonly [string, Buffer, RegExp])[] = [
  ["content before the head", data(1, "x", true), /1 reset 1 false DataBeforeHead/],
  ["101", headers(1, [":status", "101"], open), /BadStatus/],
  ["a status of two digits", headers(1, [":status", "99"]), /BadStatus/],
  ["no status", headers(1, ["x", "y"]), /MissingPseudoField/],
  ["a request's pseudo-header", headers(1, [":status", "200", ":path", "/"]), /BadPseudoField/],
  ["an interim head that ends the stream", headers(1, [":status", "103"]), /BadInterim/],
  [
    "content beside 204",
    Buffer.concat([headers(1, [":status", "204"], open), data(1, "x", true)]),
    /ContentLengthMismatch/,
  ],
  [
    "too little content",
    Buffer.concat([
      headers(1, [":status", "200", "content-length", "2"], open),
      data(1, "x", true),
    ]),
    /ContentLengthMismatch/,
  ],
  [
    "trailers",
    Buffer.concat([
      headers(1, [":status", "200"], open),
      data(1, "x", false),
      headers(1, ["x-sum", "1"]),
    ]),
    /^1 end 1 \["x-sum","1"\]$/,
  ],
  [
    "a whole answer",
    headers(1, [":status", "200"]),
    /^1 response true .*"framing":1,"contentLength":0/,
  ],
  [
    "interim heads",
    Buffer.concat([
      headers(1, [":status", "103", "link", "x"], open),
      headers(1, [":status", "200"]),
    ]),
    /^1 response true/,
  ],
  [
    "17 interim heads",
    Buffer.concat(Array.from({ length: 17 }, () => headers(1, [":status", "103"], open))),
    /BadInterim/,
  ],
];

for (const [what, bytes, last] of responses) {
  test(`a client reads ${what}`, () => {
    const { sink, connection } = client();
    connection.request(getHead(), true);
    assert.equal(connection.feed(bytes, 1000), Http2Status.More);
    assert.match(sink.events.at(-1) as string, last);
    assert.equal(connection.openStreamCount, 0);
  });
}

test("a server of several threads says how many, in a setting that others pass over", () => {
  for (const workerCount of [0, 4]) {
    const server = new Http2Connection("server", new Recorder(), { workerCount });
    const connection = new Http2Connection("client", new Recorder());
    connection.takeOutput();
    assert.equal(connection.feed(server.takeOutput(), 1000), Http2Status.More);
    assert.equal(connection.peerSettings.workerCount, workerCount);
  }
});

test("the answer to HEAD has a length and no content", () => {
  const { sink, connection } = client();
  connection.request(Object.assign(getHead(), { method: "HEAD" }), true);
  connection.feed(headers(1, [":status", "200", "content-length", "9"]), 1000);
  assert.match(sink.events[0] as string, /"framing":0,"contentLength":9/);
});

test("an extended CONNECT is switched as by 101, and the streams are tunnels", () => {
  const served = new Served({ allowExtendedConnect: true });
  const { sink, connection } = client([8, 1]);
  assert.equal(connection.peerSettings.allowsExtendedConnect, true);
  const stream = connection.request(Object.assign(getHead("/ws"), { upgrade: "websocket" }), false);
  served.feed(connection.takeOutput());
  assert.match(served.sink.events[0] as string, /"method":"GET".*"upgrade":"websocket"/);
  const accepted = served.sink.streams.get(1) as Http2Stream;
  accepted.respond(Object.assign(new ResponseHead(), { status: 101 }), false);
  accepted.data(Buffer.from("down"));
  connection.feed(served.connection.takeOutput(), 1000);
  assert.match(sink.events[0] as string, /"status":101.*"upgrade":"websocket"/);
  assert.equal(sink.bodies.get(1), "down");
  stream?.data(Buffer.from("up"));
  stream?.end([]);
  served.feed(connection.takeOutput());
  assert.equal(served.sink.events.at(-1), "1 end 2 []");
});

test("what could not stand in HTTP/1 is not written, and the next request is whole", () => {
  const { connection } = client();
  const served = new Served();
  const bad = ["x-first", "1", "x-a", "b\r\nc: d"];
  assert.throws(
    () => connection.request(Object.assign(getHead(), { headers: bad }), true),
    TypeError,
  );
  for (const headersOf of [
    ["x\n", "y"],
    ["X-A", "b"],
    ["x-nul", "\0"],
  ]) {
    const head = Object.assign(getHead(), { headers: headersOf });
    assert.throws(() => connection.request(head, true), TypeError);
  }
  assert.throws(
    () => connection.request(Object.assign(getHead(), { target: "/ x" }), true),
    TypeError,
  );
  assert.equal(connection.openStreamCount, 0);
  const good = ["x-first", "1", "connection", "close", "x-a", "b"];
  connection.request(Object.assign(getHead(), { headers: good }), true);
  served.feed(connection.takeOutput());
  assert.match(served.sink.events[0] as string, /^1 request .*\["x-first","1","x-a","b"\]/);
});

test("a head larger than a frame goes on in CONTINUATION", () => {
  const limits = { headBytesMax: 96 * 1024, blockBytesMax: 96 * 1024, fieldsMax: 200 };
  const served = new Served({ limits: { ...defaultHttp2Limits, ...limits } });
  const { connection } = client();
  const many = Array.from({ length: 60 }, (_, i) => [`x-${i}`, "v".repeat(1000)]).flat();
  connection.request(Object.assign(getHead(), { headers: many }), true);
  const output = connection.takeOutput();
  assert.deepEqual(
    readFrames(output).map(({ type, flags }) => [type, flags]),
    [
      [FrameType.Headers, FrameFlag.EndStream],
      [FrameType.Continuation, 0],
      [FrameType.Continuation, 0],
      [FrameType.Continuation, FrameFlag.EndHeaders],
    ],
  );
  served.feed(output);
  assert.match(served.sink.events[0] as string, /x-59/);
});

test("the end of the socket tells every stream", () => {
  const served = new Served();
  served.feed(headers(1, getFields), headers(3, getFields));
  served.connection.disconnected();
  assert.deepEqual(
    served.sink.events.slice(2).map((event) => event.split(" ").slice(0, 2).join(" ")),
    ["1 reset", "3 reset"],
  );
});

test("a ping comes back, an unexpected acknowledgement of SETTINGS does not pass", () => {
  const served = new Served();
  served.connection.ping(Buffer.from("abcdefgh"));
  const [ping] = served.frames();
  served.feed(frame(FrameType.Ping, FrameFlag.Ack, 0, ping?.payload));
  assert.deepEqual(served.sink.events, ["pong abcdefgh"]);
  const ack = frame(FrameType.Settings, FrameFlag.Ack, 0);
  assert.equal(served.feed(ack), Http2Status.More);
  assert.equal(served.feed(ack), Http2Status.Closed);
  assert.equal(served.reason, "UnexpectedSettingsAck");
});

test("a request that announced content and has none ends in a DATA frame", () => {
  const { connection } = client();
  const stream = connection.request(getHead(), false);
  stream?.end([]);
  assert.deepEqual(
    readFrames(connection.takeOutput()).map(({ type, flags }) => [type, flags]),
    [
      [FrameType.Headers, FrameFlag.EndHeaders],
      [FrameType.Data, FrameFlag.EndStream],
    ],
  );
});

test("a peer that says nothing is asked, and its streams are told when it does not answer", () => {
  const keepalive = { intervalMs: 3000, repeatMs: 60_000, idleMs: 60_000, timeoutMs: 2000 };
  const sink = new Recorder();
  const connection = new Http2Connection("client", sink, { keepalive });
  connection.feed(settings([]), 1000);
  connection.request(getHead(), true);
  connection.takeOutput();
  assert.equal(connection.tick(3999), Http2Status.More);
  assert.equal(connection.hasOutput, false);
  connection.tick(4000);
  const [ping] = readFrames(connection.takeOutput());
  assert.equal(ping?.type, FrameType.Ping);
  connection.feed(frame(FrameType.Ping, FrameFlag.Ack, 0, ping.payload), 5999);
  assert.equal(connection.tick(6000), Http2Status.More);
  connection.tick(9000);
  assert.equal(connection.hasOutput, false, "it answered, and said nothing else: later");
  connection.feed(frame(FrameType.WindowUpdate, 0, 0, number32(1)), 9500);
  connection.tick(12_500);
  assert.equal(readFrames(connection.takeOutput())[0]?.type, FrameType.Ping);
  sink.events.length = 0;
  assert.equal(connection.tick(14_499), Http2Status.More);
  assert.equal(connection.tick(14_500), Http2Status.Closed);
  assert.equal(reasonName(connection.reason), "Silent");
  assert.equal(sink.events.length, 1);
});

test("a head is compared with what the peer takes, as the peer counts it", () => {
  const head = getHead("/some/path");
  head.headers.push("x-one", "a".repeat(100), "cookie", "b".repeat(50));
  // Names, values and 32 bytes for each of the six fields; the scheme may be the longer one.
  const names = ":method:scheme:path:authorityx-onecookie".length;
  const values = "GEThttps/some/patha".length + 150;
  const bytes = 6 * 32 + names + values;
  assert.equal(client([6, bytes]).connection.takesRequest(head), true);
  assert.equal(client([6, bytes - 1]).connection.takesRequest(head), false);
  assert.equal(client().connection.takesRequest(head), true, "it named no limit");
  const response = Object.assign(new ResponseHead(), { status: 200, headers: ["x-a", "b"] });
  const server = new Served();
  server.feed(settings([6, 32 * 3 + ":status200content-length".length + 16 + 4]));
  assert.equal(server.connection.takesResponse(response), true);
  response.headers.push("x-b", "c");
  assert.equal(server.connection.takesResponse(response), false);
});
