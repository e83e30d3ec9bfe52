import assert from "node:assert/strict";
import { Agent } from "node:http";
import { openProxy } from "@weft/proxy";
import { silentLogger, systemRuntime } from "@weft/runtime";
import { Http2Error } from "@weft/wire";
import { send } from "./client.ts";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import { FrameFlag, FrameType, RawHttp2, requestFields } from "./http2-raw.ts";

/** A busy machine takes seconds to start a worker. */
const patienceMs = 30_000;

/** Requests over kept connections until stopped; what each one came to. */
function load(
  mesh: Mesh,
  workers: number,
): { readonly outcomes: readonly string[]; stop: () => Promise<string[]> } {
  const agent = new Agent({ keepAlive: true });
  const outcomes: string[] = [];
  let isStopped = false;
  const loops = Array.from({ length: workers }, async () => {
    while (!isStopped) {
      try {
        const answer = await mesh.send("web", "http://catalog/load", { agent });
        outcomes.push(`${answer.status} ${answer.status === 200 ? "" : answer.body}`.trim());
      } catch (error) {
        outcomes.push(String((error as NodeJS.ErrnoException).code ?? error));
      }
    }
  });
  return {
    outcomes,
    async stop() {
      isStopped = true;
      await Promise.all(loops);
      agent.destroy();
      return outcomes;
    },
  };
}

behaviour("renewing an SVID under load fails no request", import.meta.url, async (mesh) => {
  const running = load(mesh, 8);
  // Each renewal meets requests on connections of the one before, however slow the machine is.
  const served = (count: number): Promise<void> => {
    const from = running.outcomes.length;
    return eventually(() => running.outcomes.length >= from + count, patienceMs);
  };
  await served(10);
  for (let i = 0; i < 6; i++) {
    for (const [name, account] of [
      ["web", "web"],
      ["catalog-1", "catalog"],
    ] as const) {
      mesh
        .proxy(name)
        .setIdentity(await mesh.authority.issue(`spiffe://weft.local/ns/default/sa/${account}`));
    }
    await served(20);
  }
  const outcomes = await running.stop();
  assert.deepEqual([...new Set(outcomes)], ["200"]);
});

behaviour("a worker that dies is replaced on the same sockets", import.meta.url, async (mesh) => {
  const { admin } = mesh.proxy("web").ports;
  await mesh.send("web", "http://catalog/");
  const stopped = await send(admin, `http://127.0.0.1:${admin}/workers/0/terminate`, {
    method: "POST",
  });
  assert.equal(stopped.status, 200);
  // With one worker nobody accepts now: the connection waits in the socket's queue and is served.
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      mesh.send("web", "http://catalog/after", { timeoutMs: patienceMs }),
    ),
  );
  for (const { status } of answers) assert.equal(status, 200);
  await eventually(async () => {
    const status = (await mesh.proxy("web").ask("status", {})) as {
      workers: unknown[];
      workersReplaced: number;
    };
    return status.workersReplaced >= 1 && status.workers.length === mesh.concurrency;
  }, patienceMs);
});

behaviour(
  "a drain finishes what is in flight, says so, and takes nothing new",
  import.meta.url,
  async (mesh) => {
    const held: (() => void)[] = [];
    mesh.program("catalog-1").onRequest = (_request, response) => {
      held.push(() => response.end("finished"));
    };
    const agent = new Agent({ keepAlive: true });
    const inFlight = mesh.send("web", "http://catalog/slow", { agent });
    await eventually(() => held.length === 1);
    let isDrained = false;
    const draining = mesh
      .proxy("web")
      .drain(5000)
      .then(() => {
        isDrained = true;
      });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(isDrained, false);
    await assert.rejects(
      mesh.send("web", "http://catalog/new"),
      /ECONNREFUSED|ECONNRESET|no answer/,
    );
    held[0]?.();
    const answer = await inFlight;
    assert.equal(answer.status, 200);
    assert.equal(answer.body, "finished");
    assert.equal(answer.headers["connection"], "close");
    await draining;
    agent.destroy();
    await mesh.leave("web");
  },
);

behaviour(
  "a drain says GOAWAY in two phases, and nothing in flight is lost (H49)",
  import.meta.url,
  async (mesh) => {
    const held: (() => void)[] = [];
    mesh.program("catalog-1").onRequest = (_request, response) => {
      held.push(() => response.end("finished"));
    };
    const connection = new RawHttp2(mesh.proxy("web").ports.outbound);
    connection.headers(1, requestFields("catalog"));
    await eventually(() => held.length === 1);
    const draining = mesh.proxy("web").drain(5000);
    await connection.until(({ goAways }) => goAways.length > 0);
    assert.deepEqual(connection.goAways, [{ lastStreamId: 2 ** 31 - 1, code: 0 }]);
    // A request that crossed the first one on its way is served.
    connection.headers(3, requestFields("catalog"));
    await eventually(() => held.length === 2);
    const ping = connection.frames.find(({ type }) => type === FrameType.Ping);
    assert.ok(ping !== undefined, "its answer says that the first one has been seen");
    connection.frame(FrameType.Ping, FrameFlag.Ack, 0, ping.payload);
    await connection.until(({ goAways }) => goAways.length > 1);
    assert.deepEqual(connection.goAways[1], { lastStreamId: 3, code: 0 });
    connection.headers(5, requestFields("catalog"));
    await connection.until(() => connection.resetOf(5) >= 0);
    assert.equal(connection.resetOf(5), Http2Error.RefusedStream);
    for (const finish of held) finish();
    await connection.until(({ isOver }) => isOver);
    assert.deepEqual(
      [1, 3, 5].map((id) => connection.hasAnswered(id)),
      [true, true, false],
    );
    await draining;
    await mesh.leave("web");
  },
);

