// Framing and connection handling of requests: http-cases H01 to H06, H12 to H15, H18, H29, H31,
// H34 and H37.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits } from "../limits.ts";
import { Framing, ParseStatus, type RequestHead, type RequestSink } from "./head.ts";
import { RequestParser, type RequestParserOptions } from "./request-parser.ts";
import { type Message, readAlike, readRequests, type Transcript } from "./transcript.fixture.ts";

type Code = keyof typeof ErrorCode;

function read(
  input: string,
  options: Partial<RequestParserOptions> = {},
  isEnded = false,
): Transcript<RequestHead> {
  const bytes = Buffer.from(input, "latin1");
  return readAlike(bytes, (pieces) => readRequests(pieces, options, isEnded));
}

function nameOf(error: ErrorCode): Code {
  return (Object.keys(ErrorCode) as Code[])[error] as Code;
}

function codeOf(fields: string, line = "POST / HTTP/1.1"): Code {
  const { error, messages } = read(`${line}\r\nHost: a\r\n${fields}\r\n\r\nabc`);
  assert.equal(messages.length, 0);
  return nameOf(error);
}

function only(transcript: Transcript<RequestHead>): Message<RequestHead> {
  assert.equal(nameOf(transcript.error), "None");
  assert.equal(transcript.messages.length, 1);
  return transcript.messages[0] as Message<RequestHead>;
}

const refusals: readonly (readonly [id: string, fields: string, code: Code])[] = [
  ["H01 CL and TE", "Content-Length: 3\r\nTransfer-Encoding: chunked", "LengthAndTransferEncoding"],
  ["H01 TE and CL", "Transfer-Encoding: chunked\r\nContent-Length: 3", "LengthAndTransferEncoding"],
  ["H02 two CL", "Content-Length: 3\r\nContent-Length: 4", "RepeatedContentLength"],
  ["H03 two equal CL", "Content-Length: 3\r\nContent-Length: 3", "RepeatedContentLength"],
  ["H03 list of equal CL", "Content-Length: 3, 3", "BadContentLength"],
  ["H04 plus", "Content-Length: +3", "BadContentLength"],
  ["H04 minus", "Content-Length: -1", "BadContentLength"],
  ["H04 hexadecimal", "Content-Length: 0x3", "BadContentLength"],
  ["H04 inner blank", "Content-Length: 3 3", "BadContentLength"],
  ["H04 empty", "Content-Length:", "BadContentLength"],
  ["H04 above 2^53-1", "Content-Length: 9007199254740992", "BadContentLength"],
  ["H04 far above", `Content-Length: ${"9".repeat(400)}`, "BadContentLength"],
  ["H04 underscore", "Content-Length: 1_000", "BadContentLength"],
  ["H04 other digits", "Content-Length: \xb3", "BadContentLength"],
  ["H04 fraction", "Content-Length: 3.0", "BadContentLength"],
  ["H04 exponent", "Content-Length: 1e3", "BadContentLength"],
  ["H05 xchunked", "Transfer-Encoding: xchunked", "BadTransferEncoding"],
  ["H05 chunked, identity", "Transfer-Encoding: chunked, identity", "BadTransferEncoding"],
  ["H05 identity, chunked", "Transfer-Encoding: identity, chunked", "BadTransferEncoding"],
  ["H05 identity", "Transfer-Encoding: identity", "BadTransferEncoding"],
  ["H05 gzip, chunked", "Transfer-Encoding: gzip, chunked", "BadTransferEncoding"],
  [
    "H05 repeated line",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "BadTransferEncoding",
  ],
  ["H05 repeated value", "Transfer-Encoding: chunked, chunked", "BadTransferEncoding"],
  ["H05 empty", "Transfer-Encoding:", "BadTransferEncoding"],
  ["H05 parameter", "Transfer-Encoding: chunked;a=b", "BadTransferEncoding"],
  ["H05 trailing comma", "Transfer-Encoding: chunked,", "BadTransferEncoding"],
  ["H05 leading comma", "Transfer-Encoding: ,chunked", "BadTransferEncoding"],
  ["H05 quotes", 'Transfer-Encoding: "chunked"', "BadTransferEncoding"],
  ["H05 VT before", "Transfer-Encoding: \x0bchunked", "BadFieldValue"],
  ["H05 FF before", "Transfer-Encoding: \x0cchunked", "BadFieldValue"],
  ["H05 NUL before", "Transfer-Encoding: \0chunked", "BadFieldValue"],
  ["H05 no-break space after", "Transfer-Encoding: chunked\xa0", "BadTransferEncoding"],
  ["H18 unknown expectation", "Expect: 200-ok", "ExpectationFailed"],
  ["H18 two expectations", "Expect: 100-continue, x", "ExpectationFailed"],
  ["H18 expectation twice", "Expect: 100-continue\r\nExpect: 100-continue", "ExpectationFailed"],
  ["H18 empty expectation", "Expect:", "ExpectationFailed"],
];

