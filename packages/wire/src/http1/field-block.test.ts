// Field lines: http-cases H07 to H09, H16, H17, H22, H23 and H34, read through the request parser,
// whole and in every chunking.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits } from "../limits.ts";
import type { RequestHead } from "./head.ts";
import type { RequestParserOptions } from "./request-parser.ts";
import { readAlike, readRequests, type Transcript } from "./transcript.fixture.ts";

type Code = keyof typeof ErrorCode;

function read(input: string, options: Partial<RequestParserOptions> = {}): Transcript<RequestHead> {
  return readAlike(Buffer.from(input, "latin1"), (pieces) => readRequests(pieces, options));
}

function codeOf(fields: string, options: Partial<RequestParserOptions> = {}): Code {
  const { error } = read(`GET / HTTP/1.1\r\n${fields}\r\n\r\n`, options);
  return (Object.keys(ErrorCode) as Code[])[error] as Code;
}

function headOf(fields: string, options: Partial<RequestParserOptions> = {}): RequestHead {
  const { error, messages } = read(`GET / HTTP/1.1\r\n${fields}\r\n\r\n`, options);
  assert.equal(error, ErrorCode.None);
  return (messages[0] as { head: RequestHead }).head;
}

const refusals: readonly (readonly [id: string, fields: string, code: Code])[] = [
  ["H07 blank before the colon", "Host : a", "BadFieldName"],
  ["H07 tab before the colon", "Host: a\r\nX\t: b", "BadFieldName"],
  ["H07 blank before the first field", " Host: a", "FoldedField"],
  ["H07 tab before the first field", "\tHost: a", "FoldedField"],
  ["H07 empty name", ": a\r\nHost: a", "BadFieldName"],
  ["H07 no colon", "Host: a\r\nnonsense", "BadFieldName"],
  ["H07 no colon in the first line", "nonsense\r\nHost: a", "BadFieldName"],
  ["H07 name with parentheses", "X(y): b\r\nHost: a", "BadFieldName"],
  ["H07 name with 8-bit letter", "X\xe9: b\r\nHost: a", "BadFieldName"],
  ["H07 name with NUL", "X\0: b\r\nHost: a", "BadFieldName"],
  ["H08 fold", "Host: a\r\nX: b\r\n c", "FoldedField"],
  ["H08 fold by tab", "Host: a\r\nX: b\r\n\tc", "FoldedField"],
  [
    "H08 folded Transfer-Encoding",
    "Host: a\r\nTransfer-Encoding:\r\n chunked",
    "BadTransferEncoding",
  ],
  ["H08 folded Content-Length", "Host: a\r\nContent-Length:\r\n 3", "BadContentLength"],
  ["H09 bare LF after a value", "Host: a\nX: b", "BareLineFeed"],
  ["H09 bare LF after a name", "Host\nX: b", "BareLineFeed"],
  ["H09 bare LF as the empty line", "Host: a\r\n\nX: b", "BareLineFeed"],
  ["H09 bare CR in a value", "Host: a\r\nX: b\rc", "BareCarriageReturn"],
  ["H09 doubled CR", "Host: a\r\r\nX: b", "BareCarriageReturn"],
  ["H09 CR before a name", "\rHost: a", "BareCarriageReturn"],
  ["H09 CR in a name", "Ho\rst: a", "BareCarriageReturn"],
  ["H09 NUL in a value", "Host: a\r\nX: b\0c", "BadFieldValue"],
  ["H09 control in a value", "Host: a\r\nX: b\x01c", "BadFieldValue"],
  ["H09 escape in a value", "Host: a\r\nX: \x1b[2J", "BadFieldValue"],
  ["H09 DEL in a value", "Host: a\r\nX: b\x7f", "BadFieldValue"],
  ["H22 no Host", "X: b", "HostMissing"],
  ["H22 two Hosts", "Host: a\r\nHost: b", "HostRepeated"],
  ["H22 two equal Hosts", "Host: a\r\nX: b\r\nhost: a", "HostRepeated"],
  ["H22 comma in Host", "Host: a, b", "BadHost"],
  ["H22 user in Host", "Host: u@a", "BadHost"],
  ["H22 path in Host", "Host: a/b", "BadHost"],
  ["H22 bad port in Host", "Host: a:8o", "BadHost"],
  ["H22 empty Host", "Host:", "BadHost"],
  ["H22 blank Host", "Host:  ", "BadHost"],
];

