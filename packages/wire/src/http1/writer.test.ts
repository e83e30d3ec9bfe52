// Written heads and chunks: http-cases H16, H20, H29, H33 and H37.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Framing } from "./head.ts";
import {
  chunkEnd,
  type RequestFields,
  type ResponseFields,
  writeChunkHead,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
} from "./writer.ts";

const request: RequestFields = {
  method: "GET",
  target: "/x?y",
  authority: "a:80",
  headers: ["accept", "b"],
  framing: Framing.None,
  contentLength: -1,
  keepAlive: true,
  upgrade: "",
  expectContinue: false,
  acceptsTrailers: false,
};

const response: ResponseFields = {
  status: 200,
  reason: "OK",
  headers: ["etag", '"1"'],
  framing: Framing.Length,
  contentLength: 3,
  keepAlive: true,
  upgrade: "",
  peerMinorVersion: 1,
};

function requestText(fields: Partial<RequestFields>): string {
  return writeRequestHead({ ...request, ...fields }).toString("latin1");
}

function responseText(fields: Partial<ResponseFields>): string {
  return writeResponseHead({ ...response, ...fields }).toString("latin1");
}

test("a request head is line, host, framing, fields", () => {
  assert.equal(requestText({}), "GET /x?y HTTP/1.1\r\nhost: a:80\r\naccept: b\r\n\r\n");
  const post = requestText({ method: "POST", framing: Framing.Length, contentLength: 0 });
  assert.equal(post, "POST /x?y HTTP/1.1\r\nhost: a:80\r\ncontent-length: 0\r\naccept: b\r\n\r\n");
  assert.match(requestText({ framing: Framing.Chunked }), /\r\ntransfer-encoding: chunked\r\n/);
  assert.match(requestText({ expectContinue: true }), /\r\nexpect: 100-continue\r\n/);
});

test("H37 Connection says close, upgrade and te as needed", () => {
  const connectionOf = (fields: Partial<RequestFields>): string | undefined =>
    /\r\nconnection: ([^\r]*)/.exec(requestText(fields))?.[1];
  assert.equal(connectionOf({}), undefined);
  assert.equal(connectionOf({ keepAlive: false }), "close");
  assert.equal(connectionOf({ acceptsTrailers: true }), "te");
  assert.equal(connectionOf({ acceptsTrailers: true, keepAlive: false }), "close, te");
  assert.equal(connectionOf({ upgrade: "websocket" }), "upgrade");
  assert.equal(connectionOf({ upgrade: "websocket", acceptsTrailers: true }), "te, upgrade");
  assert.equal(connectionOf({ upgrade: "websocket", keepAlive: false }), "close, upgrade");
  assert.match(requestText({ acceptsTrailers: true }), /\r\nte: trailers\r\n/);
  assert.match(requestText({ upgrade: "websocket" }), /\r\nupgrade: websocket\r\n/);
});

