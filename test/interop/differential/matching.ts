// Which route a request meets: paths, headers, query parameters, methods, and their precedence.

import type { DifferentialCase } from "./case.ts";

/** A rule that leads to one program, with its matches. */
const to = (version: "v1" | "v2", matches: string): string => `
- matches: ${matches}
  backendRefs: [{ name: only-${version}, port: 80 }]`;

export const matchingCases: readonly DifferentialCase[] = [
  {
    name: "path-exact",
    rules: to("v2", "[{ path: { type: Exact, value: /exact } }]") + to("v1", "[]"),
    requests: ["GET /exact", "GET /exact/", "GET /exact/x", "GET /EXACT", "GET /exact?q=1"],
  },
  {
    name: "path-prefix",
    rules:
      to("v2", "[{ path: { type: PathPrefix, value: /foo } }]") +
      to("v1", "[{ path: { type: PathPrefix, value: /bar/ } }]"),
    requests: [
      ...["GET /foo", "GET /foo/", "GET /foo/bar", "GET /foobar", "GET /foo?x", "GET /fo"],
      ...["GET /bar", "GET /bar/", "GET /bar/x", "GET /barx", "GET /"],
    ],
  },
  {
    name: "path-regex",
    rules:
      to("v2", '[{ path: { type: RegularExpression, value: "/items/[0-9]+" } }]') +
      to("v1", '[{ path: { type: RegularExpression, value: "/(a|b)(/.*)?" } }]'),
    requests: [
      ...["GET /items/1", "GET /items/1?x=1", "GET /items/x", "GET /items/1/2", "GET /x/items/1"],
      ...["GET /a", "GET /b/", "GET /a/b/c", "GET /ab", "GET /c"],
    ],
  },
  {
    name: "header-matches",
    rules:
      to("v2", '[{ headers: [{ name: X-Canary, value: "yes" }] }]') +
      to("v2", '[{ headers: [{ name: x-kind, type: RegularExpression, value: "a+|b" }] }]') +
      to(
        "v2",
        '[{ headers: [{ name: Host, value: header-matches }, { name: x-two, value: "2" }] }]',
      ) +
      to("v1", "[]"),
    requests: [
      "GET /\nx-canary: yes",
      "GET /\nX-CANARY: yes",
      "GET /\nx-canary: YES",
      "GET /\nx-canary:   yes  ",
      "GET /\nx-canary: yes\nx-canary: no",
      "GET /\nx-canary: no\nx-canary: yes",
      "GET /\nx-kind: a\nx-kind: c",
      "GET /\nx-joined: a\nx-joined: b",
      "GET /\nx-joined: a,b",
      "GET /\nx-canary: yes, no",
      "GET /\nx-canary:",
      "GET /\nx-kind: aaa",
      "GET /\nx-kind: ab",
      "GET /\nx-kind: b",
      "GET /\nx-two: 2",
    ],
  },
  {
    name: "query-matches",
    rules:
      to("v2", '[{ queryParams: [{ name: page, value: "2" }] }]') +
      to("v2", '[{ queryParams: [{ name: kind, type: RegularExpression, value: "[ab]" }] }]') +
      to("v2", '[{ queryParams: [{ name: text, value: "a b" }] }]') +
      to("v1", "[]"),
    requests: [
      ...["GET /?page=2", "GET /?page=2&page=3", "GET /?page=3&page=2", "GET /?x=1&page=2"],
      ...["GET /?page=2#f", "GET /?page=%32", "GET /?Page=2", "GET /?page=22", "GET /?page"],
      ...["GET /?kind=a", "GET /?kind=ab", "GET /?kind=c&kind=a", "GET /?text=a%20b"],
      ...["GET /?text=a+b", "GET /?a[]=1", "GET /?a%5B%5D=1", "GET /?page=2;x=1", "GET /?&page=2"],
    ],
  },
  {
    name: "method-matches",
    rules: to("v2", "[{ method: POST }, { method: GET, path: { value: /get } }]") + to("v1", "[]"),
    requests: ["POST /", "GET /", "GET /get", "PUT /", "OPTIONS /", "DELETE /get", "PATCH /"],
  },
  {
    name: "precedence",
    rules:
      to("v1", "[{ path: { value: / } }]") +
      to("v2", "[{ path: { value: /a } }]") +
      to("v1", '[{ path: { value: /a }, headers: [{ name: x, value: "1" }] }]') +
      to("v2", "[{ path: { value: /a }, method: PUT }]") +
      to("v1", "[{ path: { type: Exact, value: /a/b } }]") +
      to("v2", '[{ path: { value: /a/b/c }, queryParams: [{ name: q, value: "1" }] }]') +
      to("v1", '[{ path: { value: /a/b/c }, headers: [{ name: x, value: "1" }] }]'),
    requests: [
      ...["GET /", "GET /a", "GET /a\nx: 1", "PUT /a\nx: 1", "GET /a/b", "GET /a/b/"],
      ...["GET /a/b/c", "GET /a/b/c?q=1", "GET /a/b/c?q=1\nx: 1"],
    ],
  },
  {
    name: "no-match",
    rules: to("v1", "[{ path: { value: /only } }]"),
    requests: ["GET /only", "GET /other", "HEAD /other", "POST /other"],
  },
  { name: "no-route", requests: ["GET /anything", "POST /anything", "PURGE /anything"] },
];
