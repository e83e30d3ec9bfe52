// Requests as HTTP/2 carries them: what they become, and every way in which they are malformed
// (http-cases H38, H39, H44–H46; RFC 9113 §8).

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../error-code.ts";
import { Framing, type RequestHead, ResponseHead, TargetForm } from "../http1/head.ts";
import { defaultHttp2Limits } from "../limits.ts";
import { Http2Error } from "./error.ts";
import { FrameFlag, FrameType } from "./frame.ts";
import { block, data, frame, getFields, headers, integer } from "./frames.fixture.ts";
import { Recorder } from "./recorder.fixture.ts";
import type { Http2Stream } from "./stream.ts";
import { goAwayOf, Served } from "./served.fixture.ts";

/** Keeps the heads. */
class Heads extends Recorder {
  readonly heads: RequestHead[] = [];

  override onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    super.onRequest(stream, head, isEnd);
    this.heads.push(head);
  }
}

function headOf(fields: readonly string[], isEnd = true, options = {}): RequestHead {
  const sink = new Heads();
  const served = new Served(options, sink);
  served.feed(headers(1, fields, FrameFlag.EndHeaders | (isEnd ? FrameFlag.EndStream : 0)));
  assert.equal(sink.heads.length, 1, served.sink.events.join("\n"));
  return sink.heads[0] as RequestHead;
}

const post: readonly string[] = [":method", "POST", ...getFields.slice(2)];

test("a request is told as HTTP/1 tells it", () => {
  const head = headOf([
    ":method",
    "GET",
    ":scheme",
    "https",
    ":path",
    "/a//b?c=d",
    ":authority",
    "Catalog.Shop:8080",
    "cookie",
    "a=1",
    "te",
    "trailers",
    "x-a",
    "b",
    "cookie",
    "b=2",
    "proxy-authorization",
    "secret",
  ]);
  assert.equal(head.method, "GET");
  assert.equal(head.target, "/a//b?c=d");
  assert.equal(head.path, "/a//b");
  assert.equal(head.query, "?c=d");
  assert.equal(head.isPathNormal, false);
  assert.equal(head.scheme, "https");
  assert.equal(head.authority, "catalog.shop:8080");
  assert.equal(head.host, "catalog.shop");
  assert.equal(head.port, 8080);
  assert.equal(head.framing, Framing.None);
  assert.equal(head.acceptsTrailers, true);
  assert.deepEqual(head.headers, ["cookie", "a=1; b=2", "x-a", "b"]);
});

test("content is framed by its length, or not at all", () => {
  assert.equal(headOf(post, false).framing, Framing.Chunked);
  const sized = headOf([...post, "content-length", "5", "expect", "100-continue"], false);
  assert.equal(sized.framing, Framing.Length);
  assert.equal(sized.contentLength, 5);
  assert.equal(sized.expectContinue, true);
  assert.deepEqual(sized.headers, []);
  assert.equal(headOf([...post, "content-length", "0"]).framing, Framing.Length);
});

test("Host stands in for a missing :authority", () => {
  const head = headOf([...getFields.slice(0, 6), "host", "a:80"]);
  assert.equal(head.authority, "a:80");
  assert.equal(head.port, 80);
});

test("CONNECT and extended CONNECT are what they are in HTTP/1", () => {
  const allowed = { allowConnect: true, allowExtendedConnect: true };
  const tunnel = headOf([":method", "CONNECT", ":authority", "db.shop:5432"], false, allowed);
  assert.equal(tunnel.form, TargetForm.Authority);
  assert.equal(tunnel.target, "db.shop:5432");
  assert.equal(tunnel.framing, Framing.None);
  const fields = [":method", "CONNECT", ":protocol", "websocket", ...getFields.slice(2)];
  const websocket = headOf(fields, false, allowed);
  assert.equal(websocket.method, "GET");
  assert.equal(websocket.upgrade, "websocket");
  assert.equal(websocket.form, TargetForm.Origin);
});

