// Responses: http-cases H01 to H11 as seen from upstream, H19 to H21, H29, H32 and H34.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits } from "../limits.ts";
import { Framing, ParseStatus, type ResponseHead, type ResponseSink } from "./head.ts";
import { ResponseParser, type ResponseParserOptions } from "./response-parser.ts";
import { type Message, readAlike, readResponses, type Transcript } from "./transcript.fixture.ts";

type Code = keyof typeof ErrorCode;

interface Reading {
  method?: string;
  isUpgradeAsked?: boolean;
  isEnded?: boolean;
  options?: Partial<ResponseParserOptions>;
}

function read(input: string, reading: Reading = {}): Transcript<ResponseHead> {
  const expected = {
    method: reading.method ?? "GET",
    isUpgradeAsked: reading.isUpgradeAsked ?? false,
  };
  return readAlike(Buffer.from(input, "latin1"), (pieces) =>
    readResponses(pieces, [expected], reading.options, reading.isEnded),
  );
}

function nameOf(error: ErrorCode): Code {
  return (Object.keys(ErrorCode) as Code[])[error] as Code;
}

function codeOf(input: string, reading: Reading = {}): Code {
  return nameOf(read(input, reading).error);
}

function only(input: string, reading: Reading = {}): Message<ResponseHead> {
  const { error, messages } = read(input, reading);
  assert.equal(nameOf(error), "None");
  assert.equal(messages.length, 1);
  return messages[0] as Message<ResponseHead>;
}

const badFields: readonly (readonly [id: string, fields: string, code: Code])[] = [
  ["H01 CL and TE", "Content-Length: 3\r\nTransfer-Encoding: chunked", "LengthAndTransferEncoding"],
  ["H02 two CL", "Content-Length: 3\r\nContent-Length: 4", "RepeatedContentLength"],
  ["H03 equal CL", "Content-Length: 3\r\nContent-Length: 3", "RepeatedContentLength"],
  ["H04 bad CL", "Content-Length: 3x", "BadContentLength"],
  ["H05 other coding", "Transfer-Encoding: gzip, chunked", "BadTransferEncoding"],
  ["H05 identity", "Transfer-Encoding: identity", "BadTransferEncoding"],
  ["H07 blank before the colon", "Content-Length : 3", "BadFieldName"],
  ["H08 fold", "X: a\r\n b", "FoldedField"],
  ["H09 bare LF", "X: a\nY: b", "BareLineFeed"],
  ["H09 NUL", "X: a\0", "BadFieldValue"],
  ["H16 pinned name in Connection", "Connection: set-cookie", "BadConnectionOption"],
];

for (const [id, fields, code] of badFields) {
  test(`${id} in a response is refused: ${JSON.stringify(fields)}`, () => {
    assert.equal(codeOf(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\nabc`), code);
    assert.equal(codeOf(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`, { method: "HEAD" }), code);
  });
}

test("H06 Transfer-Encoding in an HTTP/1.0 response is refused", () => {
  const input = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  assert.equal(codeOf(input), "TransferEncodingInHttp10");
});

const badLines: readonly (readonly [line: string, code: Code])[] = [
  ["HTTP/1.2 200 OK\r\n", "VersionUnsupported"],
  ["HTTP/2.0 200 OK\r\n", "VersionUnsupported"],
  ["http/1.1 200 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1  200 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1\t200 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1 20 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1 2000 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1 +20 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1 200\tOK\r\n", "BadStatusLine"],
  ["HTTP/1.1 099 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1 600 OK\r\n", "BadStatusLine"],
  ["HTTP/1.1 200 O\0K\r\n", "BadFieldValue"],
  ["HTTP/1.1 200 O\rK\r\n", "BareCarriageReturn"],
  ["HTTP/1.1 \r\n", "BadStatusLine"],
  ["HTTP/1.1\r\n", "BadStatusLine"],
  ["H\r\n", "BadStatusLine"],
  ["HTTP/1.1 200 OK\n", "BareLineFeed"],
  ["H\n", "BareLineFeed"],
  ["\r\nHTTP/1.1 200 OK\r\n", "BadStatusLine"],
  [" HTTP/1.1 200 OK\r\n", "BadStatusLine"],
  ["SSH-2.0-x\r\n", "BadStatusLine"],
  [`HTTP/1.1 200 ${"x".repeat(9000)}\r\n`, "HeadTooLarge"],
];

