// What a proxy makes of the message itself: spellings of paths and hosts, headers of one hop,
// framing, upgrades.

import type { DifferentialCase } from "./case.ts";

export const messageCases: readonly DifferentialCase[] = [
  {
    name: "path-spellings",
    differs: [
      ...["GET /a/%2e%2e/a/b", "GET /a\\b", "GET /../a/b"].map((request) => ({
        row: "Spellings of a path",
        request,
        lines: ["status: 400 | 200", "requests: 0 | 1"],
      })),
      ...["GET /a/%zz", "GET /a/b?%zz"].map((request) => ({
        row: "Spellings of a path",
        request,
        lines: ["status: 400 | 502"],
      })),
    ],
    rules: `
- matches: [{ path: { value: /a/b } }]
  backendRefs: [{ name: only-v2, port: 80 }]
- backendRefs: [{ name: only-v1, port: 80 }]`,
    requests: [
      ...["GET /a//b", "GET //a/b", "GET /a/./b", "GET /a/c/../b", "GET /a/b/..", "GET /../a/b"],
      ...["GET /a/%2e%2e/a/b", "GET /%61/b", "GET /a%2fb", "GET /a%2Fb", "GET /a%5cb", "GET /a\\b"],
      ...["GET /a/%zz", "GET /a/b%20c", "GET /a/b%c3%a4", "GET /a/b/;x=1", "GET /a/b?x=/../c"],
      ...["OPTIONS *", "get /a/b", "GET /a/b?", "GET /a/b?%zz", "GET /a/b%7Ec", "GET /a/b%7ec%3a"],
    ],
  },
  {
    name: "host-forms",
    differs: [
      "GET http://host-forms/absolute\nHost: ignored.example",
      "GET http://host-forms.default:80/absolute?x=1\nHost: host-forms",
    ].map((request) => ({
      row: "A target and a Host that differ",
      request,
      lines: ["status: 400 | 200", "requests: 0 | 1"],
    })),
    ports: [8080],
    rules: "\n- backendRefs: [{ name: only-v1, port: 80 }]",
    requests: [
      "GET /\nHost: host-forms.default",
      "GET /\nHost: host-forms.default.mesh",
      "GET /\nHost: host-forms.default.svc.cluster.local",
      "GET /\nHost: host-forms:80",
      "GET /\nHost: host-forms.default.svc.cluster.local:80",
      "GET /\nHost: HOST-Forms",
      "GET /\nHost: host-forms:8080",
      "GET /\nHost: host-forms:81",
      "GET /\nHost: host-forms.default.mesh:81",
      "GET /\nHost: host-forms.",
      "GET http://host-forms/absolute\nHost: ignored.example",
      "GET http://host-forms/absolute?x=1\nHost: host-forms",
      "GET http://host-forms.default:80/absolute?x=1\nHost: host-forms",
    ],
  },
  {
    name: "hop-headers",
    differs: [
      {
        row: "Orders in x-envoy headers",
        request: "GET /\nx-envoy-retry-on: 5xx\nx-envoy-max-retries: 9",
        lines: ["seen header: x-envoy-max-retries: 9 | ", "seen header: x-envoy-retry-on: 5xx | "],
      },
      {
        row: "Orders in x-envoy headers",
        request: "GET /\nx-envoy-upstream-rq-timeout-ms: 10000",
        lines: ["seen header: x-envoy-upstream-rq-timeout-ms: 10000 | "],
      },
    ],
    requests: [
      "GET /\nConnection: close, x-hop\nx-hop: 1\nx-kept: 1",
      "GET /\nTE: trailers",
      "GET /\nKeep-Alive: timeout=5",
      "GET /\nProxy-Connection: keep-alive",
      "GET /\nProxy-Authorization: Basic eDp5",
      "GET /\nX-Forwarded-For: 127.0.0.9",
      "GET /\nX-Forwarded-Proto: https",
      "GET /\nForwarded: for=127.0.0.9",
      "GET /\nVia: 1.1 other",
      "GET /\nX-Request-Id: 0123",
      "GET /\nX-Forwarded-Client-Cert: URI=spiffe://weft.local/ns/x/sa/y",
      "GET /\nx-weft-flag: no",
      "GET /\nUser-Agent: test\nAccept: */*\nAccept-Encoding: gzip",
      "GET /\nx-empty:\nx-Case: Kept-Value",
      "GET /\nCookie: a=1\nCookie: b=2",
      "GET /\nx_under: 1",
      "GET /\nx-envoy-retry-on: 5xx\nx-envoy-max-retries: 9",
      "GET /\nx-envoy-upstream-rq-timeout-ms: 10000",
    ],
  },
  {
    name: "framing",
    differs: [
      {
        row: "Expect: 100-continue",
        request: "POST /\nExpect: 100-continue",
        lines: ["seen header: expect: 100-continue | "],
      },
      {
        row: "Malformed requests",
        request: "POST /\nTransfer-Encoding: gzip, chunked",
        lines: ["status: 400 | 501"],
      },
    ],
    requests: [
      { text: "POST /", body: "hello" },
      { text: "POST /\nTransfer-Encoding: chunked", body: "5\r\nhello\r\n0\r\n\r\n" },
      {
        text: "POST /\nTransfer-Encoding: chunked",
        body: "5\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n",
      },
      { text: "POST /\nExpect: 100-continue", body: "hello" },
      { text: "PUT /", body: "" },
      "POST /",
      { text: "GET /", body: "body of a GET" },
      { text: "DELETE /", body: "x" },
      "HEAD /",
      { text: "POST /\nTransfer-Encoding: chunked\nContent-Length: 5", body: "0\r\n\r\n" },
      { text: "POST /\nContent-Length: 5\nContent-Length: 6", body: "hello" },
      { text: "POST /\nTransfer-Encoding: gzip, chunked", body: "0\r\n\r\n" },
      { text: `POST /large`, body: "x".repeat(300_000) },
    ],
  },
  {
    name: "statuses",
    prepare: ({ v1 }) => {
      v1.onRequest = ({ headers, method }, response) => {
        const status = Number(headers["x-status"]);
        response.writeHead(status, { "x-program": "v1", "content-type": "text/plain" });
        response.end([204, 304].includes(status) || method === "HEAD" ? "" : "content");
      };
    },
    requests: [204, 205, 206, 301, 304, 400, 401, 404, 418, 429, 500, 501, 502, 504, 505, 599].map(
      (status) => `GET /\nx-status: ${status}`,
    ),
  },
  {
    name: "websocket",
    requests: [
      {
        text:
          "GET /chat?room=1\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        after: "ping",
      },
      "GET /\nConnection: close, upgrade\nUpgrade: h2c",
    ],
  },
];