/** [what, fields, the rule]; each a stream error of type PROTOCOL_ERROR, nothing handed on. */
const malformed: readonly (readonly [what: string, fields: readonly string[], rule: string])[] = [
  ["upper case in a name", [...getFields, "X-A", "b"], "BadFieldName"],
  ["an empty name", [...getFields, "", "b"], "BadFieldName"],
  ["a space in a name", [...getFields, "x a", "b"], "BadFieldName"],
  ["a colon in a name", [...getFields, "x:a", "b"], "BadFieldName"],
  ["connection", [...getFields, "connection", "close"], "ConnectionField"],
  ["keep-alive", [...getFields, "keep-alive", "timeout=5"], "ConnectionField"],
  ["proxy-connection", [...getFields, "proxy-connection", "x"], "ConnectionField"],
  ["upgrade", [...getFields, "upgrade", "h2c"], "ConnectionField"],
  ["transfer-encoding", [...post, "transfer-encoding", "chunked"], "ConnectionField"],
  ["te that is not trailers", [...getFields, "te", "gzip"], "ConnectionField"],
  ["CR LF in a value", [...getFields, "x", "a\r\nb: c"], "BadFieldValue"],
  ["LF in a value", [...getFields, "x", "a\nb"], "BadFieldValue"],
  ["NUL in a value", [...getFields, "x", "a\0b"], "BadFieldValue"],
  ["a blank before a value", [...getFields, "x", " a"], "BadFieldValue"],
  ["a tab after a value", [...getFields, "x", "a\t"], "BadFieldValue"],
  ["a pseudo-header after a field", ["x", "y", ...getFields], "BadPseudoField"],
  ["a repeated :path", [...getFields, ":path", "/b"], "BadPseudoField"],
  ["a repeated :method", [":method", "GET", ...getFields], "BadPseudoField"],
  ["a repeated :authority", [...getFields, ":authority", "a"], "BadPseudoField"],
  ["an unknown pseudo-header", [...getFields, ":x", "y"], "BadPseudoField"],
  [":status in a request", [...getFields, ":status", "200"], "BadPseudoField"],
  ["no :method", getFields.slice(2), "MissingPseudoField"],
  ["no :path", [...getFields.slice(0, 4), ":authority", "a"], "MissingPseudoField"],
  ["no :scheme", [":method", "GET", ":path", "/", ":authority", "a"], "MissingPseudoField"],
  ["neither :authority nor Host", getFields.slice(0, 6), "MissingPseudoField"],
  ["another :scheme", [":scheme", "ftp", ":method", "GET"], "BadPseudoField"],
  ["a method that is no token", [":method", "G T", ...getFields.slice(2)], "BadMethod"],
  ["an authority that is not the Host", [...getFields, "host", "b"], "AuthorityMismatch"],
  ["another port in the Host", [...getFields, "host", "a:81"], "AuthorityMismatch"],
  ["two Hosts", [...getFields, "host", "a", "host", "a"], "BadAuthority"],
  ["a malformed Host", [...getFields, "host", "a/b"], "BadAuthority"],
  ["user information", [...getFields.slice(0, 6), ":authority", "u@a"], "BadAuthority"],
  ["an empty :authority", [...getFields.slice(0, 6), ":authority", ""], "BadAuthority"],
  ["a bad content-length", [...post, "content-length", "+3"], "BadContentLength"],
  [
    "content-length twice",
    [...post, "content-length", "3", "content-length", "3"],
    "BadContentLength",
  ],
  ["content promised and none", [...post, "content-length", "3"], "ContentLengthMismatch"],
  ["CONNECT with a path", [":method", "CONNECT", ...getFields.slice(2)], "MissingPseudoField"],
  ["CONNECT without a port", [":method", "CONNECT", ":authority", "a"], "BadAuthority"],
  [
    "extended CONNECT that was not offered",
    [":method", "CONNECT", ":protocol", "websocket", ...getFields.slice(2)],
    "UnexpectedConnect",
  ],
  ["asterisk with GET", pathOf("*"), "BadPath"],
  ...[
    "",
    "a",
    "/a b",
    "/a\x7f",
    "/\xe9",
    "/#",
    "/\\",
    "/%",
    "/%0g",
    "/%00",
    "/%0d%0a",
    "/%c0%af",
    "http://a/",
  ].map((path) => [`the path ${JSON.stringify(path)}`, pathOf(path), "BadPath"] as const),
];

function pathOf(path: string): string[] {
  return [":method", "GET", ":scheme", "http", ":path", path, ":authority", "a"];
}

for (const [what, fields, rule] of malformed) {
  test(`refused: ${what}`, () => {
    const served = new Served();
    assert.equal(served.feed(headers(1, fields)), 0);
    assert.deepEqual(served.sink.events, []);
    assert.deepEqual(served.resets(), [[1, Http2Error.ProtocolError]]);
    assert.deepEqual(served.sink.refusals, [rule]);
    // The connection goes on.
    served.feed(headers(3, getFields));
    assert.equal(served.sink.events.length, 1);
  });
}

