// Method, target and version: http-cases H22 to H27 and H36 as far as the request line decides
// them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits } from "../limits.ts";
import { type RequestHead, TargetForm } from "./head.ts";
import type { RequestParserOptions } from "./request-parser.ts";
import { readAlike, readRequests, type Transcript } from "./transcript.fixture.ts";

type Code = keyof typeof ErrorCode;

function read(input: string, options: Partial<RequestParserOptions> = {}): Transcript<RequestHead> {
  return readAlike(Buffer.from(input, "latin1"), (pieces) => readRequests(pieces, options));
}

function refused(line: string, options: Partial<RequestParserOptions> = {}): Code {
  const { error, messages } = read(`${line}\r\nHost: a\r\n\r\n`, options);
  assert.equal(messages.length, 0);
  return nameOf(error);
}

function nameOf(error: ErrorCode): Code {
  return (Object.keys(ErrorCode) as Code[])[error] as Code;
}

function accepted(
  line: string,
  options: Partial<RequestParserOptions> = {},
  host = "a",
): RequestHead {
  const { error, messages } = read(`${line}\r\nHost: ${host}\r\n\r\n`, options);
  assert.equal(nameOf(error), "None");
  return (messages[0] as { head: RequestHead }).head;
}

const refusals: readonly (readonly [id: string, line: string, code: Code])[] = [
  ["H25 HTTP/0.9", "GET /", "BadRequestLine"],
  ["H25 HTTP/0.9 with a blank", "GET / ", "BadRequestLine"],
  ["H25 HTTP/2.0", "GET / HTTP/2.0", "VersionUnsupported"],
  ["H25 HTTP/2", "GET / HTTP/2", "BadVersion"],
  ["H25 HTTP/1.2", "GET / HTTP/1.2", "VersionUnsupported"],
  ["H25 HTTP/0.9 spelled out", "GET / HTTP/0.9", "VersionUnsupported"],
  ["H25 HTTP/1.10", "GET / HTTP/1.10", "BadVersion"],
  ["H25 HTTP/11", "GET / HTTP/11", "BadVersion"],
  ["H25 preface of HTTP/2", "PRI * HTTP/2.0", "VersionUnsupported"],
  ["H25 lower-case version", "GET / http/1.1", "BadVersion"],
  ["H25 other protocol", "GET / ICAP/1.0", "BadVersion"],
  ["H25 version without digits", "GET / HTTP/", "BadVersion"],
  ["H25 version with a sign", "GET / HTTP/+1.1", "BadVersion"],
  ["H26 method with a slash", "GE/T / HTTP/1.1", "BadMethod"],
  ["H26 method with a colon", "GET: / HTTP/1.1", "BadMethod"],
  ["H26 method with 8-bit letter", "G\xc9T / HTTP/1.1", "BadMethod"],
  ["H26 method in lower case", "get / HTTP/1.1", "BadMethod"],
  ["H26 method with one small letter", "PROPFINd / HTTP/1.1", "BadMethod"],
  ["H26 method with a sign", "GET! / HTTP/1.1", "BadMethod"],
  ["H25 PRI as a method", "PRI / HTTP/1.1", "BadMethod"],
  ["H26 method alone", "GET", "BadRequestLine"],
  ["H26 method of 33 bytes", `${"A".repeat(33)} / HTTP/1.1`, "MethodTooLong"],
  ["H27 fragment", "GET /a#b HTTP/1.1", "BadTarget"],
  ["H27 backslash", "GET /a\\b HTTP/1.1", "BadTarget"],
  ["H27 NUL", "GET /a\0b HTTP/1.1", "BadTarget"],
  ["H27 control character", "GET /a\x01b HTTP/1.1", "BadTarget"],
  ["H27 DEL", "GET /a\x7fb HTTP/1.1", "BadTarget"],
  ["H27 8-bit byte", "GET /caf\xe9 HTTP/1.1", "BadTarget"],
  ["H27 8-bit byte in the query", "GET /?q=\xc3\xa9 HTTP/1.1", "BadTarget"],
  ["H27 bad escape", "GET /%zz HTTP/1.1", "BadTarget"],
  ["H27 cut escape", "GET /%4 HTTP/1.1", "BadTarget"],
  ["H27 escape in the query", "GET /?a=%g1 HTTP/1.1", "BadTarget"],
  ["H27 %00", "GET /a%00 HTTP/1.1", "BadTarget"],
  ["H27 %00 in the query", "GET /?a=%00 HTTP/1.1", "BadTarget"],
  ["H27 %0d%0a", "GET /a%0d%0aX:%20y HTTP/1.1", "BadTarget"],
  ["H27 %0D%0A in the query", "GET /?a=%0D%0Ab HTTP/1.1", "BadTarget"],
  ["H27 %0a in a path", "GET /a%0ab HTTP/1.1", "BadTarget"],
  ["H27 overlong slash", "GET /%c0%af HTTP/1.1", "BadTarget"],
  ["H27 overlong letter", "GET /%C1%A1 HTTP/1.1", "BadTarget"],
  ["H27 overlong, three bytes", "GET /%e0%80%af HTTP/1.1", "BadTarget"],
  ["H27 overlong, four bytes", "GET /%f0%80%80%af HTTP/1.1", "BadTarget"],
  ["H27 overlong, five bytes", "GET /%f8%80%80%80%af HTTP/1.1", "BadTarget"],
  ["H27 overlong in the query", "GET /?%c0%ae HTTP/1.1", "BadTarget"],
  ["H24 asterisk with GET", "GET * HTTP/1.1", "BadTargetForm"],
  ["H24 asterisk and more", "OPTIONS *a HTTP/1.1", "BadTargetForm"],
  ["H24 authority with GET", "GET a:80 HTTP/1.1", "BadTargetForm"],
  ["H24 CONNECT is off", "CONNECT a:80 HTTP/1.1", "ConnectRefused"],
  ["H24 relative path", "GET a/b HTTP/1.1", "BadTargetForm"],
  ["H24 other scheme", "GET ftp://a/ HTTP/1.1", "BadTargetForm"],
  ["H24 scheme with one slash", "GET http:/a HTTP/1.1", "BadTargetForm"],
  ["H22 absolute without host", "GET http:/// HTTP/1.1", "BadHost"],
  ["H22 user in absolute", "GET http://u@a/ HTTP/1.1", "BadHost"],
  ["H22 bad port in absolute", "GET http://a:x/ HTTP/1.1", "BadHost"],
  ["H36 doubled blank", "GET  / HTTP/1.1", "BadRequestLine"],
  ["H36 doubled blank before the version", "GET /  HTTP/1.1", "BadRequestLine"],
  ["H36 tab", "GET\t/ HTTP/1.1", "BadMethod"],
  ["H36 tab before the version", "GET /\tHTTP/1.1", "BadTarget"],
  ["H36 blank after the version", "GET / HTTP/1.1 ", "BadVersion"],
  ["H25 leading zeros", "GET / HTTP/01.01", "BadVersion"],
  ["H25 blank inside the version", "GET / HTTP/ 1.1", "BadVersion"],
  ["H09 bare CR", "GET /\rHTTP/1.1", "BareCarriageReturn"],
  ["H09 bare CR after the version", "GET / HTTP/1.1\rX", "BareCarriageReturn"],
];