for (const [line, code] of badLines) {
  test(`the status line ${JSON.stringify(line).slice(0, 40)} is refused`, () => {
    assert.equal(codeOf(`${line}content-length: 0\r\n\r\n`), code);
  });
}

test("a status line is version, status and any reason", () => {
  const headOf = (line: string): ResponseHead => only(`${line}\r\nContent-Length: 0\r\n\r\n`).head;
  const head = headOf("HTTP/1.1 404 Not \xe9 Found");
  assert.deepEqual([head.status, head.reason, head.minorVersion], [404, "Not \xe9 Found", 1]);
  assert.deepEqual([headOf("HTTP/1.0 200 ").reason, headOf("HTTP/1.0 200 ").minorVersion], ["", 0]);
  assert.deepEqual([headOf("HTTP/1.1 599").status, headOf("HTTP/1.1 599").reason], [599, ""]);
});

test("H16 hop-by-hop fields and lengths are told, not listed", () => {
  const fields = [
    "Date: x",
    "Connection: keep-alive, X-Hop",
    "Keep-Alive: timeout=5, max=100",
    "X-Hop: 1",
    "Proxy-Authenticate: Basic",
    "Upgrade: h2c",
    "Content-Length: 3",
    "Host: kept",
    "Expect: kept",
  ];
  const { head, body } = only(`HTTP/1.1 200 OK\r\n${fields.join("\r\n")}\r\n\r\nabc`);
  assert.deepEqual(head.headers, ["date", "x", "host", "kept", "expect", "kept"]);
  assert.deepEqual([head.framing, head.contentLength, body], [Framing.Length, 3, "abc"]);
  assert.deepEqual([head.keepAlive, head.keepAliveTimeoutMs, head.upgrade], [true, 5000, ""]);
});

test("the idle time of Keep-Alive is read where it is a number of seconds", () => {
  const timeoutOf = (value: string): number =>
    only(`HTTP/1.1 200 OK\r\nKeep-Alive: ${value}\r\nContent-Length: 0\r\n\r\n`).head
      .keepAliveTimeoutMs;
  assert.equal(timeoutOf("max=3, Timeout=72 "), 72_000);
  assert.equal(timeoutOf("timeout=0"), 0);
  for (const value of [
    "",
    "max=5",
    "timeout=",
    "timeout",
    "timeout=x",
    "timeout=-1",
    "timeouts=5",
  ]) {
    assert.equal(timeoutOf(value), -1, value);
  }
});

test("H20 responses that never have content end with their head, whatever the fields say", () => {
  const fields = "Content-Length: 3\r\n\r\n";
  const head = only(`HTTP/1.1 200 OK\r\n${fields}`, { method: "HEAD" });
  assert.deepEqual([head.head.framing, head.head.contentLength], [Framing.None, 3]);
  const notModified = only(`HTTP/1.1 304 Not Modified\r\n${fields}`);
  assert.deepEqual([notModified.head.framing, notModified.head.contentLength], [Framing.None, 3]);
  const empty = only(`HTTP/1.1 204 No Content\r\n${fields}`);
  assert.deepEqual([empty.head.framing, empty.head.contentLength], [Framing.None, -1]);
  const chunked = only("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", { method: "HEAD" });
  assert.deepEqual([chunked.head.framing, chunked.isComplete], [Framing.None, true]);
  for (const { isComplete, body } of [head, notModified, empty]) {
    assert.deepEqual([isComplete, body], [true, ""]);
  }
});

