// Our sidecars as what Envoy calls: connections kept and reused over mTLS, our own 503s retried
// elsewhere, sidecars that leave under load, HTTP/2 that passes through.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { envoyFix, findEnvoy } from "../harness/envoy.ts";
import { type EnvoyWorkload, startEnvoyWorkload } from "../harness/envoy-workload.ts";
import { describeFailures, SteadyLoad } from "../harness/load.ts";
import { Mesh } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually } from "../harness/processes.ts";

const catalog = "cluster.catalog.default.svc.cluster.local_80";
const greeterCluster = "cluster.greeter.default.svc.cluster.local_80";
const ratePerSecond = 200;

async function listen(context: TestContext, server: Server | http2.Http2Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

function openProgram(version: string): Server {
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "x-version": version, "content-length": 2 });
      response.end("ok");
    });
  });
  server.keepAliveTimeout = 60_000;
  return server;
}

test("Envoy calls our sidecars", { timeout: 180_000 }, async (context) => {
  const binary = findEnvoy();
  if (!hasPart(context, "envoy", binary !== null, envoyFix) || binary === null) return;
  const mesh = await Mesh.open(context);
  const programs = ["v1", "v2", "v3"].map(openProgram);
  const ports = await Promise.all(programs.map((program) => listen(context, program)));
  const sidecars = await Promise.all(
    ports.map((port, at) => mesh.run({ service: "catalog", version: `v${at + 1}`, port })),
  );
  const greeter = http2.createServer();
  greeter.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.respond({ ":status": 200, "x-seen-path": headers[":path"] ?? "" }, { endStream: false });
    stream.end("over http/2");
  });
  const greeterPort = await listen(context, greeter);
  await mesh.run({ service: "greeter", port: greeterPort, flags: ["--protocol", "http2"] });
  await mesh.apply(retryPolicy);
  await mesh.ready("catalog", 3);
  await mesh.ready("greeter", 1);
  const envoy = await startEnvoyWorkload(context, mesh, {
    binary,
    transport: "delta",
    service: "web",
    port: null,
  });
  const load = (method: string): SteadyLoad =>
    new SteadyLoad({
      name: method,
      method,
      port: envoy.outboundPort,
      headers: { host: "catalog" },
      ratePerSecond,
      connections: 8,
    });

  await context.test("connections are kept", async () => {
    const gets = load("GET");
    await delay(2_000);
    await gets.stop();
    const stats = await envoy.stats(catalog);
    const count = (name: string): number => stats.get(`${catalog}.${name}`) ?? 0;
    assert.equal(gets.failures().length, 0, describeFailures(gets.failures()));
    assert.ok(gets.outcomes.length > ratePerSecond, `${gets.outcomes.length} requests`);
    // By ALPN over mutual TLS: a connection of HTTP/2 to each sidecar.
    const connections = count("upstream_cx_http2_total");
    assert.ok(connections >= 3 && connections <= 6, `${connections} connections`);
    assert.equal(count("upstream_cx_active"), connections);
    assert.equal(count("upstream_cx_http1_total"), 0);
    assert.ok(count("upstream_rq_total") > ratePerSecond);
    assert.equal(count("upstream_cx_destroy_remote"), 0);
    assert.equal(count("upstream_cx_protocol_error"), 0);
    assert.deepEqual(versionsOf(gets), ["v1", "v2", "v3"]);
  });

  await context.test("our 503 of a program that is gone is retried elsewhere", async () => {
    const gets = load("GET");
    await delay(500);
    programs[0]?.closeAllConnections();
    programs[0]?.close();
    await delay(2_500);
    await gets.stop();
    assert.equal(gets.failures().length, 0, describeFailures(gets.failures()));
    const stats = await envoy.stats("upstream_rq_retry");
    const retried = stats.get(`${catalog}.upstream_rq_retry_success`) ?? 0;
    assert.ok(retried > 0, "something was retried");
    context.diagnostic(`${retried} requests were answered by a retry`);
  });

  await context.test("a sidecar that stops costs no request", async () => {
    const loads = [load("GET"), load("POST")];
    await delay(500);
    sidecars[1]?.child.kill("SIGTERM");
    await sidecars[1]?.ended();
    await delay(500);
    await Promise.all(loads.map((one) => one.stop()));
    for (const one of loads) {
      assert.equal(one.failures().length, 0, `${one.name}: ${describeFailures(one.failures())}`);
    }
    assert.ok(versionsOf(loads[1]).includes("v2"));
  });

  await context.test("HTTP/2 goes through to the program", async () => {
    const answer = await overHttp2(envoy);
    assert.deepEqual(answer, { status: 200, path: "/hello?x=1", body: "over http/2" });
    const stats = await envoy.stats(greeterCluster);
    assert.ok((stats.get(`${greeterCluster}.upstream_cx_http2_total`) ?? 0) > 0);
    assert.ok((stats.get(`${greeterCluster}.ssl.handshake`) ?? 0) > 0);
  });
});

/** Which instances answered. */
function versionsOf(load: SteadyLoad | undefined): string[] {
  return [...new Set(load?.outcomes.map(({ version }) => version))].sort();
}

/** Everything in flight at one program may fail at once. */
const retryPolicy = `apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: catalog }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  retry: { budget: { percent: 100, minPerSecond: 100 } }
`;

async function overHttp2(
  envoy: EnvoyWorkload,
): Promise<{ status: number; path: string; body: string }> {
  const session = http2.connect(`http://127.0.0.1:${envoy.outboundPort}`);
  try {
    return await eventually("an answer over HTTP/2", async () => {
      const stream = session.request({ ":path": "/hello?x=1", ":authority": "greeter" });
      const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
      let body = "";
      for await (const chunk of stream) body += String(chunk);
      const status = Number(headers[":status"]);
      if (status !== 200) throw new Error(`${status} ${body}`);
      return { status, path: String(headers["x-seen-path"]), body };
    });
  } finally {
    session.destroy();
  }
}
