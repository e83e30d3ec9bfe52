// What a route changes: headers both ways, path, host, redirects, copies for a mirror.

import type { DifferentialCase } from "./case.ts";

const v1 = "backendRefs: [{ name: only-v1, port: 80 }]";

/** A rule for a path prefix with one filter. */
const filtered = (prefix: string, filter: string, refs = v1): string => `
- matches: [{ path: { value: ${prefix} } }]
  filters: [${filter}]
  ${refs}`;

const requestHeaders = (edits: string): string =>
  `{ type: RequestHeaderModifier, requestHeaderModifier: { ${edits} } }`;
const responseHeaders = (edits: string): string =>
  `{ type: ResponseHeaderModifier, responseHeaderModifier: { ${edits} } }`;
const redirect = (fields: string): string =>
  `{ type: RequestRedirect, requestRedirect: { ${fields} } }`;
const rewrite = (fields: string): string => `{ type: URLRewrite, urlRewrite: { ${fields} } }`;
const fullPath = (value: string): string =>
  `path: { type: ReplaceFullPath, replaceFullPath: "${value}" }`;
const prefixPath = (value: string): string =>
  `path: { type: ReplacePrefixMatch, replacePrefixMatch: "${value}" }`;

export const filterCases: readonly DifferentialCase[] = [
  {
    name: "request-headers",
    rules:
      filtered("/set", requestHeaders('set: [{ name: X-A, value: "new" }]')) +
      filtered("/add", requestHeaders('add: [{ name: X-A, value: "more" }]')) +
      filtered("/remove", requestHeaders("remove: [X-A, user-agent]")) +
      filtered(
        "/percent",
        requestHeaders('set: [{ name: x-p, value: "50%" }, { name: x-q, value: "%REQ(:path)%" }]'),
      ) +
      filtered("/host", requestHeaders('set: [{ name: Host, value: "set.example" }]')) +
      filtered(
        "/all",
        requestHeaders(
          'set: [{ name: x-s, value: "1" }], add: [{ name: x-d, value: "2" }], remove: [x-r]',
        ),
      ) +
      `
- matches: [{ path: { value: /ref } }]
  filters: [${requestHeaders("set: [{ name: x-a, value: rule }], add: [{ name: x-b, value: rule }]")}]
  backendRefs:
    - name: only-v1
      port: 80
      filters: [${requestHeaders("set: [{ name: x-a, value: ref }], add: [{ name: x-b, value: ref }]")}]`,
    requests: [
      "GET /set",
      "GET /set\nx-a: old",
      "GET /set\nx-a: old\nx-a: older",
      "GET /add",
      "GET /add\nx-a: old",
      "GET /add\nx-a: old\nx-a: older",
      "GET /remove\nx-a: 1\nX-A: 2\nUser-Agent: me",
      "GET /percent",
      "GET /host",
      "GET /all\nx-s: 0\nx-d: 0\nx-r: 0",
      "GET /ref",
      "GET /ref\nx-a: own\nx-b: own",
    ],
  },
  {
    name: "response-headers",
    rules:
      filtered(
        "/set",
        responseHeaders('set: [{ name: X-Twice, value: "new" }, { name: server, value: weft }]'),
      ) +
      filtered(
        "/add",
        responseHeaders(
          'add: [{ name: X-Twice, value: "more" }, { name: set-cookie, value: "c=3" }]',
        ),
      ) +
      filtered("/remove", responseHeaders("remove: [x-twice, set-cookie, Server]")) +
      `
- matches: [{ path: { value: /ref } }]
  filters: [${responseHeaders("set: [{ name: x-a, value: rule }], add: [{ name: x-b, value: rule }]")}]
  backendRefs:
    - name: only-v1
      port: 80
      filters: [${responseHeaders("set: [{ name: x-a, value: ref }], add: [{ name: x-b, value: ref }]")}]` +
      `
- matches: [{ path: { value: /none } }]
  filters: [${responseHeaders("set: [{ name: x-a, value: rule }]")}]
- matches: [{ path: { value: /gone } }]
  filters: [${responseHeaders("set: [{ name: x-a, value: rule }]")}]
  backendRefs: [{ name: does-not-exist, port: 80 }]
- matches: [{ path: { value: /moved } }]
  filters: [${responseHeaders("set: [{ name: x-a, value: rule }]")}, ${redirect("hostname: other.example")}]`,
    requests: [
      "GET /set",
      "GET /add",
      "GET /remove",
      "GET /ref",
      "GET /none",
      "GET /gone",
      "GET /moved",
    ],
  },
  {
    name: "redirects",
    ports: [8080],
    rules:
      filtered("/scheme", redirect("scheme: https"), "") +
      filtered("/http", redirect("scheme: http"), "") +
      filtered("/host", redirect("hostname: other.example"), "") +
      filtered("/port", redirect("port: 8443"), "") +
      filtered("/default-port", redirect("port: 80"), "") +
      filtered("/tls-port", redirect("scheme: https, port: 443"), "") +
      filtered("/tls-other", redirect("scheme: https, port: 8443, hostname: other.example"), "") +
      filtered("/host-and-scheme", redirect("scheme: https, hostname: other.example"), "") +
      filtered("/host-and-port", redirect("port: 80, hostname: other.example"), "") +
      filtered("/full", redirect(`statusCode: 301, ${fullPath("/new")}`), "") +
      filtered("/full-root", redirect(fullPath("/")), "") +
      filtered("/prefix", redirect(prefixPath("/new")), "") +
      filtered("/prefix-root", redirect(prefixPath("/")), "") +
      filtered("/prefix-slash", redirect(prefixPath("/new/")), "") +
      filtered(
        "/all",
        redirect(
          `scheme: https, hostname: x.example, port: 444, statusCode: 301, ${fullPath("/y")}`,
        ),
        "",
      ),
    requests: [
      ...[
        "/scheme/a?b=c",
        "/http",
        "/host/a?b",
        "/port",
        "/default-port",
        "/tls-port",
        "/tls-other",
      ],
      ...["/host-and-scheme/x", "/host-and-port", "/full/a?b=c", "/full-root/a", "/all?z"],
      ...[
        "/prefix",
        "/prefix/",
        "/prefix/a/b?c",
        "/prefix-root",
        "/prefix-root/",
        "/prefix-root/a",
      ],
      ...["/prefix-slash", "/prefix-slash/a"],
    ].flatMap((target) => [
      `GET ${target}`,
      `GET ${target}\nHost: redirects:80`,
      `GET ${target}\nHost: redirects.default:8080`,
    ]),
  },
  {
    name: "rewrites",
    rules:
      filtered("/host", rewrite("hostname: rewritten.example")) +
      filtered("/full", rewrite(fullPath("/new"))) +
      filtered("/full-group", rewrite(fullPath("/a\\\\\\\\1$1"))) +
      filtered("/both", rewrite(`hostname: r.example, ${fullPath("/")}`)) +
      filtered("/prefix", rewrite(prefixPath("/new"))) +
      filtered("/prefix-root", rewrite(prefixPath("/"))) +
      filtered("/prefix-slash", rewrite(prefixPath("/new/"))) +
      filtered("/pre.fix", rewrite(prefixPath(""))) +
      filtered("/sl/", rewrite(prefixPath("/new"))) +
      `
- matches: [{ path: { type: Exact, value: /exact } }]
  filters: [${rewrite(fullPath("/new"))}]
  ${v1}
- matches: [{ path: { type: RegularExpression, value: "/re/.*" } }]
  filters: [${rewrite(fullPath("/new"))}]
  ${v1}` +
      filtered("/", rewrite(prefixPath("/base"))),
    requests: [
      ...[
        "/host/a?b",
        "/full/a?b=c",
        "/full-group",
        "/both/x",
        "/prefix",
        "/prefix/",
        "/prefix/a?b",
      ],
      ...["/prefix-root", "/prefix-root/", "/prefix-root/a", "/prefix-root?q", "/prefix-slash/a"],
      ...["/prefix-slash", "/pre.fix/a", "/prexfix/a", "/sl", "/sl/", "/sl/a", "/exact", "/re/a?b"],
      ...["/", "/other", "/?q=1", "/prefix/a%20b", "/prefix//a"],
    ].map((target) => `GET ${target}`),
  },
  {
    name: "mirror",
    rules:
      filtered(
        "/all",
        "{ type: RequestMirror, requestMirror: { backendRef: { name: to-other, port: 80 } } }",
      ) +
      filtered(
        "/none",
        "{ type: RequestMirror, requestMirror: { percent: 0, backendRef: { name: to-other, port: 80 } } }",
      ) +
      filtered(
        "/missing",
        "{ type: RequestMirror, requestMirror: { backendRef: { name: not-there, port: 80 } } }",
      ) +
      filtered(
        "/edited",
        `{ type: RequestMirror, requestMirror: { backendRef: { name: to-other, port: 80 } } }, ${requestHeaders('set: [{ name: x-edited, value: "1" }]')}, ${rewrite(`hostname: r.example, ${fullPath("/new")}`)}`,
      ),
    requests: [
      "GET /all/a?b=c\nx-a: 1",
      { text: "POST /all", body: "copied" },
      "GET /none",
      "GET /missing",
      "GET /edited",
    ],
    differs: ["GET /all/a?b=c\nx-a: 1", "POST /all", "GET /edited"].map((request) => ({
      row: "Mirrored copies",
      request,
      lines: [
        "seen header:  | x-envoy-internal: true",
        "seen header:  | x-forwarded-for: (this machine)",
      ],
    })),
  },
];