test("H20 bytes after a response without content, or before any request, are refused", () => {
  const reset = "Content-Length: 3\r\n\r\nabc";
  assert.equal(codeOf(`HTTP/1.1 200 OK\r\n${reset}`, { method: "HEAD" }), "UnexpectedBytes");
  assert.equal(codeOf(`HTTP/1.1 204 No Content\r\n${reset}`), "UnexpectedBytes");
  assert.equal(codeOf(`HTTP/1.1 304 Not Modified\r\n${reset}`), "UnexpectedBytes");
  assert.equal(codeOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\r\n"), "UnexpectedBytes");
  const { error } = readResponses([Buffer.from("HTTP/1.1 200 OK\r\n")], []);
  assert.equal(nameOf(error), "UnexpectedBytes");
});

test("H20 a 205 is empty", () => {
  const declared = only("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n");
  assert.equal(declared.head.keepAlive, true);
  const silent = only("HTTP/1.1 205 Reset Content\r\n\r\n");
  assert.deepEqual([silent.head.framing, silent.head.contentLength], [Framing.None, 0]);
  assert.equal(silent.head.keepAlive, false);
  const inChunks = "HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n";
  assert.deepEqual([only(inChunks).isComplete, only(inChunks).head.keepAlive], [true, false]);
  assert.equal(codeOf("HTTP/1.1 205 R\r\nContent-Length: 1\r\n\r\nx"), "BodyForbidden");
});

test("H19 interim responses come before the final one, at most sixteen", () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  const final = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  const { messages } = read(`${interim}${final}`);
  assert.deepEqual(
    messages.map((message) => message.head.status),
    [100, 103, 200],
  );
  assert.deepEqual(messages[1]?.head.headers, ["link", "x"]);
  const many = (count: number): string => "HTTP/1.1 102 P\r\n\r\n".repeat(count) + final;
  assert.equal(read(many(16)).messages.length, 17);
  assert.equal(codeOf(many(17)), "TooManyInterim");
});

test("H19 H29 a 101 is taken only when it was asked for and names what it switches to", () => {
  const switched = "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const asked = { isUpgradeAsked: true };
  const { messages, isTunnel, used } = read(`${switched}\x81\x00HTTP`, asked);
  assert.deepEqual([messages.length, isTunnel, used], [1, true, switched.length]);
  assert.equal(messages[0]?.head.upgrade, "websocket");
  assert.equal(codeOf(switched), "UnexpectedUpgrade");
  assert.equal(codeOf("HTTP/1.1 101 S\r\n\r\n", asked), "UnexpectedUpgrade");
  assert.equal(codeOf(switched.replace("websocket", "h2c"), asked), "UnexpectedUpgrade");
  assert.equal(codeOf(switched.replace("Connection: Upgrade", "X: y"), asked), "UnexpectedUpgrade");
  assert.equal(codeOf(switched.replace("1.1", "1.0"), asked), "UnexpectedUpgrade");
  const declined = only("HTTP/1.1 426 U\r\nContent-Length: 0\r\n\r\n", asked);
  assert.equal(declined.head.upgrade, "");
});

test("H20 a 2xx to CONNECT opens a tunnel, any other answer does not", () => {
  const established = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  const { isTunnel, used, messages } = read(`${established}abc`, { method: "CONNECT" });
  assert.deepEqual([isTunnel, used], [true, established.length]);
  assert.equal(messages[0]?.head.contentLength, -1);
  const refused = only("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", { method: "CONNECT" });
  assert.equal(refused.body, "no");
});

test("H21 without a length the content lasts until the connection ends", () => {
  const input = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nabc\r\n\r\ndef";
  const ended = only(input, { isEnded: true });
  assert.deepEqual([ended.head.framing, ended.head.keepAlive], [Framing.Close, false]);
  assert.deepEqual([ended.body, ended.isComplete], ["abc\r\n\r\ndef", true]);
  assert.equal(only(input).isComplete, false);
});

