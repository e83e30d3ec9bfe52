// Real Envoy on our ADS server, delta and state of the world: through 100 changes under traffic it
// refuses nothing, waits for nothing longer than a second, and fails no request.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { seededRandom, silentLogger, systemRuntime } from "@weft/runtime";
import { createXdsServer, type Snapshot, type XdsServer } from "@weft/xds";
import { type GrpcServer, openGrpcServer } from "@weft/xds/grpc";
import { TestAuthority } from "../conformance/certificates.ts";
import { type Envoy, envoyFix, findEnvoy, startEnvoy, watchWarming } from "../harness/envoy.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually } from "../harness/processes.ts";
import { makeSnapshot, type WantedCluster, type WantedMesh } from "./envoy-resources.ts";

const controlPlaneId = "spiffe://weft.local/ns/weft-system/sa/control-plane";
const webId = "spiffe://weft.local/ns/shop/sa/web";
const securedId = "spiffe://weft.local/ns/shop/sa/secured";
const changes = 100;
const runtime = systemRuntime({ log: silentLogger });

/** Our end: one snapshot for everyone, and what Envoy says to it. */
class Publisher {
  readonly nacks: string[] = [];
  readonly identity: { chainPem: string; keyPem: string; rootsPem: string };
  #snapshot: Snapshot | null = null;
  #listeners = new Set<(snapshot: Snapshot) => void>();
  #applied = "";
  #xds: XdsServer | null = null;
  #grpc: GrpcServer | null = null;

  constructor(identity: { chainPem: string; keyPem: string; rootsPem: string }) {
    this.identity = identity;
  }

