// Requests that are legal, or on the border of it; nobody has to take them.

import { chunked, get, host, line, post } from "../conformance/http1-request-cases.ts";
import * as http2 from "../conformance/http2-request-cases.ts";
import {
  block,
  type Fields,
  FrameFlag,
  FrameType,
  type RawHttp2,
  setting,
  word,
} from "../conformance/http2-raw.ts";

export interface Input {
  readonly id: string;
  readonly bytes: string;
}

export const bordering: readonly Input[] = [
  { id: "plain", bytes: get("") },
  { id: "1.0 without Host", bytes: "GET /x HTTP/1.0\r\n\r\n" },
  { id: "absolute form", bytes: `GET http://app/x HTTP/1.1\r\n${host}\r\n` },
  { id: "dot segments", bytes: line("GET /a/../b HTTP/1.1") },
  { id: "dot segments above the root", bytes: line("GET /../b HTTP/1.1") },
  { id: "double slash", bytes: line("GET //b HTTP/1.1") },
  { id: "odd query", bytes: line('GET /x?a=b|c"{} HTTP/1.1') },
  { id: "escaped tilde", bytes: line("GET /%7ea HTTP/1.1") },
  { id: "OPTIONS *", bytes: line("OPTIONS * HTTP/1.1") },
  { id: "unknown method", bytes: line("BREW /x HTTP/1.1") },
  { id: "lower-case method", bytes: line("get /x HTTP/1.1") },
  { id: "HTTP/1.2", bytes: line("GET /x HTTP/1.2") },
  { id: "space at the line's end", bytes: line("GET /x HTTP/1.1 ") },
  { id: "one line end first", bytes: `\r\n${get("")}` },
  { id: "Host with port", bytes: "GET /x HTTP/1.1\r\nHost: app:80\r\n\r\n" },
  { id: "empty Host", bytes: "GET /x HTTP/1.1\r\nHost:\r\n\r\n" },
  { id: "no space after colon", bytes: get("X-A:1\r\n") },
  { id: "space after value", bytes: get("X-A: 1  \t\r\n") },
  { id: "empty value", bytes: get("X-A:\r\n") },
  { id: "eight bits in a value", bytes: get("X-A: caf\xe9\r\n") },
  { id: "DEL in a value", bytes: get("X-A: 1\x7f2\r\n") },
  { id: "a name with underscore", bytes: get("X_A: 1\r\n") },
  { id: "a name with a dot", bytes: get("X.A: 1\r\n") },
  { id: "a name with brackets", bytes: get("X(A): 1\r\n") },
  { id: "Upgrade: h2c", bytes: get("Connection: Upgrade\r\nUpgrade: h2c\r\n") },
  { id: "GET with a body", bytes: get("Content-Length: 2\r\n").concat("ab") },
  { id: "length with zeros", bytes: post("Content-Length: 0003\r\n", "abc") },
  { id: "length with spaces around", bytes: post("Content-Length:   3  \r\n", "abc") },
  { id: "Chunked", bytes: post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n") },
  { id: "chunk size with zeros", bytes: chunked("0003\r\nabc\r\n0\r\n\r\n") },
  { id: "chunk size in capitals", bytes: chunked("A\r\n0123456789\r\n0\r\n\r\n") },
  { id: "chunk extension", bytes: chunked("3;a=b\r\nabc\r\n0\r\n\r\n") },
  { id: "chunk extension with blanks", bytes: chunked("3 ; a=b\r\nabc\r\n0\r\n\r\n") },
  { id: "trailers", bytes: chunked("3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n") },
  { id: "trailers that frame", bytes: chunked("3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n") },
  {
    id: "trailers that frame by coding",
    bytes: chunked("3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
  },
  { id: "empty segments above the root", bytes: line("GET //../b HTTP/1.1") },
  { id: "malformed trailers", bytes: chunked("3\r\nabc\r\n0\r\nX T: 1\r\n\r\n") },
];

export interface Http2Input {
  readonly id: string;
  /** Returns the stream whose answer counts, when that is not 1. */
  readonly say: (connection: RawHttp2) => unknown;
}

const { end, open } = http2;
const fields = (id: string, list: Fields): Http2Input => ({
  id,
  say: (connection) => connection.headers(1, list),
});
/** Beside those of a plain GET. */
const extra = (id: string, ...list: Fields): Http2Input => fields(id, http2.get(list));
const changed = (name: string, value: string): Http2Input =>
  fields(`${name} ${JSON.stringify(value)}`, http2.withValue(name, value));
/** A request with content. */
const content = (id: string, list: Fields, pieces: readonly string[]): Http2Input => ({
  id,
  say(connection) {
    connection.headers(1, http2.post(list), open);
    pieces.forEach((piece, i) => connection.data(1, piece, i + 1 === pieces.length ? 1 : 0));
  },
});
const trailers = (id: string, list: Fields, flags: number = end): Http2Input => ({
  id: `trailers: ${id}`,
  say: (connection) =>
    connection.headers(1, http2.post([]), open).data(1, "abc").headers(1, list, flags),
});
/** Something said beside a plain GET, before it or after. */
const beside = (id: string, say: (connection: RawHttp2) => unknown): Http2Input => ({
  id,
  say(connection) {
    say(connection);
    connection.headers(1, http2.get([]));
  },
});
const method = (name: string): Http2Input => changed(":method", name);

const heads: readonly Http2Input[] = [
  fields("plain", http2.get([])),
  fields("no authority, no host", http2.without(":authority")),
  fields("host alone", [...http2.without(":authority"), ["host", "app"]]),
  extra("host and authority", ["host", "app"]),
  extra("host of other case", ["host", "APP"]),
  extra("host with port", ["host", "app:80"]),
  extra("two hosts", ["host", "app"], ["host", "app"]),
  fields("pseudo fields in another order", [...http2.get([])].reverse()),
  fields("path twice", [...http2.get([]), [":path", "/x"]]),
  fields("CONNECT", [
    [":method", "CONNECT"],
    [":authority", "app:80"],
  ]),
  fields("CONNECT with a path", http2.withValue(":method", "CONNECT")),
  extra("extended CONNECT", [":protocol", "websocket"]),
  ...["app:80", "APP", "app.", "app:", "app:0", "app:99999", "app:8o", "[::1]", "", " app"].map(
    (value) => changed(":authority", value),
  ),
  ...["app/x", "app,app", "a b", "app#", "app?", "app\\", "caf\xe9"].map((value) =>
    changed(":authority", value),
  ),
  ...["https", "HTTP", "ftp", "h2c", "", "ht tp", "1http", "http:"].map((value) =>
    changed(":scheme", value),
  ),
  ...[
    "*",
    "x",
    "http://app/x",
    "//x",
    "/x#y",
    "/a/../b",
    "/../b",
    "//../b",
    "/x?",
    "/?x=/../y",
  ].map((value) => changed(":path", value)),
  ...["/\\x", "/%zz", "/%00", "/%2e%2e/x", "/%2f", "/caf\xe9", '/x?a=b|c"{}', "/x\x7f", "/;x"].map(
    (value) => changed(":path", value),
  ),
  ...[
    "HEAD",
    "OPTIONS",
    "DELETE",
    "TRACE",
    "PRI",
    "BREW",
    "get",
    "G",
    "",
    "GE(T",
    "M".repeat(40),
  ].map(method),
  fields(
    "OPTIONS *",
    http2
      .withValue(":path", "*")
      .map(([name, value]) => [name, name === ":method" ? "OPTIONS" : value] as const),
  ),
];

const values: readonly Http2Input[] = [
  ...["", "caf\xe9", "1\x7f2", "1\t2", "1  2", "\t1", "1 ", '"', "v".repeat(5000)].map((value) =>
    extra(`value ${JSON.stringify(value.slice(0, 9))}`, ["x-a", value]),
  ),
  ...["x_y", "x.y", "x(y)", "x'y", "x\x7f", "x\xe9", "x:y", "-", "1"].map((name) =>
    extra(`name ${JSON.stringify(name)}`, [name, "1"]),
  ),
  ...["trailers", "Trailers", "trailers;q=1", "", "trailers, trailers", "deflate;q=0"].map(
    (value) => extra(`te ${JSON.stringify(value)}`, ["te", value]),
  ),
  ...["connection", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding"].map((name) =>
    extra(`empty ${name}`, [name, ""]),
  ),
  extra("transfer-encoding identity", ["transfer-encoding", "identity"]),
  extra("http2-settings", ["http2-settings", "AAMAAABkAAQAAP__"]),
  extra("proxy-authorization", ["proxy-authorization", "Basic eDp5"]),
  extra("crumbs", ["cookie", "a=1"], ["cookie", "b=2"]),
  extra("expectation", ["expect", "100-continue"]),
  extra("unknown expectation", ["expect", "200-maybe"]),
  extra("upgrade-insecure-requests", ["upgrade-insecure-requests", "1"]),
];

const framed: readonly Http2Input[] = [
  ...["0", "00", "-0", "0, 0", " 0"].map((value) =>
    extra(`GET of length ${JSON.stringify(value)}`, ["content-length", value]),
  ),
  extra("GET of length 3 without content", ["content-length", "3"]),
  extra("GET of length 0 twice", ["content-length", "0"], ["content-length", "0"]),
  content("no length", [], ["abc"]),
  content("two pieces", [["content-length", "6"]], ["abc", "def"]),
  content("length with zeros", [["content-length", "0003"]], ["abc"]),
  content(
    "length twice",
    [
      ["content-length", "3"],
      ["content-length", "3"],
    ],
    ["abc"],
  ),
  content("length in a list", [["content-length", "3, 3"]], ["abc"]),
  content("length beyond a number", [["content-length", "99999999999999999999"]], ["abc"]),
  content("length too large", [["content-length", "4"]], ["abc"]),
  content("length too small", [["content-length", "2"]], ["abc"]),
  content("length of empty content", [["content-length", "0"]], [""]),
  content("length 0 and content", [["content-length", "0"]], ["a"]),
  content("empty piece first", [], ["", "abc"]),
  {
    id: "GET with content",
    say: (connection) => connection.headers(1, http2.get([]), open).data(1, "ab", 1),
  },
  {
    id: "HEAD with content",
    say: (connection) =>
      connection.headers(1, http2.withValue(":method", "HEAD"), open).data(1, "ab", 1),
  },
  trailers("plain", [["x-t", "1"]]),
  trailers("none at all", []),
  trailers("that do not end", [["x-t", "1"]], open),
  ...["content-length", "host", "te", "connection", "transfer-encoding", "X-T", "x_t", ""].map(
    (name) => trailers(JSON.stringify(name), [[name, "1"]]),
  ),
  ...[":path", ":status", ":unknown"].map((name) => trailers(name, [[name, "/"]])),
  trailers("with a line end", [["x-t", "1\r\nx-u: 2"]]),
  {
    id: "trailers longer than the length",
    say: (connection) =>
      connection
        .headers(1, http2.post([["content-length", "3"]]), open)
        .data(1, "ab")
        .headers(1, [["x-t", "1"]], end),
  },
];

const { Data, Headers, Priority, Reset, Settings, Ping, GoAway, WindowUpdate, Continuation } =
  FrameType;
const plainBlock = block(http2.get([]));
const padded = (count: number, bytes: Buffer, padding: number): Buffer =>
  Buffer.concat([Buffer.of(count), bytes, Buffer.alloc(padding)]);
const priority = (streamId: number): Buffer => Buffer.concat([word(streamId), Buffer.of(15)]);

const frames: readonly Http2Input[] = [
  beside("unknown frame", (to) => to.frame(0x99, 0xff, 0, Buffer.alloc(8))),
  beside("unknown frame of a stream", (to) => to.frame(0x99, 0, 7, Buffer.alloc(8))),
  beside("unknown setting", (to) => to.frame(Settings, 0, 0, setting(0xf00d, 1))),
  beside("push on", (to) => to.frame(Settings, 0, 0, setting(2, 1))),
  beside("push 2", (to) => to.frame(Settings, 0, 0, setting(2, 2))),
  beside("window too large", (to) => to.frame(Settings, 0, 0, setting(4, 0x8000_0000))),
  beside("frames too small", (to) => to.frame(Settings, 0, 0, setting(5, 16_383))),
  beside("frames too large", (to) => to.frame(Settings, 0, 0, setting(5, 0x100_0000))),
  beside("extended CONNECT 2", (to) => to.frame(Settings, 0, 0, setting(8, 2))),
  beside("settings of five bytes", (to) => to.frame(Settings, 0, 0, Buffer.alloc(5))),
  beside("settings on a stream", (to) => to.frame(Settings, 0, 1, setting(3, 1))),
  beside("acknowledgement with content", (to) => to.frame(Settings, 1, 0, setting(3, 1))),
  beside("acknowledgements too many", (to) => {
    for (let i = 0; i < 3; i++) to.frame(Settings, 1, 0);
  }),
  beside("ping", (to) => to.frame(Ping, 0, 0, Buffer.alloc(8))),
  beside("answer to no ping", (to) => to.frame(Ping, 1, 0, Buffer.alloc(8))),
  beside("ping of six bytes", (to) => to.frame(Ping, 0, 0, Buffer.alloc(6))),
  beside("ping on a stream", (to) => to.frame(Ping, 0, 1, Buffer.alloc(8))),
  beside("window grown by 0", (to) => to.frame(WindowUpdate, 0, 0, word(0))),
  beside("window of three bytes", (to) => to.frame(WindowUpdate, 0, 0, Buffer.alloc(3))),
  beside("window of an idle stream", (to) => to.frame(WindowUpdate, 0, 5, word(1))),
  beside("window above 2^31-1", (to) => to.frame(WindowUpdate, 0, 0, word(0x7fff_ffff))),
  beside("reset of an idle stream", (to) => to.reset(5)),
  beside("reset of three bytes", (to) => to.frame(Reset, 0, 1, Buffer.alloc(3))),
  beside("reset of stream 0", (to) => to.reset(0)),
  beside("priority", (to) => to.frame(Priority, 0, 3, priority(0))),
  beside("priority on itself", (to) => to.frame(Priority, 0, 3, priority(3))),
  beside("priority of stream 0", (to) => to.frame(Priority, 0, 0, priority(3))),
  beside("priority of four bytes", (to) => to.frame(Priority, 0, 3, Buffer.alloc(4))),
  beside("GOAWAY", (to) => to.frame(GoAway, 0, 0, Buffer.alloc(8))),
  beside("GOAWAY on a stream", (to) => to.frame(GoAway, 0, 1, Buffer.alloc(8))),
  beside("GOAWAY of seven bytes", (to) => to.frame(GoAway, 0, 0, Buffer.alloc(7))),
  beside("CONTINUATION of nothing", (to) => to.frame(Continuation, 4, 1, plainBlock)),
  beside("data of stream 0", (to) => to.frame(Data, 0, 0, Buffer.alloc(1))),
  beside("headers of stream 0", (to) => to.frame(Headers, end, 0, plainBlock)),
  beside("second preface", (to) => to.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))),
  ...[
    ["padded headers", end | FrameFlag.Padded, padded(3, plainBlock, 3)],
    ["padding of nothing", end | FrameFlag.Padded, padded(0, plainBlock, 0)],
    ["padding beyond the frame", end | FrameFlag.Padded, padded(255, plainBlock, 0)],
    ["prioritised headers", end | FrameFlag.Priority, Buffer.concat([priority(0), plainBlock])],
    ["headers that depend on themselves", end | 0x20, Buffer.concat([priority(1), plainBlock])],
    ["undefined flags", end | 0xc2, plainBlock],
    ["table size 0 first", end, Buffer.concat([Buffer.of(0x20), plainBlock])],
    ["table size update last", end, Buffer.concat([plainBlock, Buffer.of(0x20)])],
    ["a never indexed field", end, Buffer.concat([plainBlock, Buffer.from("\x10\x01a\x011")])],
  ].map(([id, flags, bytes]) => ({
    id: id as string,
    say: (to: RawHttp2) => to.frame(Headers, flags as number, 1, bytes as Buffer),
  })),
  {
    id: "a block in pieces",
    say: (to) =>
      to
        .frame(Headers, 1, 1, plainBlock.subarray(0, 9))
        .frame(Continuation, 0, 1)
        .frame(Continuation, 4, 1, plainBlock.subarray(9)),
  },
  {
    id: "a block interrupted",
    say: (to) =>
      to
        .frame(Headers, 1, 1, plainBlock.subarray(0, 9))
        .frame(Ping, 0, 0, Buffer.alloc(8))
        .frame(Continuation, 4, 1, plainBlock.subarray(9)),
  },
  { id: "stream 2", say: (to) => to.headers(2, http2.get([])) && 2 },
  { id: "stream 3 first", say: (to) => to.headers(3, http2.get([])) && 3 },
  {
    id: "stream 1 after 3",
    say: (to) => to.headers(3, http2.get([])).headers(1, http2.get([])),
  },
];

export const http2Bordering: readonly Http2Input[] = [...heads, ...values, ...framed, ...frames];
