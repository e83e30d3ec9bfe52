// The hot paths of the codec: `node --conditions=@weft/source
// packages/wire/src/http1/request-parser.bench.ts`. Quote the figures before and after when a
// change touches them.

import { bench, do_not_optimize, group, run } from "mitata";
import { RequestHead, ResponseHead } from "./head.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";
import { writeRequestHead, writeResponseHead } from "./writer.ts";

const small = Buffer.from(
  "GET /items/42?full=1 HTTP/1.1\r\nHost: catalog.shop\r\n" +
    "User-Agent: curl/8.0\r\nAccept: */*\r\n\r\n",
);
const browser = Buffer.from(
  [
    "GET /items/42?full=1 HTTP/1.1",
    "Host: catalog.shop:80",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "X-Request-Id: 6f1c2f3e-5a4b-4c3d-8e2f-1a2b3c4d5e6f",
    "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "X-Tenant: blue",
    "Cache-Control: no-cache",
    "Connection: keep-alive",
    "\r\n",
  ].join("\r\n"),
);
const halves = [browser.subarray(0, 200), browser.subarray(200)] as const;
const chunked = Buffer.from(
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${
    `40\r\n` + `${"x".repeat(64)}\r\n`.repeat(16)
  }0\r\n\r\n`,
);
const answer = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 66\r\n" +
    `Date: Mon, 23 Nov 2026 01:00:00 GMT\r\n\r\n${"x".repeat(66)}`,
);

let request = new RequestHead();
let response = new ResponseHead();
const requestSink = {
  head(head: RequestHead): void {
    request = head;
  },
  data(): void {},
  end(): void {},
  error(code: number): void {
    throw new Error(`refused: ${code}`);
  },
};
const responseSink = {
  ...requestSink,
  head(head: ResponseHead): void {
    response = head;
  },
};

const requestParser = new RequestParser();
const responseParser = new ResponseParser();

group("read", () => {
  bench(`request of ${small.length} bytes`, () => requestParser.feed(small, requestSink));
  bench(`request of ${browser.length} bytes`, () => requestParser.feed(browser, requestSink));
  bench(`request of ${browser.length} bytes in two chunks`, () => {
    for (const half of halves) requestParser.feed(half, requestSink);
  });
  bench("request of 16 chunks", () => requestParser.feed(chunked, requestSink));
  bench(`response of ${answer.length} bytes`, () => {
    responseParser.expect("GET", false);
    responseParser.feed(answer, responseSink);
  });
});

requestParser.feed(browser, requestSink);
responseParser.expect("GET", false);
responseParser.feed(answer, responseSink);
const outgoing = Object.assign(new RequestHead(), request);
const returning = Object.assign(new ResponseHead(), response, { peerMinorVersion: 1 as const });

group("write", () => {
  bench("request head", () => do_not_optimize(writeRequestHead(outgoing)));
  bench("response head", () => do_not_optimize(writeResponseHead(returning)));
});

await run();