for (const [id, fields, code] of refusals) {
  test(`${id} is refused: ${JSON.stringify(fields)}`, () => assert.equal(codeOf(fields), code));
}

const pinned = [
  "host",
  "Content-Length",
  "cookie",
  "Authorization",
  "X-Forwarded-For",
  "x-forwarded-proto",
  "x-forwarded-anything",
  "x_forwarded_for",
  "X-Forwarded-Client-Cert",
  "x-weft-identity",
  "x-request-id",
  "content-type",
  "cache-control",
];

for (const name of pinned) {
  test(`H16 Connection must not name ${name}`, () => {
    assert.equal(codeOf(`Host: a\r\nConnection: ${name}`), "BadConnectionOption");
    assert.equal(codeOf(`Host: a\r\nConnection: close, x ,\t${name}`), "BadConnectionOption");
  });
}

test("H16 a malformed Connection is refused", () => {
  for (const value of ["a b", "x/y", "(c)", "clo\xe9se", "a;b"]) {
    assert.equal(codeOf(`Host: a\r\nConnection: ${value}`), "BadConnectionOption", value);
  }
  const many = Array.from({ length: 33 }, (_, i) => `x${i}`).join(",");
  assert.equal(codeOf(`Host: a\r\nConnection: ${many}`), "BadConnectionOption");
});

test("H16 hop-by-hop fields never reach the list", () => {
  const hops = [
    "Connection: keep-alive, X-Hop, TE, Transfer-Encoding, HTTP2-Settings",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
    "TE: gzip, trailers",
    "Proxy-Authenticate: Basic",
    "Proxy-Authorization: Basic eDp5",
    "Content-Length: 0",
    "Expect: 100-continue",
  ];
  const head = headOf(`x-hop: 1\r\nHost: a\r\n${hops.join("\r\n")}\r\nX-Hop: 2\r\nAccept: b`);
  assert.deepEqual(head.headers, ["accept", "b"]);
  assert.equal(head.upgrade, "");
  assert.equal(head.acceptsTrailers, true);
  assert.equal(head.contentLength, 0);
});

test("H16 Connection may name a known field, in any case, before or after it", () => {
  const head = headOf("Host: a\r\nAccept: b\r\nConnection: ,ACCEPT,, via\r\nVia: c\r\nDnt: 1");
  assert.deepEqual(head.headers, ["dnt", "1"]);
});

test("H16 TE other than trailers is gone and means nothing", () => {
  assert.equal(headOf("Host: a\r\nTE: deflate;q=0.5").acceptsTrailers, false);
  assert.equal(headOf("Host: a\r\nTE: trailers;q=1").acceptsTrailers, false);
  assert.equal(headOf("Host: a\r\nTE: x\r\nTE: Trailers").acceptsTrailers, true);
});

test("H17 names with an underscore are dropped, kept or refused", () => {
  const fields = "Host: a\r\nx_y: 1\r\nX-Forwarded_Client-Cert: 2\r\nx-z: 3";
  assert.deepEqual(headOf(fields).headers, ["x-z", "3"]);
  assert.equal(codeOf(fields, { underscoreNames: "reject" }), "UnderscoreName");
  assert.deepEqual(headOf(fields, { underscoreNames: "keep" }).headers, [
    "x_y",
    "1",
    "x-forwarded_client-cert",
    "2",
    "x-z",
    "3",
  ]);
});

test("names are folded, values trimmed and kept byte for byte, order and repetition kept", () => {
  const fields = [
    "HOST: a",
    "X-Mixed-CASE:\t b  c\t ",
    "accept:x",
    "X-Empty:",
    "X-Blank:  \t ",
    "Set-Cookie: \xe9\xff",
    "!#$%&'*+-.^`|~09: sign",
    "Accept: y",
    "x-colon: a:b: c",
  ];
  assert.deepEqual(headOf(fields.join("\r\n")).headers, [
    "x-mixed-case",
    "b  c",
    "accept",
    "x",
    "x-empty",
    "",
    "x-blank",
    "",
    "set-cookie",
    "\xe9\xff",
    "!#$%&'*+-.^`|~09",
    "sign",
    "accept",
    "y",
    "x-colon",
    "a:b: c",
  ]);
});

