// What tidy enforces, as data: who may import whom, where effects may stand, which words are not
// ours.

/** Package → the packages of ours it may import (design section 3). */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  api: [],
  wire: [],
  runtime: [],
  rules: ["wire", "xds/messages"],
  xds: ["wire", "runtime"],
  control: ["api", "wire", "runtime", "rules", "xds"],
  proxy: ["wire", "runtime", "rules", "xds"],
  agent: ["api", "wire", "runtime", "xds", "proxy"],
  cli: ["api", "runtime", "rules", "control", "agent"],
};

/** Inside a package: files under `from` may not import files under any of `not`, except `but`. */
export interface InnerRule {
  readonly from: string;
  readonly not: readonly string[];
  readonly but?: readonly string[];
  readonly because: string;
}

export const innerRules: readonly InnerRule[] = [
  {
    from: "packages/proxy/src/policy/",
    not: ["packages/proxy/src/"],
    but: ["packages/proxy/src/policy/", "packages/proxy/src/exchange/exchange.ts"],
    because: "a policy sees the exchange and its row, nothing else of the proxy",
  },
  {
    from: "packages/proxy/src/downstream/",
    not: ["packages/proxy/src/upstream/"],
    because: "downstream and upstream meet in exchange/",
  },
  {
    from: "packages/proxy/src/upstream/",
    not: ["packages/proxy/src/downstream/"],
    because: "downstream and upstream meet in exchange/",
  },
  {
    from: "packages/control/src/compile/",
    not: ["packages/control/src/"],
    but: ["packages/control/src/compile/", "packages/control/src/model/"],
    because: "compiling is pure: it reads the model and nothing else",
  },
  {
    from: "packages/control/src/model/",
    not: ["packages/control/src/"],
    but: ["packages/control/src/model/"],
    because: "the model is pure data",
  },
];

/** Names that read the clock, wait, roll dice: allowed only in `effectPlaces`. */
export const effectCalls: ReadonlySet<string> = new Set([
  "Date.now",
  "performance.now",
  "Math.random",
  "setTimeout",
  "setInterval",
  "setImmediate",
]);

/** Modules that open sockets. */
export const socketModules: ReadonlySet<string> = new Set([
  "node:net",
  "node:tls",
  "node:dgram",
  "node:http",
  "node:https",
  "node:http2",
  "node:dns",
  "node:dns/promises",
]);

/** Where effects may stand, each with its reason. */
export const effectPlaces: ReadonlyMap<string, string> = new Map([
  ["packages/runtime/src/", "the one door of effects"],
  ["packages/xds/src/grpc/", "the gRPC adapter"],
  ["packages/control/src/rest/http.ts", "the HTTP framework's adapter"],
  ["packages/control/src/store/sqlite-worker.ts", "the database's own thread"],
  ["packages/agent/shim/", "runs inside other people's programs, without ours"],
  ["packages/cli/src/through-proxy.ts", "the one request that `weft request` sends"],
  [
    "packages/agent/src/health/check.ts",
    "active probes dial the program with the platform's clients",
  ],
]);

/** Words that style.md keeps out of identifiers, by where. */
export interface WordRule {
  readonly under: readonly string[];
  readonly word: RegExp;
  readonly instead: string;
}

export const wordRules: readonly WordRule[] = [
  {
    under: [
      "packages/proxy/src/",
      "packages/xds/src/",
      "packages/wire/src/",
      "packages/rules/src/",
    ],
    word: /^(.*[a-z])?[bB]ackend(s|Ref.*|[A-Z].*)?$/,
    instead: "cluster or endpoint (Gateway API words stop at control/compile)",
  },
  {
    under: ["packages/proxy/", "packages/control/", "packages/agent/", "packages/rules/"],
    word: /^[iI]ngress|^[eE]gress/,
    instead: "inbound/outbound",
  },
  { under: ["packages/"], word: /[vV]irtualService/, instead: "service or route" },
  {
    under: ["packages/"],
    word: /^Sidecar[A-Z]?/,
    instead: "proxy (a sidecar is a deployment of it)",
  },
];

export const forbiddenFileNames: ReadonlySet<string> = new Set([
  "utils",
  "util",
  "helpers",
  "helper",
  "common",
  "misc",
  "types",
  "manager",
  "base",
]);

export const budgets = { fileLines: 500, functionLines: 70, lineColumns: 100 } as const;
