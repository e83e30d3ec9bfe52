// Raw HTTP/1 requests of H01 to H37 that have to be refused, each with the answer it gets from us;
// also asked of other proxies (test/interop/strictness.test.ts).

export const host: string = "Host: app\r\n";
const end = "\r\n";

export interface Case {
  readonly id: string;
  readonly bytes: string;
  readonly status: number;
  /** Nothing of it may have reached the program. */
  readonly isBody?: boolean;
}

export const get = (fields: string): string => `GET /x HTTP/1.1\r\n${host}${fields}${end}`;
export const post = (fields: string, body = ""): string =>
  `POST /x HTTP/1.1\r\n${host}${fields}${end}${body}`;
export const chunked = (body: string): string => post("Transfer-Encoding: chunked\r\n", body);
export const line = (text: string): string => `${text}\r\n${host}${end}`;

/** Refused before anything goes up. */
export const refused: readonly Case[] = [
  {
    id: "H01",
    bytes: post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    status: 400,
  },
  { id: "H02", bytes: post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), status: 400 },
  {
    id: "H03 repeated",
    bytes: post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
    status: 400,
  },
  { id: "H03 list", bytes: post("Content-Length: 3, 3\r\n", "abc"), status: 400 },
  ...["+3", "-1", "0x3", "3 3", "", "9007199254740992", "3_0", "\xb3"].map((value) => ({
    id: `H04 ${JSON.stringify(value)}`,
    bytes: post(`Content-Length: ${value}\r\n`, "abc"),
    status: 400,
  })),
  ...["chunked, identity", "identity, chunked", "", "\x0bchunked", "chunked;q=1", "chunked,"].map(
    (value) => ({
      id: `H05 ${JSON.stringify(value)}`,
      bytes: post(`Transfer-Encoding: ${value}\r\n`, "0\r\n\r\n"),
      status: 400,
    }),
  ),
  {
    id: "H05 twice",
    bytes: post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    status: 400,
  },
  { id: "H05 unknown", bytes: post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), status: 400 },
  {
    id: "H06",
    bytes: `POST /x HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  { id: "H07 space before colon", bytes: get("X-A : 1\r\n"), status: 400 },
  { id: "H07 leading space", bytes: `GET /x HTTP/1.1\r\n ${host}${end}`, status: 400 },
  { id: "H07 empty name", bytes: get(": 1\r\n"), status: 400 },
  { id: "H07 no colon", bytes: get("Nonsense\r\n"), status: 400 },
  { id: "H08", bytes: get("X-A: 1\r\n 2\r\n"), status: 400 },
  { id: "H08 on length", bytes: post("Content-Length:\r\n 3\r\n", "abc"), status: 400 },
  { id: "H09 bare LF", bytes: `GET /x HTTP/1.1\n${host}${end}`, status: 400 },
  { id: "H09 bare CR", bytes: get("X-A: 1\r2\r\n"), status: 400 },
  { id: "H09 NUL", bytes: get("X-A: 1\x002\r\n"), status: 400 },
  { id: "H16", bytes: get("Connection: Host\r\n"), status: 400 },
  { id: "H16 identity", bytes: get("Connection: x-forwarded-client-cert\r\n"), status: 400 },
  {
    id: "H16 length",
    bytes: post("Connection: content-length\r\nContent-Length: 3\r\n", "abc"),
    status: 400,
  },
  { id: "H18", bytes: post("Expect: 200-maybe\r\nContent-Length: 3\r\n", "abc"), status: 417 },
  { id: "H22 none", bytes: "GET /x HTTP/1.1\r\n\r\n", status: 400 },
  { id: "H22 none, absolute", bytes: "GET http://app/x HTTP/1.1\r\n\r\n", status: 400 },
  { id: "H22 twice", bytes: get(host), status: 400 },
  ...["app, app", "u@app", "app/b", "app:99999", "app:8o", "[::1"].map((value) => ({
    id: `H22 ${value}`,
    bytes: `GET /x HTTP/1.1\r\nHost: ${value}\r\n\r\n`,
    status: 400,
  })),
  { id: "H23", bytes: "GET http://app/x HTTP/1.1\r\nHost: other\r\n\r\n", status: 400 },
  { id: "H24", bytes: line("GET * HTTP/1.1"), status: 400 },
  { id: "H24 authority", bytes: line("GET app:80 HTTP/1.1"), status: 400 },
  { id: "H25", bytes: line("GET /x HTTP/2.0"), status: 505 },
  { id: "H25 lower", bytes: line("GET /x http/1.1"), status: 400 },
  { id: "H25 0.9", bytes: "GET /x\r\n", status: 400 },
  { id: "H26", bytes: line("G[T /x HTTP/1.1"), status: 400 },
  ...[
    "/a\x01b",
    "/a#b",
    "/a\\b",
    "/%zz",
    "/%00",
    "/%0d%0a",
    "/%c0%af",
    "/\xff",
    "/a%2fb",
    "/a%5cb",
  ].map((target) => ({
    id: `H27 ${JSON.stringify(target)}`,
    bytes: line(`GET ${target} HTTP/1.1`),
    status: 400,
  })),
  { id: "H34 line", bytes: line(`GET /${"a".repeat(9000)} HTTP/1.1`), status: 414 },
  { id: "H34 bytes", bytes: get(`X-A: ${"a".repeat(40_000)}\r\n`), status: 431 },
  { id: "H34 count", bytes: get("X-A: 1\r\n".repeat(120)), status: 431 },
  { id: "H36 lines", bytes: `\r\n\r\n${get("")}`, status: 400 },
  { id: "H36 double space", bytes: line("GET  /x HTTP/1.1"), status: 400 },
  { id: "H36 tab", bytes: line("GET\t/x HTTP/1.1"), status: 400 },
];

/** Found out while the body is already on its way. */
export const cut: readonly Case[] = [
  ...[
    "0x3\r\nabc",
    "-3\r\nabc",
    "+3\r\nabc",
    "3_0\r\nabc",
    " 3\r\nabc",
    "11112222333344445\r\nabc",
    "\r\nabc",
  ].map((body) => ({
    id: `H10 ${JSON.stringify(body)}`,
    bytes: chunked(`${body}\r\n0\r\n\r\n`),
    status: 400,
  })),
  { id: "H11 LF", bytes: chunked("3\nabc\r\n0\r\n\r\n"), status: 400 },
  { id: "H11 LF at the end", bytes: chunked("3\r\nabc\n0\r\n\r\n"), status: 400 },
  { id: "H11 CR in extension", bytes: chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), status: 400 },
  { id: "H11 extension", bytes: chunked(`3;${"a".repeat(2000)}\r\nabc\r\n0\r\n\r\n`), status: 400 },
  { id: "H11 spill", bytes: chunked("3\r\nabcdef\r\n0\r\n\r\n"), status: 400 },
];
