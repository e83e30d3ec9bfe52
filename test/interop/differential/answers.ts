// What a caller is told when a rule leads nowhere, when a program fails or is slow, and how often
// it is tried.

import type { ServerResponse } from "node:http";
import type { DifferentialCase } from "./case.ts";
import type { Recorder } from "./recorder.ts";

const policy = (name: string, spec: string): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${name} }]
  ${spec}`;

/** Each request is answered with this status, `count` times; then with 200. */
function failing(recorder: Recorder, status: number, count: number): void {
  let left = count;
  recorder.onRequest = (_, response: ServerResponse): void => {
    response.writeHead(left-- > 0 ? status : 200, { "x-program": recorder.name });
    response.end("answer");
  };
}

function slow(recorder: Recorder, ms: number): void {
  recorder.onRequest = (_, response: ServerResponse): void => {
    setTimeout(() => {
      response.writeHead(200, { "x-program": recorder.name });
      response.end("late");
    }, ms).unref();
  };
}

/** The connection ends where an answer was due. */
function resetting(recorder: Recorder): void {
  recorder.onRequest = ({ socket }): void => void socket.destroy();
}

export const answerCases: readonly DifferentialCase[] = [
  {
    name: "backends",
    rules: `
- matches: [{ path: { value: /none } }]
- matches: [{ path: { value: /zero } }]
  backendRefs: [{ name: only-v1, port: 80, weight: 0 }]
- matches: [{ path: { value: /missing } }]
  backendRefs: [{ name: not-there, port: 80 }]
- matches: [{ path: { value: /no-port } }]
  backendRefs: [{ name: only-v1, port: 81 }]
- matches: [{ path: { value: /kind } }]
  backendRefs: [{ group: example.com, kind: Thing, name: only-v1, port: 80 }]
- matches: [{ path: { value: /ungranted } }]
  backendRefs: [{ name: elsewhere, namespace: other, port: 80 }]
- matches: [{ path: { value: /ghost } }]
  backendRefs: [{ name: only-v1, port: 80, weight: 0 }, { name: not-there, port: 80, weight: 5 }]
- matches: [{ path: { value: /one-of-two } }]
  backendRefs: [{ name: only-v1, port: 80, weight: 1 }, { name: only-v2, port: 80, weight: 0 }]`,
    requests: [
      ...["GET /none", "POST /none", "GET /zero", "GET /missing", "GET /no-port", "GET /kind"],
      ...["GET /ungranted", "GET /ghost", "POST /ghost", "GET /one-of-two"],
    ],
  },
  {
    name: "no-endpoints",
    program: "v1",
    objects: "",
    requests: ["GET /\nHost: empty", "POST /\nHost: empty"],
  },
  {
    name: "refused",
    requests: ["GET /\nHost: closed-port", "POST /\nHost: closed-port"],
  },
  {
    name: "retry-default",
    program: "bare",
    prepare: ({ bare }) => failing(bare, 503, 1),
    requests: ["GET /"],
  },
  {
    name: "retry-post",
    program: "bare",
    prepare: ({ bare }) => failing(bare, 503, 1),
    requests: [{ text: "POST /", body: "x" }],
  },
  {
    name: "retry-exhausted",
    program: "bare",
    prepare: ({ bare }) => failing(bare, 503, 9),
    requests: ["GET /"],
  },
  {
    name: "retry-not-500",
    program: "bare",
    prepare: ({ bare }) => failing(bare, 500, 1),
    requests: ["GET /"],
  },
  {
    name: "retry-sidecar",
    prepare: ({ v1 }) => failing(v1, 503, 1),
    requests: ["GET /"],
  },
  {
    name: "retry-codes",
    program: "bare",
    objects: policy("retry-codes", 'retry: { attempts: 3, on: [500, "502"] }'),
    prepare: ({ bare }) => failing(bare, 500, 2),
    requests: [{ text: "POST /", body: "x" }],
  },
  {
    name: "retry-names",
    program: "bare",
    objects: policy("retry-names", "retry: { attempts: 1, on: [gateway-error] }"),
    prepare: ({ bare }) => failing(bare, 502, 2),
    requests: [{ text: "POST /", body: "x" }, "GET /"],
  },
  {
    name: "retry-5xx",
    program: "bare",
    objects: policy("retry-5xx", "retry: { attempts: 2, on: [5xx] }"),
    prepare: ({ bare }) => failing(bare, 501, 2),
    requests: ["GET /"],
  },
  {
    name: "retry-4xx",
    program: "bare",
    objects: policy("retry-4xx", "retry: { attempts: 2, on: [retriable-4xx] }"),
    prepare: ({ bare }) => failing(bare, 409, 1),
    requests: ["GET /"],
  },
  {
    name: "retry-off",
    program: "bare",
    objects: policy("retry-off", "retry: { attempts: 0 }"),
    prepare: ({ bare }) => failing(bare, 503, 1),
    requests: ["GET /"],
  },
  {
    name: "reset-default",
    program: "bare",
    prepare: ({ bare }) => resetting(bare),
    requests: ["GET /", { text: "POST /", body: "x" }],
  },
  {
    name: "reset-retried",
    program: "bare",
    objects: policy("reset-retried", "retry: { attempts: 1, on: [reset] }"),
    prepare: ({ bare }) => resetting(bare),
    requests: ["GET /", { text: "POST /", body: "x" }],
  },
  {
    name: "timeout-request",
    program: "bare",
    objects: policy("timeout-request", "timeout: { request: 200ms }"),
    prepare: ({ bare }) => slow(bare, 1_000),
    requests: ["GET /"],
  },
  {
    name: "timeout-rule",
    rules: `