for (const [id, fields, code] of refusals) {
  test(`${id} is refused: ${JSON.stringify(fields).slice(0, 70)}`, () => {
    assert.equal(codeOf(fields), code);
  });
}

test("H06 Transfer-Encoding in HTTP/1.0 is refused", () => {
  const code = codeOf("Transfer-Encoding: chunked", "POST / HTTP/1.0");
  assert.equal(code, "TransferEncodingInHttp10");
});

test("H04 lengths that are plain numbers pass", () => {
  const lengths: readonly (readonly [text: string, length: number])[] = [
    ["0", 0],
    ["3", 3],
    ["0003", 3],
    [" 3 ", 3],
  ];
  for (const [text, length] of lengths) {
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length:${text}\r\n\r\n`;
    const message = only(read(head + "abc".slice(0, length)));
    assert.equal(message.head.framing, Framing.Length);
    assert.equal(message.head.contentLength, length);
    assert.equal(message.body.length, length);
    assert.equal(message.isComplete, true);
  }
  const largest = read("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740991\r\n\r\n");
  assert.equal(only(largest).head.contentLength, Number.MAX_SAFE_INTEGER);
});

test("H05 chunked alone, in any case, frames the content", () => {
  const input =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \tChUnKeD \r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const message = only(read(input));
  assert.equal(message.head.framing, Framing.Chunked);
  assert.equal(message.head.contentLength, -1);
  assert.deepEqual(message.head.headers, []);
  assert.deepEqual([message.body, message.isComplete], ["abc", true]);
});

test("H12 trailers that frame, route, authenticate or describe are dropped, others kept", () => {
  const dropped = [
    "Content-Length: 3",
    "Transfer-Encoding: chunked",
    "Host: b",
    "Authorization: Basic eDp5",
    "Content-Type: text/html",
    "Cookie: a=b",
    "Set-Cookie: a=b",
    "Trailer: x",
    "Connection: close",
    "TE: trailers",
    "X-Forwarded-For: b",
    "X-Forwarded-Client-Cert: b",
    "x-forwarded-odd: b",
    "x-weft-identity: b",
    "x_forwarded_for: b",
  ];
  const fields = [...dropped, "X-Sum: 1", "grpc-status: 0"].join("\r\n");
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const message = only(read(`${head}0\r\n${fields}\r\n\r\n`));
  assert.deepEqual(message.trailers, ["x-sum", "1", "grpc-status", "0"]);
  assert.deepEqual([message.head.headers, message.head.authority], [[], "a"]);
});

test("H12 trailer bytes and lines count to the limits of the head", () => {
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const input = `${head}0\r\nx: y\r\nz: w\r\n\r\n`;
  const codeWith = (limits: Partial<typeof defaultHttp1Limits>): Code =>
    nameOf(read(input, { limits: { ...defaultHttp1Limits, ...limits } }).error);
  const bytes = head.length + "x: y\r\nz: w\r\n\r\n".length;
  assert.equal(codeWith({ headBytesMax: bytes }), "None");
  assert.equal(codeWith({ headBytesMax: bytes - 1 }), "HeadTooLarge");
  assert.equal(codeWith({ headBytesMax: head.length }), "HeadTooLarge");
  assert.equal(codeWith({ fieldsMax: 4 }), "None");
  assert.equal(codeWith({ fieldsMax: 3 }), "TooManyFields");
});

test("H13 content shorter than its length is truncated, never complete", () => {
  const input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabc";
  const { error, messages } = read(input, {}, true);
  assert.equal(nameOf(error), "Truncated");
  assert.deepEqual([messages[0]?.body, messages[0]?.isComplete], ["abc", false]);
  const chunked =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n";
  assert.equal(nameOf(read(chunked, {}, true).error), "Truncated");
  assert.equal(nameOf(read("GET / HTTP/1.1\r\nHost: a\r\n", {}, true).error), "Truncated");
  assert.equal(nameOf(read("G", {}, true).error), "Truncated");
});

test("H31 an end between messages is no error", () => {
  assert.equal(nameOf(read("GET / HTTP/1.1\r\nHost: a\r\n\r\n", {}, true).error), "None");
  assert.equal(nameOf(read("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n", {}, true).error), "None");
  const parser = new RequestParser();
  assert.equal(parser.finish(silent), ParseStatus.End);
});

const silent: RequestSink = {
  head() {},
  data() {},
  end() {},
  error() {},
};

test("H14 pipelined requests come one by one, each where the one before ended", () => {
  const first = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  const second = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  const third =
    "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
  const { messages, used } = read(`${first}${second}${third}`);
  assert.deepEqual(
    messages.map((message) => [message.head.path, message.body, message.isComplete]),
    [
      ["/1", "abc", true],
      ["/2", "", true],
      ["/3", "x", true],
    ],
  );
  assert.equal(used, first.length + second.length + third.length);

  const parser = new RequestParser();
  const bytes = Buffer.from(first + second);
  assert.equal(parser.feed(bytes, silent), ParseStatus.End);
  assert.equal(parser.consumed, first.length);
  assert.equal(parser.isIdle, true);
  assert.equal(parser.feed(bytes, silent, parser.consumed), ParseStatus.End);
  assert.equal(parser.consumed, bytes.length);
});

test("H15 any method may have content, which is framed as usual", () => {
  for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "BREW"]) {
    const input = `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc`;
    const message = only(read(input));
    assert.deepEqual([message.head.method, message.body], [method, "abc"]);
  }
});

test("H15 what follows a request without length is a request of its own, or refused", () => {
  const { messages, error } = read("GET / HTTP/1.1\r\nHost: a\r\n\r\nsmuggled\r\n\r\n");
  assert.equal(messages.length, 1);
  assert.equal(nameOf(error), "BadRequestLine");
});

test("H18 Expect: 100-continue is told once, only for content and HTTP/1.1", () => {
  const headOf = (line: string, fields: string): RequestHead =>
    only(read(`${line}\r\nHost: a\r\n${fields}\r\n\r\n`)).head;
  const post = headOf("POST / HTTP/1.1", "Expect: 100-Continue\r\nContent-Length: 3");
  assert.equal(post.expectContinue, true);
  assert.deepEqual(post.headers, []);
  const chunked = headOf("POST / HTTP/1.1", "Expect: 100-continue\r\nTransfer-Encoding: chunked");
  assert.equal(chunked.expectContinue, true);
  assert.equal(headOf("GET / HTTP/1.1", "Expect: 100-continue").expectContinue, false);
  const old = headOf("POST / HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 3");
  assert.equal(old.expectContinue, false);
});

test("H24 CONNECT must not have content", () => {
  const options = { allowConnect: true };
  const connect = (fields: string): Code =>
    nameOf(read(`CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n${fields}\r\n\r\n`, options).error);
  assert.equal(connect("Content-Length: 3"), "BodyForbidden");
  assert.equal(connect("Transfer-Encoding: chunked"), "BodyForbidden");
  assert.equal(connect("Content-Length: 0"), "None");
});

test("H29 an upgrade is told only when Connection, Upgrade and method agree", () => {
  const upgradeOf = (fields: string, line = "GET / HTTP/1.1"): string => {
    const { messages, error } = read(`${line}\r\nHost: a\r\n${fields}\r\n\r\n`);
    assert.equal(nameOf(error), "None");
    const head = messages[0]?.head as RequestHead;
    assert.deepEqual(head.headers, []);
    return head.upgrade;
  };
  assert.equal(upgradeOf("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket"), "websocket");
  assert.equal(upgradeOf("Upgrade: h2c, websocket\r\nConnection: upgrade"), "websocket");
  assert.equal(upgradeOf("Connection: Upgrade\r\nUpgrade: h2c"), "");
  assert.equal(upgradeOf("Connection: Upgrade\r\nUpgrade: websocket/13"), "");
  assert.equal(upgradeOf("Upgrade: websocket"), "");
  assert.equal(upgradeOf("Connection: upgrade"), "");
  const both = "Connection: Upgrade\r\nUpgrade: websocket";
  assert.equal(upgradeOf(both, "POST / HTTP/1.1"), "");
  assert.equal(upgradeOf(both, "GET / HTTP/1.0"), "");
  assert.equal(upgradeOf(`${both}\r\nContent-Length: 0`), "websocket");
  assert.equal(upgradeOf(`${both}\r\nContent-Length: 3`), "");
});

test("H34 content above the limit is 413, by length before a byte of it", () => {
  const limits = { ...defaultHttp1Limits, bodyBytesMax: 5 };
  const withLength = (bytes: number): Transcript<RequestHead> =>
    read(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`, {
      limits,
    });
  assert.equal(only(withLength(5)).body, "xxxxx");
  const refused = withLength(6);
  assert.deepEqual([nameOf(refused.error), refused.messages.length], ["BodyTooLarge", 0]);
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const inChunks = read(`${head}3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n`, { limits });
  assert.deepEqual([nameOf(inChunks.error), inChunks.messages[0]?.body], ["BodyTooLarge", "abc"]);
});