for (const [id, line, code] of refusals) {
  test(`${id} is refused: ${JSON.stringify(line).slice(0, 60)}`, () => {
    assert.equal(refused(line), code);
  });
}

test("H09 a request line ended by LF alone is refused at that line", () => {
  assert.equal(nameOf(read("GET / HTTP/1.1\nHost: a\r\n\r\n").error), "BareLineFeed");
  assert.equal(nameOf(read("GET /\n").error), "BareLineFeed");
});

test("H09 a line that can only be wrong is refused before its line feed comes", () => {
  assert.equal(nameOf(read("GET / HTTP/1.1\rHost: a\r\r").error), "BareCarriageReturn");
  assert.equal(nameOf(read("GET /\0").error), "BadTarget");
  assert.equal(nameOf(read("GET  /\x01").error), "BadTarget");
  assert.equal(nameOf(read("G\x02").error), "BadMethod");
  assert.equal(nameOf(read("GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: w").error), "BareCarriageReturn");
  assert.equal(nameOf(read("GET / HTTP/1.1\r\nHost: a\r\n\rX").error), "BareCarriageReturn");
  assert.equal(nameOf(read("GET / HTTP/1.1\r\nHost: a\r\nX y\0").error), "BadFieldValue");
  assert.equal(nameOf(read("GET / HTTP/1.1\r\nHost: a\r\nX: y\r").error), "None");
});

test("H36 one empty line before a request is tolerated, a second is not", () => {
  assert.equal(read("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").messages.length, 1);
  const twice = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
  assert.equal(read(twice).messages.length, 2);
  assert.equal(nameOf(read("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").error), "BadStart");
  assert.equal(nameOf(read("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").error), "BadStart");
  assert.equal(nameOf(read("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n").error), "BadStart");
  assert.equal(nameOf(read(" GET / HTTP/1.1\r\nHost: a\r\n\r\n").error), "BadStart");
});

test("H36 bytes that start no request are refused at the first of them", () => {
  assert.equal(nameOf(read("\x16\x03\x01").error), "BadStart");
  assert.equal(nameOf(read("\0").error), "BadStart");
});

test("H34 a request line above the limit is 414, whether or not it ends", () => {
  const limits = { ...defaultHttp1Limits, requestLineBytesMax: 40 };
  const fitting = `GET /${"a".repeat(40 - 14)} HTTP/1.1`;
  assert.equal(fitting.length, 40);
  assert.equal(accepted(fitting, { limits }).path.length, 27);
  assert.equal(refused(fitting.replace("a", "aa"), { limits }), "TargetTooLong");
  assert.equal(nameOf(read(`GET /${"a".repeat(36)}`, { limits }).error), "None");
  assert.equal(nameOf(read(`GET /${"a".repeat(37)}`, { limits }).error), "TargetTooLong");
  assert.equal(nameOf(read(`GET ${"\xff".repeat(60)}`, { limits }).error), "TargetTooLong");
});