test("H13 H21 a response cut short is truncated", () => {
  const cut = [
    "",
    "H",
    "HTTP/1.1 200 OK\r\nX: y\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
  ];
  for (const input of cut.slice(1))
    assert.equal(codeOf(input, { isEnded: true }), "Truncated", input);
  const parser = new ResponseParser();
  parser.expect("GET", false);
  assert.equal(parser.finish(silent), ParseStatus.Error);
});

const silent: ResponseSink = {
  head() {},
  data() {},
  end() {},
  error() {},
};

test("H10 H11 chunks of a response are judged like those of a request", () => {
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const good = only(`${head}3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n`);
  assert.deepEqual([good.body, good.trailers], ["abc", ["x-sum", "1"]]);
  assert.equal(codeOf(`${head}0x3\r\nabc\r\n`), "BadChunkSize");
  assert.equal(codeOf(`${head}3\nabc\r\n`), "BadChunkSize");
  assert.equal(codeOf(`${head}3\r\nabcd\r\n`), "BadChunkEnd");
});

test("H32 a parser knows whether a byte of the response has come", () => {
  const parser = new ResponseParser();
  assert.deepEqual([parser.isIdle, parser.hasBegun], [true, false]);
  parser.expect("GET", false);
  assert.deepEqual([parser.isIdle, parser.hasBegun], [false, false]);
  parser.feed(Buffer.from("H"), silent);
  assert.equal(parser.hasBegun, true);
  parser.feed(Buffer.from("TTP/1.1 100 C\r\n\r\n"), silent);
  assert.deepEqual([parser.isIdle, parser.hasBegun], [false, true]);
  parser.feed(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), silent);
  assert.deepEqual([parser.isIdle, parser.hasBegun], [true, false]);
  parser.expect("GET", false);
  assert.throws(() => parser.expect("GET", false), /not complete/);
});

test("H37 reuse of the connection follows version and Connection", () => {
  const keepAliveOf = (version: string, field: string): boolean =>
    only(`HTTP/${version} 200 OK\r\n${field}\r\nContent-Length: 0\r\n\r\n`).head.keepAlive;
  assert.equal(keepAliveOf("1.1", "X: y"), true);
  assert.equal(keepAliveOf("1.1", "Connection: Close"), false);
  assert.equal(keepAliveOf("1.0", "X: y"), false);
  assert.equal(keepAliveOf("1.0", "Connection: keep-alive"), true);
});

test("H34 fields, bytes and content of a response are limited", () => {
  const withLimits = (limits: Partial<typeof defaultHttp1Limits>): Reading => ({
    options: { limits: { ...defaultHttp1Limits, ...limits } },
  });
  const input = "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\n\r\nabc";
  assert.equal(codeOf(input, withLimits({ fieldsMax: 1 })), "TooManyFields");
  assert.equal(codeOf(input, withLimits({ headBytesMax: input.length - 4 })), "HeadTooLarge");
  assert.equal(codeOf(input, withLimits({ headBytesMax: input.length - 3 })), "None");
  assert.equal(codeOf(input, withLimits({ bodyBytesMax: 2 })), "BodyTooLarge");
  const untilClose = "HTTP/1.1 200 OK\r\n\r\nabc";
  assert.equal(codeOf(untilClose, withLimits({ bodyBytesMax: 3 })), "None");
  const refused = read(untilClose, withLimits({ bodyBytesMax: 2 }));
  assert.deepEqual([nameOf(refused.error), refused.messages[0]?.body], ["BodyTooLarge", "ab"]);
});

test("an aborted parser tells nothing more", () => {
  const parser = new ResponseParser();
  const seen: string[] = [];
  const sink: ResponseSink = {
    ...silent,
    head: () => {
      seen.push("head");
      parser.abort();
    },
    data: () => seen.push("data"),
    end: () => seen.push("end"),
  };
  parser.expect("GET", false);
  const bytes = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
  assert.equal(parser.feed(bytes, sink), ParseStatus.Aborted);
  assert.equal(parser.finish(sink), ParseStatus.Aborted);
  assert.deepEqual(seen, ["head"]);
});