test("a response head is status line, framing, fields", () => {
  assert.equal(responseText({}), 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\netag: "1"\r\n\r\n');
  assert.match(responseText({ framing: Framing.Chunked }), /\r\ntransfer-encoding: chunked\r\n/);
  assert.ok(!responseText({ framing: Framing.Chunked }).includes("content-length"));
  assert.equal(
    responseText({ reason: "", headers: [] }),
    "HTTP/1.1 200 \r\ncontent-length: 3\r\n\r\n",
  );
});

test("H20 a declared length stays on a response without content, none is invented", () => {
  const bare = { framing: Framing.None, headers: [] };
  assert.match(responseText({ ...bare, contentLength: 3 }), /content-length: 3/);
  assert.equal(
    responseText({ ...bare, status: 204, reason: "", contentLength: -1 }),
    "HTTP/1.1 204 \r\n\r\n",
  );
  assert.ok(!requestText({ framing: Framing.None, contentLength: 3 }).includes("content-length"));
});

test("H21 a response framed by close says so", () => {
  assert.match(responseText({ framing: Framing.Close }), /\r\nconnection: close\r\n/);
  assert.ok(!responseText({ framing: Framing.Close }).includes("content-length"));
});

test("H37 an HTTP/1.0 peer is told that its connection stays open", () => {
  assert.match(responseText({ peerMinorVersion: 0 }), /\r\nconnection: keep-alive\r\n/);
  assert.match(
    responseText({ peerMinorVersion: 0, keepAlive: false }),
    /\r\nconnection: close\r\n/,
  );
  assert.ok(!responseText({}).includes("connection"));
});

test("H29 a 101 names its protocol and no framing, other interim responses nothing", () => {
  const bare = { headers: [], framing: Framing.None, contentLength: -1, keepAlive: false };
  assert.equal(
    responseText({ ...bare, status: 101, reason: "Switching Protocols", upgrade: "websocket" }),
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
  );
  assert.equal(
    responseText({ ...bare, status: 100, reason: "Continue" }),
    "HTTP/1.1 100 Continue\r\n\r\n",
  );
});

test("H16 the writer's own fields are passed over in a list", () => {
  const headers = [
    "host",
    "b",
    "content-length",
    "9",
    "transfer-encoding",
    "chunked",
    "connection",
    "x",
    "keep-alive",
    "x",
    "proxy-connection",
    "x",
    "upgrade",
    "h2c",
    "te",
    "x",
    "http2-settings",
    "x",
    "accept",
    "b",
  ];
  assert.equal(requestText({ headers }), requestText({}));
  assert.match(responseText({ headers: ["host", "b"] }), /\r\nhost: b\r\n/);
  // Twice, because names are remembered by their place.
  assert.equal(requestText({ headers }), requestText({}));
});

const controls = [
  "\r",
  "\n",
  "\0",
  "\r\nX: y",
  "\x01",
  "\x0b",
  "\x1f",
  "\u010a",
  "\u200d",
  "\u010d",
];

for (const control of controls) {
  test(`H33 ${JSON.stringify(control)} cannot be written anywhere`, () => {
    const text = `a${control}b`;
    assert.throws(() => requestText({ headers: ["accept", text] }), TypeError);
    assert.throws(() => requestText({ headers: [text, "b"] }), TypeError);
    assert.throws(() => requestText({ method: text }), TypeError);
    assert.throws(() => requestText({ target: `/${text}` }), TypeError);
    assert.throws(() => requestText({ authority: text }), TypeError);
    assert.throws(() => requestText({ upgrade: text }), TypeError);
    assert.throws(() => responseText({ headers: ["etag", text] }), TypeError);
    assert.throws(() => responseText({ headers: ["x", "y", text, "b"] }), TypeError);
    assert.throws(() => responseText({ reason: text }), TypeError);
    assert.throws(() => writeLastChunk(["x-sum", text]), TypeError);
    assert.throws(() => writeLastChunk([text, "x"]), TypeError);
  });
}

test("H33 a control character cannot hide behind a missing line end or a tab", () => {
  // As many control characters as usual, but not where lines end.
  assert.throws(() => requestText({ headers: ["x", "a\tb\nc"] }), TypeError);
  assert.throws(() => requestText({ headers: ["x", "\t\t\t\0"] }), TypeError);
  assert.match(requestText({ headers: ["x", "a\tb"] }), /\r\nx: a\tb\r\n/);
});

test("H33 what is no token cannot be a name or a method", () => {
  for (const name of [
    "",
    "a b",
    "a:",
    "a: b",
    "x(y)",
    "caf\xe9",
    "transfer-encoding: chunked, x",
  ]) {
    assert.throws(() => requestText({ headers: [name, "v"] }), TypeError, name);
    assert.throws(() => requestText({ method: name }), TypeError, name);
    assert.throws(() => writeLastChunk([name, "v"]), TypeError, name);
  }
});

test("H33 a target is not empty and has no blank, numbers are numbers", () => {
  assert.throws(() => requestText({ target: "" }), TypeError);
  assert.throws(() => requestText({ target: "/ HTTP/1.1" }), TypeError);
  for (const number of [Number.NaN, -1, 1.5, 2 ** 53, Number.POSITIVE_INFINITY]) {
    assert.throws(() => requestText({ framing: Framing.Length, contentLength: number }), TypeError);
    assert.throws(() => responseText({ status: number }), TypeError);
    assert.throws(() => writeChunkHead(number), TypeError);
  }
  // A chunk of size 0 would end the content.
  assert.throws(() => writeChunkHead(0), TypeError);
});

test("8-bit characters are written as the bytes they were read from", () => {
  const written = writeRequestHead({ ...request, headers: ["x", "\xe9\xff"] });
  assert.ok(written.includes(Buffer.from([0xe9, 0xff, 0x0d, 0x0a])));
});

test("chunk heads are lower-case hexadecimal, the last chunk carries the trailers", () => {
  assert.equal(writeChunkHead(1).toString(), "1\r\n");
  assert.equal(writeChunkHead(65535).toString(), "ffff\r\n");
  assert.equal(chunkEnd.toString(), "\r\n");
  assert.equal(writeLastChunk([]).toString(), "0\r\n\r\n");
  assert.equal(writeLastChunk(["x-sum", "1"]).toString(), "0\r\nx-sum: 1\r\n\r\n");
});

test("heads do not share bytes, whatever their size", () => {
  const heads: { written: Buffer; text: string }[] = [];
  for (let i = 0; i < 400; i++) {
    const value = String.fromCharCode(97 + (i % 26)).repeat((i * 37) % 1500);
    const written = writeRequestHead({ ...request, headers: ["x", value] });
    heads.push({ written, text: requestText({ headers: ["x", value] }) });
  }
  for (const { written, text } of heads) assert.equal(written.toString("latin1"), text);
  const large = "v".repeat(200_000);
  assert.equal(requestText({ headers: ["x", large] }).length, requestText({}).length + 199_994);
});