behaviour(
  "a proxy starts from the snapshot it gave, without a control plane",
  import.meta.url,
  async (mesh) => {
    let saved: Uint8Array | null = null;
    mesh.proxy("web").onSnapshot((bytes) => {
      saved = bytes;
    });
    await mesh.apply(
      "kind: Service\nmetadata: { name: more }\nspec: { ports: [{ name: http, port: 80 }] }\n",
    );
    await eventually(() => saved !== null);
    const free = { address: "127.0.0.1", preferredPort: 0 };
    const alone = await openProxy({
      runtime: systemRuntime({ log: silentLogger }),
      workload: { namespace: "default", workload: "web", service: "", version: "" },
      trustDomain: "weft.local",
      domain: "cluster.local",
      concurrency: mesh.concurrency,
      drainMs: 1000,
      addresses: {
        outbound: free,
        admin: free,
        metrics: free,
        readiness: free,
        inbound: [],
        upstreams: [],
      },
    });
    try {
      const { readiness, outbound } = alone.ports;
      assert.equal(
        (await send(readiness, `http://127.0.0.1:${readiness}/healthz/ready`)).status,
        503,
      );
      const before = await send(outbound, "http://catalog/early");
      assert.equal(`${before.status} ${before.flag}`, "503 NX");
      assert.equal(alone.loadSnapshot(Buffer.from("weft-snapshot-0\n[]\n")), false);
      assert.equal(alone.loadSnapshot((saved as unknown as Uint8Array).slice(0, -1)), false);
      assert.equal(alone.loadSnapshot(saved as unknown as Uint8Array), true);
      alone.setIdentity(await mesh.authority.issue("spiffe://weft.local/ns/default/sa/web"));
      await alone.ready;
      assert.equal(alone.configVersion, mesh.proxy("web").configVersion);
      assert.equal((await send(outbound, "http://catalog/")).status, 200);
      assert.equal(
        (await send(readiness, `http://127.0.0.1:${readiness}/healthz/ready`)).status,
        200,
      );
      const held = alone.heldVersions();
      assert.ok((held.get("type.googleapis.com/envoy.config.cluster.v3.Cluster")?.size ?? 0) > 0);
    } finally {
      await alone.close();
    }
  },
);

behaviour(
  "an update that cannot be used is refused whole, and what ran goes on",
  import.meta.url,
  async (mesh) => {
    const proxy = mesh.proxy("web");
    const version = proxy.configVersion;
    const refusal = proxy.xdsHandler.onUpdate(
      "type.googleapis.com/envoy.config.cluster.v3.Cluster",
      [
        {
          name: "catalog.default.svc.cluster.local:80",
          version: "bad",
          resource: Buffer.from([0xff, 0xff, 0xff]),
        },
      ],
      [],
      "",
    );
    assert.match(refusal ?? "", /catalog\.default/);
    assert.equal(proxy.configVersion, version);
    assert.equal((await mesh.send("web", "http://catalog/")).status, 200);
    const { metrics } = proxy.ports;
    const text = (await send(metrics, `http://127.0.0.1:${metrics}/metrics`)).body;
    assert.match(text, /weft_xds_updates_total\{type="CDS",outcome="refused"\} 1/);
  },
);

behaviour(
  "connections of a listener that is taken away end after what is under way",
  import.meta.url,
  async (mesh) => {
    const program = mesh.program("catalog-1");
    const held: (() => void)[] = [];
    program.onRequest = (request, response) => {
      if (request.url === "/slow") held.push(() => response.end("finished"));
      else response.end("at once");
    };
    const port = mesh.inbound("catalog-1");
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: catalog\r\n\r\n`;
    const idle = mesh.rawTo(port).write(get("/"));
    await idle.until(({ text }) => text.includes("at once"));
    const busy = mesh.rawTo(port).write(get("/slow"));
    await eventually(() => held.length === 1);
    const outbound = mesh.raw("catalog-1").write(get("/"));
    await outbound.until(({ text }) => text.includes("at once"));

    const type = "type.googleapis.com/envoy.config.listener.v3.Listener";
    const { xdsHandler } = mesh.proxy("catalog-1");
    assert.equal(xdsHandler.onUpdate(type, [], ["inbound/http"], ""), null);
    await idle.until(({ hasEnded }) => hasEnded);
    assert.equal(idle.errorCode, "");
    assert.equal(busy.hasEnded, false);
    held[0]?.();
    await busy.until(({ hasEnded }) => hasEnded);
    assert.match(busy.text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(busy.text, /finished$/m);
    assert.equal(outbound.hasEnded, false, "another listener's connections stay");
    await mesh.leave("catalog-1");
  },
);