  async listen(address: string): Promise<string> {
    const xds = createXdsServer({
      runtime,
      source: {
        subscribe: (client, onSnapshot) => {
          assert.equal(client.peer.spiffeId, webId);
          this.#listeners.add(onSnapshot);
          if (this.#snapshot !== null) onSnapshot(this.#snapshot);
          return { close: () => this.#listeners.delete(onSnapshot) };
        },
      },
      events: {
        onAck: () => undefined,
        onNack: (_, typeUrl, __, message) => this.nacks.push(`${typeUrl}: ${message}`),
        onApplied: (_, version) => {
          this.#applied = version;
        },
        onClose: () => undefined,
      },
    });
    const grpc = await openGrpcServer({
      runtime,
      listen: address,
      identity: this.identity,
      handlers: {
        deltaAds: (stream, peer) => xds.delta(stream, peer),
        sotwAds: (stream, peer) => xds.sotw(stream, peer),
        attach: (stream) => stream.close(),
        signCertificate: () => Promise.reject(new Error("not here")),
      },
    });
    this.#xds = xds;
    this.#grpc = grpc;
    return grpc.address;
  }

  publish(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener(snapshot);
  }

  async applied(version: string): Promise<void> {
    const what = `snapshot ${version} applied`;
    await eventually(what, () => (this.#applied === version ? true : null), 20_000, 2);
  }

  async close(): Promise<void> {
    this.#xds?.close();
    await this.#grpc?.close();
  }
}

/** Echo servers on loopback, the last one behind TLS. */
async function openEchoes(
  context: TestContext,
  identity: { chainPem: string; keyPem: string },
): Promise<{ plain: number[]; secured: number }> {
  const answer = (_: unknown, response: { end(text: string): void }): void => response.end("ok");
  const servers = [
    ...Array.from({ length: 4 }, () => createServer(answer)),
    createTlsServer({ cert: identity.chainPem, key: identity.keyPem }, answer),
  ];
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ports.push((server.address() as AddressInfo).port);
    context.after(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  return { plain: ports.slice(0, 4), secured: ports[4] ?? 0 };
}

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Asks for `paths` in turn until stopped; answers what did not come back as 200. */
function startLoad(port: number, paths: readonly string[]): () => Promise<[number, string[]]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const failures: string[] = [];
  let sent = 0;
  let isStopped = false;
  const one = (path: string): Promise<void> =>
    new Promise((resolve) => {
      const asked = request({ host: "127.0.0.1", port, path, agent }, (response) => {
        if (response.statusCode !== 200) {
          failures.push(
            `${path} ${response.statusCode} ${String(response.headers["x-envoy-flags"] ?? "")}`,
          );
        }
        response.resume().on("end", resolve);
      });
      asked.on("error", (error) => {
        failures.push(`${path} ${error.message}`);
        resolve();
      });
      asked.end();
    });
  const worker = async (): Promise<void> => {
    while (!isStopped) {
      await one(paths[sent++ % paths.length] ?? "/");
      await delay(2);
    }
  };
  const workers = [worker(), worker()];
  return async () => {
    isStopped = true;
    await Promise.all(workers);
    agent.destroy();
    return [sent, failures];
  };
}

function statusOf(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    asked.on("error", reject);
    asked.end();
  });
}

for (const transport of ["delta", "sotw"] as const) {
  test(`Envoy takes ${changes} changes by ${transport} and refuses none`, async (context) => {
    const binary = findEnvoy();
    if (!hasPart(context, "envoy", binary !== null, envoyFix) || binary === null) return;
    const authority = await TestAuthority.create();
    const publisher = new Publisher(await authority.issue(controlPlaneId));
    const xdsAddress = await publisher.listen("127.0.0.1:0");
    context.after(() => publisher.close());
    const echoes = await openEchoes(context, await authority.issue(securedId));
    const envoy = await startEnvoy(context, {
      binary,
      xdsAddress,
      transport,
      node: { id: "shop/web-aaaaa", cluster: "web", metadata: { KIND: "envoy" } },
      identity: await authority.issue(webId),
      controlPlaneId,
    });
    const otherRoots = (await TestAuthority.create()).rootsPem;
    const random = seededRandom(transport === "delta" ? 1 : 2);
    const some = (ports: readonly number[]): number[] => {
      const chosen = ports.filter(() => random.next() < 0.5);
      return chosen.length > 0 ? chosen : [ports[random.integer(ports.length)] ?? 0];
    };
    const makeCluster = (name: string): WantedCluster => ({
      name,
      connectTimeoutMs: random.integer(900),
      ports: name === "secured" ? [echoes.secured] : some(echoes.plain),
      spiffeId: name === "secured" ? securedId : null,
    });
    let mesh: WantedMesh = {
      listenerPort: await freePort(),
      statPrefix: "outbound-0",
      clusters: ["stable", "secured", "c0", "c1"].map(makeCluster),
      movingTo: "c1",
      timeoutMs: 15_000,
      rootsPem: authority.rootsPem,
    };
    const change = (at: number): WantedMesh => {
      const { clusters } = mesh;
      const chosen = random.integer(clusters.length);
      switch (at % 6) {
        case 0: {
          // Clusters come and go, with their routes in the same snapshot.
          const fresh = `c${at}`;
          const kept = clusters.filter(
            ({ name }) => name !== mesh.movingTo && (!name.startsWith("c") || random.next() < 0.6),
          );
          return { ...mesh, clusters: [...kept, makeCluster(fresh)], movingTo: fresh };
        }
        case 1:
        case 2:
          return {
            ...mesh,
            clusters: clusters.map((one) =>
              one.spiffeId === null ? { ...one, ports: some(echoes.plain) } : one,
            ),
          };
        case 3:
          return {
            ...mesh,
            clusters: clusters.map((one, index) =>
              index === chosen ? { ...one, connectTimeoutMs: random.integer(900) } : one,
            ),
          };
        case 4:
          return { ...mesh, timeoutMs: 5000 + random.integer(10) * 1000 };
        default: {
          const rootsPem = random.next() < 0.5 ? "" : otherRoots;
          const statPrefix = `outbound-${random.integer(3)}`;
          return { ...mesh, statPrefix, rootsPem: `${authority.rootsPem}\n${rootsPem}` };
        }
      }
    };
    publisher.publish(makeSnapshot("0", mesh));
    await publisher.applied("0");
    await eventually("Envoy ready", async () =>
      (await envoy.admin("/ready")).startsWith("LIVE") ? true : null,
    );
    const stopLoad = startLoad(mesh.listenerPort, ["/stable", "/secured", "/moving"]);
    const stopWatch = watchWarming(envoy);
    for (let at = 1; at <= changes; at++) {
      mesh = change(at);
      if (at === changes / 2) {
        // The control plane restarts; Envoy comes back and gets what it missed.
        await publisher.close();
        await publisher.listen(xdsAddress);
      }
      publisher.publish(makeSnapshot(String(at), mesh));
      // The last third comes in bursts, faster than Envoy answers.
      if (at > 66 && at % 5 !== 0) continue;
      await publisher.applied(String(at));
      const newest = mesh.clusters.at(-1)?.name ?? "";
      assert.equal(await statusOf(mesh.listenerPort, `/${newest}`), 200, `change ${at}, ${newest}`);
    }
    const longestMs = await stopWatch();
    const [sent, failures] = await stopLoad();
    assert.deepEqual(failures, []);
    assert.ok(sent > 100, `${sent} requests`);
    assert.ok(longestMs < 1000, `something was warming for ${Math.round(longestMs)} ms`);
    assert.deepEqual(publisher.nacks, []);
    await checkStats(envoy, mesh);
  });
}

async function checkStats(envoy: Envoy, mesh: WantedMesh): Promise<void> {
  const rejected = await envoy.stats("update_rejected");
  assert.deepEqual(
    [...rejected].filter(([, count]) => count > 0),
    [],
  );
  const accepted = await envoy.stats("update_success");
  for (const kind of ["cds", "lds", "rds", "sds", "cluster.stable."]) {
    const counts = [...accepted].filter(([name]) => name.includes(kind)).map(([, count]) => count);
    assert.ok(Math.max(0, ...counts) > 1, `${kind} was updated`);
  }
  for (const prefix of ["cluster_manager.cds", "listener_manager.lds", "rds", "sds"]) {
    assert.ok(
      [...rejected.keys()].some((name) => name.includes(prefix)),
      `${prefix} is counted`,
    );
  }
  const clusters = await envoy.admin("/clusters");
  const names = new Set(clusters.split("\n").map((line) => line.split("::")[0]));
  for (const { name, ports } of mesh.clusters) {
    for (const port of ports) {
      assert.ok(clusters.includes(`${name}::127.0.0.1:${port}::health_flags`), `${name} ${port}`);
    }
  }
  for (const name of names) {
    if (name === undefined || !/^c\d+$/.test(name)) continue;
    assert.ok(
      mesh.clusters.some((cluster) => cluster.name === name),
      `${name} was not removed`,
    );
  }
}