test("H37 reuse of the connection follows version and Connection", () => {
  const keepAliveOf = (version: string, connection: string): boolean =>
    only(read(`GET / HTTP/${version}\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`)).head
      .keepAlive;
  assert.equal(keepAliveOf("1.1", "x"), true);
  assert.equal(keepAliveOf("1.1", "close"), false);
  assert.equal(keepAliveOf("1.1", "keep-alive, Close"), false);
  assert.equal(keepAliveOf("1.0", "x"), false);
  assert.equal(keepAliveOf("1.0", "Keep-Alive"), true);
  assert.equal(keepAliveOf("1.0", "keep-alive, close"), false);
});

test("an aborted parser tells nothing more, wherever it is aborted", () => {
  const input = Buffer.from(
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n",
  );
  for (const place of ["head", "data", "end"]) {
    const parser = new RequestParser();
    const seen: string[] = [];
    const told = (event: string): void => {
      seen.push(event);
      if (event === place) parser.abort();
    };
    const sink: RequestSink = {
      head: () => told("head"),
      data: () => told("data"),
      end: () => told("end"),
      error: () => told("error"),
    };
    assert.equal(parser.feed(input, sink), ParseStatus.Aborted);
    assert.equal(seen.at(-1), place);
    assert.equal(seen.filter((event) => event === place).length, 1);
    assert.equal(parser.feed(input, sink), ParseStatus.Aborted);
    assert.equal(parser.finish(sink), ParseStatus.Aborted);
    assert.equal(seen.at(-1), place);
  }
});

test("after an error nothing more is read or told", () => {
  const parser = new RequestParser();
  const codes: ErrorCode[] = [];
  const sink: RequestSink = { ...silent, error: (code) => codes.push(code) };
  const good = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(parser.feed(Buffer.from("GET / HTTP/3.0\r\n"), sink), ParseStatus.Error);
  assert.equal(parser.feed(good, sink), ParseStatus.Error);
  assert.equal(parser.finish(sink), ParseStatus.Error);
  assert.deepEqual(codes, [ErrorCode.VersionUnsupported]);
});

test("content is passed on as views of the chunk, without a copy", () => {
  const parser = new RequestParser();
  const pieces: Buffer[] = [];
  const sink: RequestSink = { ...silent, data: (bytes) => pieces.push(bytes) };
  const head = Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  const rest = Buffer.from("def");
  parser.feed(head, sink);
  parser.feed(rest, sink);
  assert.equal(pieces[0]?.buffer, head.buffer);
  assert.equal(pieces[1], rest);
});
