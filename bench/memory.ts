// `node bench/memory.ts [idle] [connections] [services]`: proportional memory (PSS) of a `weft run`
// without CMD: idle; per idle connection (plaintext, HTTP/2, mutual TLS), soon after the last
// request and when V8 has given back what the load took; and with 1,000 services of ten endpoints
// each, beside Envoy with the same configuration from the same control plane.

import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import path from "node:path";
import { findEnvoy } from "../test/harness/envoy.ts";
import { startEnvoyWorkload } from "../test/harness/envoy-workload.ts";
import { Mesh, nodeBin, root } from "../test/harness/mesh.ts";
import { localToken, signIn } from "../test/harness/sign-in.ts";

const settleMs = 8_000;
/** V8 looks for what it can give back when nothing was allocated for so long. */
const laterMs = 30_000;
const serviceCount = 1_000;
const endpointCount = 10;
const connectionCounts = [1_000, 5_000];
const wanted = process.argv.slice(2);
const cleanups: (() => unknown)[] = [];
/** As much of a test's context as the harness uses. */
const context = {
  after: (cleanup: () => unknown) => void cleanups.push(cleanup),
} as unknown as TestContext;

function pssMegabytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
}

function isWanted(part: string): boolean {
  return wanted.length === 0 || wanted.includes(part);
}

async function measureIdle(mesh: Mesh): Promise<void> {
  const idle: number[] = [];
  for (const service of ["a", "b", "c"]) idle.push((await mesh.run({ service, port: null })).pid);
  await delay(settleMs);
  const figures = idle.map(pssMegabytes).sort((a, b) => a - b);
  console.log(`idle, three of them: ${figures.map((mb) => mb.toFixed(1)).join(", ")} MB`);
  console.log(`control plane: ${pssMegabytes(mesh.control?.pid ?? 0).toFixed(1)} MB`);
}

const head = "GET /missing HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

interface Idle {
  destroy(): void;
}

/** Resolves when its first request is answered; then it is idle. */
function idleConnection(open: () => Socket, event: string): Promise<Idle> {
  return new Promise((resolve, reject) => {
    const socket = open();
    socket.once("error", reject);
    socket.once(event, () => socket.write(head));
    socket.once("data", () => resolve(socket));
  });
}

function idleHttp2(port: number): Promise<Idle> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.once("error", reject);
    const stream = session.request({ ":path": "/missing" });
    stream.once("error", reject);
    stream.once("end", () => resolve(session));
    stream.resume();
  });
}

async function perConnection(what: string, pid: number, open: () => Promise<Idle>): Promise<void> {
  const before = pssMegabytes(pid);
  const connections: Idle[] = [];
  for (const count of connectionCounts) {
    while (connections.length < count) {
      connections.push(...(await Promise.all(Array.from({ length: 50 }, open))));
    }
    const each = (): string => (((pssMegabytes(pid) - before) * 1024) / count).toFixed(1);
    await delay(settleMs);
    const soon = each();
    await delay(laterMs);
    console.log(`${what}, ${count} idle connections: ${soon} KB each, ${each()} KB later`);
  }
  for (const connection of connections) connection.destroy();
}

async function measureConnections(mesh: Mesh): Promise<void> {
  const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];
  const plain = await mesh.run({ service: "plain", port: null });
  const outbound = await plain.outboundPort();
  await delay(settleMs);
  const to = { host: "127.0.0.1", port: outbound };
  await perConnection("plaintext", plain.pid, () => idleConnection(() => connect(to), "connect"));
  const second = await mesh.run({ service: "second", port: null });
  const http2 = await second.outboundPort();
  await delay(settleMs);
  await perConnection("HTTP/2", second.pid, () => idleHttp2(http2));

  const { freePort } = await import("@weft/runtime");
  const catalog = await mesh.run({ service: "catalog", port: await freePort(), command: echo });
  await mesh.ready("catalog", 1);
  const list = await mesh.json<{ items: { spec: { ports?: { meshPort?: number }[] } }[] }>(
    "get",
    "workloads",
  );
  const port = list.items.flatMap(({ spec }) => spec.ports ?? []).find((one) => one.meshPort);
  const { channel, identity } = await signIn({
    control: `127.0.0.1:${mesh.xdsPort}`,
    token: localToken(mesh.environment["WEFT_DATA_DIR"] ?? ""),
    namespace: "default",
    serviceAccount: "bench",
  });
  await delay(settleMs);
  const tls = {
    host: "127.0.0.1",
    port: port?.meshPort ?? 0,
    key: identity.keyPem,
    cert: identity.chainPem,
    ca: identity.rootsPem,
    ALPNProtocols: ["http/1.1"],
    checkServerIdentity: () => undefined,
  };
  await perConnection("mutual TLS", catalog.pid, () =>
    idleConnection(() => connectTls(tls), "secureConnect"),
  );
  channel.close();
}

async function create(mesh: Mesh, api: string, objects: readonly object[]): Promise<void> {
  const queue = [...objects];
  const work = async (): Promise<void> => {
    for (let object = queue.pop(); object !== undefined; object = queue.pop()) {
      const answer = await fetch(`${mesh.server}${api}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(object),
      });
      if (!answer.ok) throw new Error(await answer.text());
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
}

async function createServices(mesh: Mesh): Promise<void> {
  const services = Array.from({ length: serviceCount }, (_, i) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: `s${i}` },
    spec: {
      selector: { "weft.dev/service": `s${i}` },
      ports: [{ name: "http", port: 80, targetPort: 80, appProtocol: "http" }],
    },
  }));
  const workloads = Array.from({ length: serviceCount * endpointCount }, (_, n) => ({
    apiVersion: "weft.dev/v1alpha1",
    kind: "Workload",
    metadata: { name: `w${n}`, labels: { "weft.dev/service": `s${n % serviceCount}` } },
    spec: {
      serviceAccount: "default",
      address: `127.1.${n >> 8}.${n & 255}`,
      ports: [{ name: "http", port: 80, protocol: "HTTP" }],
    },
  }));
  await create(mesh, "/api/v1/namespaces/default/services", services);
  await create(mesh, "/apis/weft.dev/v1alpha1/namespaces/default/workloads", workloads);
}

async function measureServices(mesh: Mesh): Promise<void> {
  await createServices(mesh);
  const ours = await mesh.run({ service: "ours", port: null });
  const binary = findEnvoy();
  const options = { transport: "delta", service: "theirs", port: null } as const;
  const envoy =
    binary === null ? null : await startEnvoyWorkload(context, mesh, { binary, ...options });
  await delay(2 * settleMs);
  const name = /workload=\S+\/(\S+)/.exec(ours.output())?.[1] ?? "";
  const { items } = await mesh.json<{ items: unknown[] }>("proxy", "endpoints", name);
  console.log(`with ${serviceCount} services (${items.length} endpoints in force):`);
  console.log(`  weft run: ${pssMegabytes(ours.pid).toFixed(1)} MB`);
  if (envoy === null) return console.log("  Envoy: not installed");
  const known = await envoy.stats("^cluster_manager.active_clusters$");
  const clusters = [...known.values()][0] ?? 0;
  console.log(`  Envoy (${clusters} clusters): ${pssMegabytes(envoy.process.pid).toFixed(1)} MB`);
}

try {
  const mesh = await Mesh.open(context);
  if (isWanted("idle")) await measureIdle(mesh);
  if (isWanted("connections")) await measureConnections(mesh);
  if (isWanted("services")) await measureServices(mesh);
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
