// Real Envoys, one by delta and one by state of the world, as proxies of a running `weft up` among
// our own sidecars: through 100 changes under traffic they refuse nothing, wait for nothing longer
// than a second, fail no request, and split as asked for.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePort, seededRandom } from "@weft/runtime";
import { envoyFix, findEnvoy, watchWarming } from "../harness/envoy.ts";
import { validateDump } from "../harness/envoy-validate.ts";
import { type EnvoyWorkload, startEnvoyWorkload } from "../harness/envoy-workload.ts";
import { describeFailures, SteadyLoad } from "../harness/load.ts";
import { Mesh, nodeBin, root, type RunningWorkload } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually } from "../harness/processes.ts";
import { MeshChanges, splitRoute, type Written } from "./mesh-changes.ts";

const echo = path.join(root, "test/harness/echo.mjs");
const changeCount = 100;
const measuredCount = 4_000;
/** A sidecar comes and another goes, as changes like the others. */
const arrivals: ReadonlySet<number> = new Set([25, 75]);
const departure = 50;

interface Answer {
  readonly status: number;
  readonly version: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: { headers: Record<string, string>; path: string };
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

function ask(port: number, host: string, target = "/"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: target, headers: { host }, agent };
    const sent = request(options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => {
        const isEcho = response.headers["content-type"] === "application/json";
        resolve({
          status: response.statusCode ?? 0,
          version: String(response.headers["x-version"] ?? ""),
          headers: response.headers,
          body: isEcho ? (JSON.parse(text) as Answer["body"]) : { headers: {}, path: text },
        });
      });
    });
    sent.on("error", (cause) => reject(new Error(`${host}${target} at ${port}`, { cause })));
    sent.end();
  });
}