test("H26 methods of capitals and hyphens pass when unknown, unless switched off", () => {
  assert.equal(accepted("PRIX / HTTP/1.1").method, "PRIX");
  assert.equal(accepted("VERSION_CONTROL / HTTP/1.1").method, "VERSION_CONTROL");
  assert.equal(accepted("PROPFIND /x HTTP/1.1").method, "PROPFIND");
  assert.equal(accepted(`${"A".repeat(32)} / HTTP/1.1`).method.length, 32);
  assert.equal(accepted("M-SEARCH / HTTP/1.1").method, "M-SEARCH");
  assert.equal(refused("PROPFIND / HTTP/1.1", { allowUnknownMethods: false }), "MethodUnknown");
  const methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE"];
  for (const method of methods) {
    assert.equal(accepted(`${method} / HTTP/1.1`, { allowUnknownMethods: false }).method, method);
  }
});

test("H27 ordinary targets pass and are taken apart", () => {
  const head = accepted("GET /items/42?full=1&x=/../?y HTTP/1.1");
  assert.equal(head.target, "/items/42?full=1&x=/../?y");
  assert.equal(head.form, TargetForm.Origin);
  assert.equal(head.path, "/items/42");
  assert.equal(head.query, "?full=1&x=/../?y");
  assert.equal(head.isPathNormal, true);
  assert.equal(accepted("GET /%C3%A9 HTTP/1.1").path, "/%C3%A9");
  assert.equal(accepted("GET /?q=%0A HTTP/1.1").query, "?q=%0A");
  const odd = "/a;b=c,d@e:!$&'()*+[]|^`{}\"<>";
  assert.equal(accepted(`GET ${odd} HTTP/1.1`).path, odd);
  assert.equal(accepted("GET /? HTTP/1.1").query, "?");
});

test("H27 without strictQuery a query may hold any well-formed escape", () => {
  const line = "GET /?info=%00%c0%80%0d%0a HTTP/1.1";
  assert.equal(accepted(line, { strictQuery: false }).query, "?info=%00%c0%80%0d%0a");
  assert.equal(refused("GET /%00 HTTP/1.1", { strictQuery: false }), "BadTarget");
  assert.equal(refused("GET /?%zz HTTP/1.1", { strictQuery: false }), "BadTarget");
});

test("H28 a path that needs normalising is marked, others are not", () => {
  for (const path of ["/a//b", "//", "/./a", "/a/../b", "/%41", "/a%2fb", "/.hidden", "/a/.."]) {
    assert.equal(accepted(`GET ${path} HTTP/1.1`).isPathNormal, false, path);
    assert.equal(accepted(`GET http://a${path} HTTP/1.1`).isPathNormal, false, path);
  }
  for (const path of ["/", "/a/b/", "/a.b/c..d", "/a?x=//..%2f"]) {
    assert.equal(accepted(`GET ${path} HTTP/1.1`).isPathNormal, true, path);
    assert.equal(accepted(`GET http://a${path} HTTP/1.1`).isPathNormal, true, path);
  }
});

test("H23 absolute-form gives scheme, authority, path and query", () => {
  const head = accepted("GET HTTP://Catalog.Shop:8080/x?y HTTP/1.1", {}, "catalog.shop:8080");
  assert.equal(head.form, TargetForm.Absolute);
  assert.equal(head.scheme, "http");
  assert.equal(head.authority, "catalog.shop:8080");
  assert.equal(head.host, "catalog.shop");
  assert.equal(head.port, 8080);
  assert.equal(head.path, "/x");
  assert.equal(head.query, "?y");
  assert.equal(accepted("GET http://a HTTP/1.1").path, "/");
  const bare = accepted("GET https://a?q HTTP/1.1");
  assert.deepEqual([bare.scheme, bare.path, bare.query], ["https", "/", "?q"]);
});

test("H24 OPTIONS takes an asterisk, also spelled as absolute-form without a path", () => {
  const head = accepted("OPTIONS * HTTP/1.1");
  assert.deepEqual([head.form, head.path, head.authority], [TargetForm.Asterisk, "*", "a"]);
  assert.equal(accepted("OPTIONS http://a HTTP/1.1").path, "*");
  assert.equal(accepted("OPTIONS http://a/ HTTP/1.1").path, "/");
});

test("H24 CONNECT, where it is allowed, takes host and port and nothing else", () => {
  const options = { allowConnect: true };
  const head = accepted("CONNECT Orders.shop:5432 HTTP/1.1", options, "orders.shop:5432");
  assert.equal(head.form, TargetForm.Authority);
  assert.equal(head.method, "CONNECT");
  assert.deepEqual(
    [head.authority, head.host, head.port],
    ["orders.shop:5432", "orders.shop", 5432],
  );
  assert.deepEqual([head.path, head.query], ["", ""]);
  assert.equal(accepted("CONNECT a:443 HTTP/1.1", options, "a").port, 443);
  for (const target of ["a", "/", "*", "http://a:80", "a:80/", "u@a:80", "a:0", "a:99999", "a:"]) {
    assert.equal(refused(`CONNECT ${target} HTTP/1.1`, options), "BadTargetForm", target);
  }
});