- matches: [{ path: { value: /short } }]
  timeouts: { request: 200ms }
  backendRefs: [{ name: to-bare, port: 80 }]
- matches: [{ path: { value: /off } }]
  timeouts: { request: 0s }
  backendRefs: [{ name: to-bare, port: 80 }]`,
    objects: policy("timeout-rule", "timeout: { request: 300ms }"),
    prepare: ({ bare }) => slow(bare, 600),
    requests: ["GET /short", "GET /off"],
  },
  {
    name: "timeout-try",
    rules: `
- timeouts: { request: 2s, backendRequest: 200ms }
  backendRefs: [{ name: to-bare, port: 80 }]`,
    prepare: ({ bare }) => slow(bare, 1_000),
    requests: ["GET /"],
  },
  {
    name: "timeout-try-retried",
    program: "bare",
    objects: policy(
      "timeout-try-retried",
      "retry: { attempts: 1, perTryTimeout: 200ms, on: [gateway-error] }",
    ),
    prepare: ({ bare }) => slow(bare, 1_000),
    requests: ["GET /"],
  },
  {
    name: "strict-unmeshed",
    program: "bare",
    objects: `
apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: strict-unmeshed }
spec:
  targetRefs: [{ group: "", kind: Service, name: strict-unmeshed }]
  mtls: { mode: Strict }`,
    requests: ["GET /"],
  },
  {
    name: "breaker",
    program: "bare",
    objects: policy("breaker", "circuitBreaker: { maxRequests: 2 }\n  retry: { attempts: 0 }"),
    prepare: ({ bare }) => slow(bare, 500),
    requests: [{ text: "GET /", parallel: 5 }],
  },
  {
    name: "tunnels",
    requests: [
      { text: "CONNECT to-tcp:7000\nHost: to-tcp:7000", after: "over tcp" },
      "CONNECT to-tcp:7002\nHost: to-tcp:7002",
      { text: "CONNECT tunnels:80\nHost: tunnels:80", after: "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
    ],
    differs: [
      {
        row: "CONNECT to an HTTP service",
        request: "CONNECT tunnels:80\nHost: tunnels:80",
        lines: ["status: 200 | 404", "requests: 1 | 0"],
      },
    ],
  },
  {
    name: "outside",
    requests: [
      "GET /x?y=1\nHost: 127.0.0.1:{bare}",
      "GET http://127.0.0.1:{bare}/x\nHost: 127.0.0.1:{bare}",
      "GET /x\nHost: localhost:{bare}",
      "GET /\nHost: no-such-name.invalid",
      "GET /\nHost: 127.0.0.1:{closed}",
      { text: "CONNECT 127.0.0.1:{tcp}\nHost: 127.0.0.1:{tcp}", after: "over tcp" },
      "CONNECT 127.0.0.1:{closed}\nHost: 127.0.0.1:{closed}",
      "GET /\nHost: 127.0.0.1:{self}",
      "GET /\nHost: localhost:{self}",
    ],
  },
];

/** With `MeshConfig.spec.outbound: RegistryOnly`. */
export const registryCase: DifferentialCase = {
  name: "registry-only",
  requests: [
    "GET /\nHost: 127.0.0.1:{bare}",
    "GET http://no-such-name.invalid/\nHost: no-such-name.invalid",
    "CONNECT 127.0.0.1:{tcp}\nHost: 127.0.0.1:{tcp}",
    "GET /\nHost: path-exact",
  ],
};