/** Requests that are answered instead of reset. */
const refused: readonly (readonly [string, readonly string[], ErrorCode, object])[] = [
  ["CONNECT", [":method", "CONNECT", ":authority", "a:1"], ErrorCode.ConnectRefused, {}],
  ["a long path", pathOf(`/${"a".repeat(8192)}`), ErrorCode.TargetTooLong, {}],
  [
    "a long method",
    [":method", "M".repeat(33), ...getFields.slice(2)],
    ErrorCode.MethodTooLong,
    {},
  ],
  [
    "an unknown method",
    [":method", "BREW", ...getFields.slice(2)],
    ErrorCode.MethodUnknown,
    { allowUnknownMethods: false },
  ],
  ["an unknown expectation", [...getFields, "expect", "x"], ErrorCode.ExpectationFailed, {}],
  [
    "an announced body that is too large",
    [...post, "content-length", "11"],
    ErrorCode.BodyTooLarge,
    { limits: { ...defaultHttp2Limits, bodyBytesMax: 10 } },
  ],
  [
    "101 fields",
    [...getFields, ...Array.from({ length: 97 }, () => ["x", "y"]).flat()],
    ErrorCode.HeadTooLarge,
    {},
  ],
  [
    "101 cookie crumbs",
    [...getFields, ...Array.from({ length: 97 }, () => ["cookie", "y"]).flat()],
    ErrorCode.HeadTooLarge,
    {},
  ],
  ["fields of 33 KiB", bigFields(33 * 1024), ErrorCode.HeadTooLarge, {}],
];

function bigFields(bytes: number): string[] {
  const count = Math.ceil(bytes / 1000);
  return [...getFields, ...Array.from({ length: count }, () => ["x-a", "v".repeat(968)]).flat()];
}

for (const [what, fields, code, options] of refused) {
  test(`answered without being looked at: ${what}`, () => {
    const isSized = code === ErrorCode.BodyTooLarge;
    const flags = isSized ? FrameFlag.EndHeaders : FrameFlag.EndHeaders | FrameFlag.EndStream;
    const limits = { ...defaultHttp2Limits, blockBytesMax: 1 << 20, continuationsMax: 100 };
    const served = new Served({ limits, ...options });
    const bytes = block(fields);
    const parts = [
      frame(FrameType.Headers, flags & ~FrameFlag.EndHeaders, 1, bytes.subarray(0, 9)),
    ];
    for (let at = 9; at < bytes.length; at += 16_384) {
      const isLast = at + 16_384 >= bytes.length;
      const piece = bytes.subarray(at, at + 16_384);
      parts.push(frame(FrameType.Continuation, isLast ? FrameFlag.EndHeaders : 0, 1, piece));
    }
    assert.equal(served.feed(...parts), 0);
    assert.deepEqual(served.sink.events, [`1 refused ${code}`]);
    const stream = served.sink.streams.get(1) as Http2Stream;
    stream.respond(Object.assign(new ResponseHead(), { status: 431 }), true);
    assert.equal(served.frames().length, 1);
    if (isSized) {
      assert.equal(stream.isClosed, false);
      served.feed(data(1, "hello worl!", true));
      assert.deepEqual(served.sink.events, [`1 refused ${code}`]);
    }
    assert.equal(stream.isClosed, true);
    assert.equal(served.connection.openStreamCount, 0);
  });
}

test("content that is longer than declared resets the stream, shorter too", () => {
  for (const [body, isEnd] of [
    ["hello!", false],
    ["hell", true],
  ] as const) {
    const served = new Served();
    served.feed(headers(1, [...post, "content-length", "5"], FrameFlag.EndHeaders));
    served.feed(data(1, body, isEnd));
    assert.match(served.sink.events.at(-1) as string, /1 reset 1 false ContentLengthMismatch/);
    assert.deepEqual(served.resets(), [[1, Http2Error.ProtocolError]]);
  }
});

test("a body above the limit is cancelled while it arrives", () => {
  const served = new Served({ limits: { ...defaultHttp2Limits, bodyBytesMax: 10 } });
  served.feed(
    headers(1, post, FrameFlag.EndHeaders),
    data(1, "hello", false),
    data(1, "world!", false),
  );
  assert.match(served.sink.events.at(-1) as string, /1 reset 8 false BodyTooLarge 5/);
});