test("H22 the Host is folded and taken apart", () => {
  const head = headOf("hOsT:\t Catalog.Shop:8080 ");
  assert.deepEqual(
    [head.authority, head.host, head.port],
    ["catalog.shop:8080", "catalog.shop", 8080],
  );
  const literal = headOf("Host: [::1]:80");
  assert.deepEqual([literal.host, literal.port], ["[::1]", 80]);
  assert.deepEqual([headOf("Host: a").authority, headOf("Host: a").port], ["a", -1]);
});

test("H22 HTTP/1.0 may come without Host, absolute-form in HTTP/1.1 may not", () => {
  const old = read("GET / HTTP/1.0\r\n\r\n").messages[0]?.head;
  assert.deepEqual([old?.authority, old?.host, old?.port], ["", "", -1]);
  assert.equal(read("GET http://a/ HTTP/1.0\r\n\r\n").messages[0]?.head.authority, "a");
  assert.equal(read("GET http://a/ HTTP/1.1\r\n\r\n").error, ErrorCode.HostMissing);
});

test("H23 the authority of an absolute target must equal Host", () => {
  const readWith = (target: string, host: string): Transcript<RequestHead> =>
    read(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const differing = [
    ["http://a/", "b"],
    ["http://a:81/", "a"],
    ["http://a/", "a:81"],
    ["https://a/", "a:80"],
    ["http://a.b/", "a"],
  ] as const;
  for (const [target, host] of differing) {
    assert.equal(readWith(target, host).error, ErrorCode.AuthorityMismatch, `${target} ${host}`);
  }
  const equal = [
    ["http://A/", "a"],
    ["http://a:80/", "a"],
    ["http://a/", "A:80"],
    ["https://a/", "a:443"],
  ] as const;
  for (const [target, host] of equal) {
    assert.equal(readWith(target, host).messages[0]?.head.host, "a", `${target} ${host}`);
  }
  const tunnel = "CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n";
  assert.equal(read(tunnel, { allowConnect: true }).error, ErrorCode.AuthorityMismatch);
});

test("H34 a hundred fields pass, one more is 431, removed ones count", () => {
  const many = (count: number): string =>
    Array.from({ length: count - 1 }, (_, i) => `x-${i}: y`).join("\r\n");
  assert.equal(headOf(`Host: a\r\n${many(100)}`).headers.length, 198);
  assert.equal(codeOf(`Host: a\r\n${many(101)}`), "TooManyFields");
  const kept = `${many(99)}\r\nKeep-Alive: x`;
  assert.equal(headOf(`Host: a\r\n${kept}`).headers.length, 196);
  assert.equal(codeOf(`Host: a\r\n${kept}\r\nTE: trailers`), "TooManyFields");
});

test("H34 the limit of the head counts every byte, and acts before the line is whole", () => {
  const request = "GET / HTTP/1.1\r\nHost: a\r\nX: bcd\r\n\r\n";
  const withMax = (headBytesMax: number): Partial<RequestParserOptions> => ({
    limits: { ...defaultHttp1Limits, headBytesMax },
  });
  assert.equal(read(request, withMax(request.length)).messages.length, 1);
  for (let bytes = 17; bytes < request.length; bytes++) {
    const { error } = read(request, withMax(bytes));
    assert.equal(error, ErrorCode.HeadTooLarge, String(bytes));
  }
  const endless = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"b".repeat(100)}`;
  assert.equal(read(endless, withMax(100)).error, ErrorCode.HeadTooLarge);
  assert.equal(read(endless.slice(0, 100), withMax(100)).error, ErrorCode.HeadTooLarge);
  assert.equal(read(endless.slice(0, 99), withMax(100)).error, ErrorCode.None);
});
