// `node bench/growth.ts [routes|endpoints] [rounds]`: what a request costs one proxy as its service
// grows from 10 to 10,000, in interleaved rounds; medians of the rounds' ratios. The wanted ratio
// is 1.15 at most.
//
// routes: exact paths and prefixes. endpoints: loopback addresses, all of them one nginx on a
// wildcard socket, so that nothing but the proxy meets 10,000 of anything. An endpoint has
// connections of its own, and what those cost is in the figures: "closing" dials for every request
// on both sides, so only what the proxy holds differs; "opening" is the default from a fresh start,
// when nearly each request of the many needs a new connection; "kept" is the same once all are
// open.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { measure } from "./load.ts";
import { startOrigin } from "./origin.ts";
import { answering, Crew, type RunningPeer } from "./peer.ts";
import { nginxConfiguration, nginxPath } from "./peers/nginx.ts";
import { weftOf } from "./peers/weft.ts";
import { median } from "./report.ts";

const what = process.argv[2] ?? "routes";
const rounds = Number(process.argv[3] ?? 15);
const root = path.resolve(import.meta.dirname, "..");
const counts = [10, 10_000] as const;
/** The Gateway API allows a route 128 matches in all; one more tells when the proxy is ready. */
const pathsPerRoute = 120;
/** As Kubernetes allows. */
const endpointsPerSlice = 1000;

/** HTTPRoutes with `count` paths in all, `/r0` to the last. */
function routes(kind: "Exact" | "PathPrefix", count: number): object[] {
  const objects: object[] = [];
  for (let from = 0; from < count; from += pathsPerRoute) {
    const ready = [{ path: { type: "Exact", value: "/" } }];
    const rules: object[] = [{ matches: ready, backendRefs: [{ name: "origin", port: 80 }] }];
    for (let i = from; i < Math.min(from + pathsPerRoute, count); i += 8) {
      const matches = Array.from({ length: Math.min(8, count - i) }, (_, j) => ({
        path: { type: kind, value: `/r${i + j}` },
      }));
      rules.push({ matches, backendRefs: [{ name: "origin", port: 80 }] });
    }
    objects.push({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: `routes-${from}`, namespace: "default" },
      spec: { parentRefs: [{ group: "", kind: "Service", name: "origin" }], rules },
    });
  }
  return objects;
}

/** Slices with `count` addresses beside the one that is there already. */
function slices(count: number, port: number): object[] {
  const objects: object[] = [];
  for (let from = 0; from < count; from += endpointsPerSlice) {
    const endpoints = Array.from({ length: Math.min(endpointsPerSlice, count - from) }, (_, i) => {
      const n = from + i;
      const address = `127.1.${Math.floor(n / 250)}.${1 + (n % 250)}`;
      return { addresses: [address], conditions: { ready: true } };
    });
    objects.push({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `origin-more-${from}`,
        namespace: "default",
        labels: { "kubernetes.io/service-name": "origin" },
      },
      addressType: "IPv4",
      endpoints,
      ports: [{ name: "http", port, appProtocol: "http" }],
    });
  }
  return objects;
}

/** One program on every loopback address: `/` keeps connections, `/closing` ends them. */
async function startEverywhere(crew: Crew): Promise<number> {
  const own = path.join(dir, "everywhere");
  mkdirSync(own);
  const port = await freePort();
  const answer = `return 200 "${"x".repeat(66)}";`;
  const http = `keepalive_timeout 600s;
server { listen ${port} backlog=4096; allow 127.0.0.0/8; deny all;
location / { ${answer} } location /closing { keepalive_timeout 0; ${answer} } }`;
  const text = nginxConfiguration(own, http).replace(/(worker_connections) \d+/, "$1 19000");
  writeFileSync(path.join(own, "nginx.conf"), text);
  crew.spawn(nginxPath(), ["-p", own, "-c", path.join(own, "nginx.conf")]);
  await answering(port, "/");
  return port;
}

interface Grown {
  readonly label: string;
  readonly requestPath: string;
  readonly peer: RunningPeer;
}

const dir = mkdtempSync(path.join(tmpdir(), "weft-growth-"));
const origin = new Crew();
const running: RunningPeer[] = [];

async function start(name: string, originPort: number, objects: object[]): Promise<RunningPeer> {
  const own = path.join(dir, name);
  mkdirSync(own);
  const peer = weftOf(root, "weft", objects);
  const started = await peer.start({ topology: "one-hop", originPort, dir: own });
  running.push(started);
  return started;
}

async function cost({ peer, requestPath }: Grown, rate: number, seconds: number): Promise<number> {
  const logFile = path.join(dir, "h2load.log");
  rmSync(logFile, { force: true });
  const load = { connections: 64, rate, seconds, messageFile: null, path: requestPath, logFile };
  const measured = await measure(peer, load);
  if (measured.failed > 0) throw new Error(`${measured.failed} requests failed`);
  return measured.cpuMicros;
}

/** Rounds of both, in turn; the first ones only warm up. */
async function compare(
  [few, many]: readonly [Grown, Grown],
  warmUps: number,
  count = rounds,
): Promise<void> {
  const costs: [number, number][] = [];
  for (let round = -warmUps; round < count; round++) {
    const seconds = round < 0 ? 4 : 2;
    const pair: [number, number] = [
      await cost(few, 2000, seconds),
      await cost(many, 2000, seconds),
    ];
    if (round >= 0) costs.push(pair);
  }
  const of = (i: 0 | 1): string => median(costs.map((pair) => pair[i])).toFixed(1);
  const ratio = median(costs.map(([less, more]) => more / less)).toFixed(3);
  console.log(`${few.label}: ${of(0)} µs; ${many.label}: ${of(1)} µs; ratio ${ratio}`);
}

async function growRoutes(): Promise<void> {
  const originPort = await startOrigin(origin, dir, "one-hop");
  for (const kind of ["Exact", "PathPrefix"] as const) {
    const grown = async (count: number): Promise<Grown> => ({
      label: `${count} routes, ${kind}`,
      requestPath: `/r${count - 1}`,
      peer: await start(`${kind}-${count}`, originPort, routes(kind, count)),
    });
    await compare([await grown(counts[0]), await grown(counts[1])], 2);
  }
}

async function growEndpoints(): Promise<void> {
  const port = await startEverywhere(origin);
  const [few, many] = [
    await start("few", port, slices(counts[0] - 1, port)),
    await start("many", port, slices(counts[1] - 1, port)),
  ];
  const pair = (how: string, requestPath: string): [Grown, Grown] => [
    { label: `${counts[0]} endpoints, ${how}`, requestPath, peer: few },
    { label: `${counts[1]} endpoints, ${how}`, requestPath, peer: many },
  ];
  await compare(pair("closing", "/closing"), 3);
  const opening = pair("opening", "/");
  await compare(opening, 0, 1);
  // So many draws of 10,000 leave few endpoints without a connection.
  for (const grown of opening) await cost(grown, 4000, 20);
  await compare(pair("kept", "/"), 1);
}

try {
  await (what === "endpoints" ? growEndpoints() : growRoutes());
} finally {
  for (const peer of running) await peer.stop();
  await origin.stop();
  rmSync(dir, { recursive: true, force: true });
}