/** Programs without a sidecar, in this process. */
async function openPrograms(context: TestContext, count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let at = 0; at < count; at++) {
    const server = createServer((incoming, response) => {
      const { headers, url } = incoming;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ headers, path: url }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ports.push((server.address() as AddressInfo).port);
    context.after(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  return ports;
}

test(`Envoys take ${changeCount} changes through the API among our sidecars`, {
  timeout: 180_000,
}, async (context) => {
  const binary = findEnvoy();
  if (!hasPart(context, "envoy", binary !== null, envoyFix) || binary === null) return;
  context.after(() => agent.destroy());
  const mesh = await Mesh.open(context);
  const programs = await openPrograms(context, 5);
  const serve = async (service: string, version: string): Promise<RunningWorkload> =>
    await mesh.run({
      service,
      port: await freePort(),
      version,
      command: [nodeBin, echo],
      environment: { APP_VERSION: version },
    });
  const [, , leaving] = await Promise.all([
    serve("catalog", "v1"),
    serve("catalog", "v2"),
    serve("reviews", "v1"),
  ]);
  const client = await mesh.run({ service: "client", port: null });
  const changes = new MeshChanges(mesh.server, seededRandom(7), programs.slice(0, 4));
  await changes.begin();
  await Promise.all([mesh.ready("catalog", 2), mesh.ready("reviews", 1)]);
  const behind = programs[4] ?? 0;
  const options = { binary, service: "edge", port: behind };
  const envoys = [
    await startEnvoyWorkload(context, mesh, { ...options, transport: "delta" }),
    await startEnvoyWorkload(context, mesh, {
      binary,
      transport: "sotw",
      service: "web",
      port: null,
    }),
  ];
  for (const envoy of envoys) await isServed(envoy);
  const loads = envoys.flatMap(({ id, outboundPort: port }) =>
    ["catalog", "reviews", "ratings.plain"].map((host) => {
      const name = `${host} through ${id}`;
      return new SteadyLoad({ name, port, headers: { host }, ratePerSecond: 20, connections: 4 });
    }),
  );
  const stopWatches = envoys.map((envoy) => watchWarming(envoy));
  context.after(() => Promise.all(loads.map((load) => load.stop())));

  const begunAt = performance.now();
  let slowestMs = 0;
  for (let at = 0; at < changeCount; at++) {
    if (arrivals.has(at)) await serve("reviews", `v${at}`);
    else if (at === departure) {
      await mesh.ready("reviews", 2);
      leaving?.child.kill("SIGTERM");
      await leaving?.ended();
    } else {
      const appeared = await changes.make(at);
      // The last third comes in bursts, faster than Envoy answers.
      if (at < 66 || at % 5 === 0) await delay(60);
      if (appeared === null) continue;
      const since = performance.now();
      for (const envoy of envoys) await isReachable(envoy, appeared);
      slowestMs = Math.max(slowestMs, performance.now() - since);
    }
  }
  const tookMs = performance.now() - begunAt;
  await Promise.all(loads.map((load) => load.stop()));
  const longest = await Promise.all(stopWatches.map((stop) => stop()));
  const outcomes = loads.flatMap((load) => load.outcomes);
  context.diagnostic(
    `${changeCount} changes in ${Math.round(tookMs)} ms, ${outcomes.length} requests beside them; ` +
      `a new service answered at the latest after ${Math.round(slowestMs)} ms; ` +
      `longest warming ${longest.map((ms) => Math.round(ms)).join(" and ")} ms`,
  );
  const failed = loads.filter((load) => load.failures().length > 0);
  const failures = failed.map((load) => `${load.name}: ${describeFailures(load.failures())}`);
  assert.deepEqual(failures, []);
  assert.ok(outcomes.length > 500, `${outcomes.length} requests`);
  for (const ms of longest) assert.ok(ms < 1_000, `something was warming for ${Math.round(ms)} ms`);

  await measureSplits(context, changes, envoys);
  for (const envoy of envoys) await checkRefusedNothing(envoy);
  await checkInbound(client, changes, envoys[0] as EnvoyWorkload);
  for (const envoy of envoys) {
    const verdict = await validateDump(context, binary, envoy);
    assert.equal(verdict.code, 0, `${verdict.stdout}${verdict.stderr}`.slice(0, 4_000));
  }
});

/** Its requests arrive over mTLS under the identity the control plane gave it. */
async function isServed(envoy: EnvoyWorkload): Promise<void> {
  for (const host of ["catalog", "reviews", "ratings.plain"]) await isReachable(envoy, host);
  const { body } = await ask(envoy.outboundPort, "catalog");
  const seen = body.headers["x-forwarded-client-cert"] ?? "";
  assert.ok(seen.endsWith(`URI=${envoy.spiffeId}`), seen);
  const plain = await ask(envoy.outboundPort, "ratings.plain");
  assert.equal(plain.body.headers["x-forwarded-client-cert"], undefined);
}

async function isReachable(envoy: EnvoyWorkload, host: string): Promise<void> {
  await eventually(
    `${host} answers through ${envoy.id}`,
    async () => ((await ask(envoy.outboundPort, host)).status === 200 ? true : null),
    5_000,
    10,
  );
}

async function measureSplits(
  context: TestContext,
  changes: MeshChanges,
  envoys: readonly EnvoyWorkload[],
): Promise<void> {
  for (const [index, weight] of [5, 90].entries()) {
    const envoy = envoys[index] as EnvoyWorkload;
    await changes.apply(splitRoute(weight, `split-${weight}`));
    await eventually("the split is in force", async () => {
      const { headers } = await ask(envoy.outboundPort, "catalog");
      return headers["x-route"] === `split-${weight}` ? true : null;
    });
    const begunAt = performance.now();
    let seen = 0;
    let left = measuredCount;
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const { headers, status, version } = await ask(envoy.outboundPort, "catalog");
        assert.equal(status, 200);
        assert.equal(headers["x-route"], `split-${weight}`);
        if (version === "v2") seen++;
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    const share = (seen / measuredCount) * 100;
    const rate = Math.round(measuredCount / ((performance.now() - begunAt) / 1000));
    context.diagnostic(`weight ${weight} became ${share.toFixed(2)} % at ${rate} requests/s`);
    assert.ok(Math.abs(share - weight) <= 2, `weight ${weight} became ${share.toFixed(2)} %`);
  }
}

async function checkRefusedNothing(envoy: EnvoyWorkload): Promise<void> {
  const rejected = await envoy.stats("update_rejected");
  for (const part of ["cluster_manager.cds", "listener_manager.lds", "rds.outbound", "sds."]) {
    const names = [...rejected.keys()].filter((name) => name.includes(part));
    assert.ok(names.length > 0, `${part} is counted`);
  }
  const counts = [...rejected, ...(await envoy.stats("unknown_fields|deprecated_feature|wip_pro"))];
  assert.deepEqual(
    counts.filter(([, count]) => count > 0),
    [],
    envoy.process.output(),
  );
  const updates = await envoy.stats("update_success");
  for (const part of ["cluster_manager.cds", "rds.outbound", "cluster.ratings.plain"]) {
    const most = [...updates].filter(([name]) => name.includes(part)).map(([, count]) => count);
    assert.ok(Math.max(0, ...most) > 5, `${part} was updated`);
  }
}

/** The other direction: our sidecar dials Envoy's inbound listener, which asks for its identity. */
async function checkInbound(
  client: RunningWorkload,
  changes: MeshChanges,
  envoy: EnvoyWorkload,
): Promise<void> {
  const port = await client.outboundPort();
  const answer = await ask(port, "edge", "/inbound");
  assert.equal(answer.status, 200);
  assert.equal(answer.body.path, "/inbound");
  const seen = answer.body.headers["x-forwarded-client-cert"] ?? "";
  assert.match(seen, /By=spiffe:\/\/weft\.local\/ns\/default\/sa\/edge(;|$)/);
  assert.match(seen, /URI=spiffe:\/\/weft\.local\/ns\/default\/sa\/client(;|$)/);
  // Our sidecar chose HTTP/2 by ALPN, and many requests share a connection.
  const sent = Array.from({ length: 50 }, () => ask(port, "edge", "/inbound"));
  for (const { status } of await Promise.all(sent)) assert.equal(status, 200);
  const stats = await envoy.stats("downstream_(cx|rq)_http[12]_total");
  const sum = (name: string): number =>
    [...stats].filter(([key]) => key.endsWith(name)).reduce((all, [, count]) => all + count, 0);
  assert.ok(sum("downstream_rq_http2_total") > 50, "requests in HTTP/2");
  assert.ok(sum("downstream_cx_http2_total") <= 5, `${sum("downstream_cx_http2_total")}`);
  const meshPort = envoy.meshPort ?? 0;
  const takesPlaintext = (): Promise<boolean> =>
    ask(meshPort, "edge").then(
      ({ status }) => status === 200,
      () => false,
    );
  for (const [mode, isTaken] of [
    ["Permissive", true],
    ["Strict", false],
  ] as const) {
    await changes.apply(edgeAuthentication(mode));
    await eventually(`${mode}: plaintext ${isTaken ? "taken" : "refused"}`, async () =>
      (await takesPlaintext()) === isTaken ? true : null,
    );
    assert.equal((await ask(port, "edge")).status, 200, `${mode} takes our sidecar`);
  }
}

function edgeAuthentication(mode: string): Written {
  return {
    kind: "PeerAuthentication",
    metadata: { name: "edge" },
    spec: { targetRefs: [{ group: "", kind: "Service", name: "edge" }], mtls: { mode } },
  };
}