test("trailers are filtered, and must end the stream", () => {
  const served = new Served();
  served.feed(headers(1, post, FrameFlag.EndHeaders), data(1, "hi", false));
  served.feed(
    headers(1, ["x-sum", "1", "host", "b", "content-length", "9", "etag", "e", "x_y", "z"]),
  );
  assert.equal(served.sink.events.at(-1), '1 end 2 ["x-sum","1","etag","e"]');
  served.feed(headers(3, post, FrameFlag.EndHeaders));
  served.feed(headers(3, ["x-sum", "1"], FrameFlag.EndHeaders));
  assert.match(served.sink.events.at(-1) as string, /3 reset 1 false BadTrailers/);
  served.feed(headers(5, post, FrameFlag.EndHeaders));
  served.feed(headers(5, [":path", "/"]));
  assert.match(served.sink.events.at(-1) as string, /5 reset 1 false BadPseudoField/);
});

test("names with an underscore are dropped, kept or refused", () => {
  const fields = [...getFields, "x_a", "b"];
  assert.deepEqual(headOf(fields).headers, []);
  assert.deepEqual(headOf(fields, true, { underscoreNames: "keep" }).headers, ["x_a", "b"]);
  const served = new Served({ underscoreNames: "reject" });
  served.feed(headers(1, fields));
  assert.deepEqual(served.resets(), [[1, Http2Error.ProtocolError]]);
});

test("a host repeated by index is counted before it is thrown away (H46)", () => {
  const served = new Served();
  const insert = Buffer.concat([
    block(getFields),
    Buffer.from([0x40 | 38, 1]),
    Buffer.from("a"),
    Buffer.alloc(200, 0x80 | 62),
  ]);
  served.feed(frame(FrameType.Headers, 5, 1, insert));
  assert.deepEqual(served.sink.events, [`1 refused ${ErrorCode.HeadTooLarge}`]);
});

test("a block that decodes to far more than allowed ends the connection (H45)", () => {
  const served = new Served();
  const value = "v".repeat(3900);
  const bomb = Buffer.concat([
    block(getFields),
    Buffer.from([0x40, 1, 0x78]),
    integer(0, 7, value.length),
    Buffer.from(value),
    Buffer.alloc(200, 0x80 | 62),
  ]);
  assert.equal(served.feed(frame(FrameType.Headers, 5, 1, bomb)), 1);
  assert.equal(served.reason, "HeaderBomb");
  assert.equal(goAwayOf(served.frames())?.code, Http2Error.EnhanceYourCalm);
});

test("after a head above the limit the tables are still in step", () => {
  const served = new Served();
  const large = Buffer.concat([
    block(getFields),
    Buffer.alloc(120, 0x80 | 19),
    Buffer.from([0x40, 1, 0x78, 1, 0x79]),
  ]);
  served.feed(frame(FrameType.Headers, 5, 1, large));
  const indexed = Buffer.concat([block(getFields), Buffer.from([0x80 | 62])]);
  served.feed(frame(FrameType.Headers, 5, 3, indexed));
  assert.match(served.sink.events.at(-1) as string, /"headers":\["x","y"\]/);
});

/** Header blocks that break compression, each the end of the connection (H44). */
const broken: readonly (readonly [what: string, bytes: readonly number[], rule: string])[] = [
  ["index 0", [0x80], "BadIndex"],
  ["an index beyond the tables", [0x80 | 62], "BadIndex"],
  ["a name index beyond the tables", [0x40 | 62, 1, 0x61], "BadIndex"],
  ["an integer of five octets", [0xff, 0x80, 0x80, 0x80, 0x80, 0x01], "BadInteger"],
  ["an integer that is cut off", [0xff, 0x80], "BadInteger"],
  ["a string that is cut off", [0x40, 3, 0x61], "BadBlockEnd"],
  ["a value that is missing", [0x40, 1, 0x61], "BadBlockEnd"],
  ["a table above our SETTINGS", [0x3f, 0xe2, 0x1f], "BadTableSize"],
  ["three table sizes", [0x20, 0x20, 0x20], "BadTableSize"],
  ["a table size after a field", [0x82, 0x20], "BadTableSize"],
  ["padding that is not ones", [0x00, 0x81, 0x18, 0], "BadHuffman"],
  ["padding of eight bits", [0x00, 0x82, 0x1f, 0xff, 0], "BadHuffman"],
  ["the end symbol", [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0], "BadHuffman"],
];

for (const [what, bytes, rule] of broken) {
  test(`compression error: ${what}`, () => {
    const served = new Served();
    assert.equal(served.feed(frame(FrameType.Headers, 5, 1, Buffer.from(bytes))), 1);
    assert.equal(served.reason, rule);
    assert.equal(goAwayOf(served.frames())?.code, Http2Error.CompressionError);
  });
}
