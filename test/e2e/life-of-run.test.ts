// The life of `weft run` (design section 5) with real processes: when the program starts, what it
// is given, how it ends, and what peers see of that.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import { Mesh, nodeBin, root, type RunningWorkload, weftBin } from "../harness/mesh.ts";
import { eventually, run, start } from "../harness/processes.ts";

const chatty = [nodeBin, path.join(root, "test/harness/chatty.mjs")];
const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];

interface WorkloadObject {
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> };
  readonly spec: {
    readonly serviceAccount: string;
    readonly ports?: readonly { name: string; port: number; protocol: string; meshPort: number }[];
  };
  readonly status?: { readonly proxy?: Record<string, string | number> };
}

async function workloadsOf(mesh: Mesh, service: string): Promise<WorkloadObject[]> {
  const url = `${mesh.server}/apis/weft.dev/v1alpha1/namespaces/default/workloads`;
  const query = `labelSelector=${encodeURIComponent(`weft.dev/service=${service}`)}`;
  const answer = await fetch(`${url}?${query}`);
  return ((await answer.json()) as { items: WorkloadObject[] }).items;
}

/** When the program said so, on its own clock. */
function saidAt(workload: { output(): string }, what: string): number {
  const match = new RegExp(`^(\\d+) ${what}$`, "m").exec(workload.output());
  assert.ok(match, `it never said ${what}:\n${workload.output()}`);
  return Number(match[1]);
}

function get(port: number, target: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port, path: target, agent: false },
      (incoming) => {
        let body = "";
        incoming.on("data", (chunk: Buffer) => (body += chunk.toString()));
        incoming.once("end", () => resolve({ status: incoming.statusCode ?? 0, body }));
        incoming.once("error", reject);
      },
    );
    outgoing.once("error", reject);
    outgoing.end();
  });
}

/** A client-only workload with a loopback port to one service. */
async function caller(mesh: Mesh, service: string): Promise<{ port: number; name: string }> {
  const name = `calls-${service}`;
  const workload = await mesh.run({
    service: name,
    port: null,
    flags: ["--upstream", service],
    command: chatty,
  });
  const variable = `WEFT_UPSTREAM_${service.toUpperCase().replaceAll("-", "_")}`;
  const match = await workload.printed(new RegExp(`"${variable}":"127.0.0.1:(\\d+)"`));
  return { port: Number(match[1]), name };
}

test("the program and its end", { timeout: 240_000, concurrency: 2 }, async (context) => {
  const mesh = await Mesh.open(context);
  await mesh.run({ service: "catalog", port: await freePort(), command: echo });
  await mesh.ready("catalog", 1);

  await context.test("starts only when its first request can succeed", async (inner) => {
    const { control } = mesh;
    control?.child.kill("SIGSTOP");
    inner.after(() => control?.child.kill("SIGCONT"));
    const script = `const a = await fetch("http://catalog/x"); console.log("FIRST", a.status);`;
    const early = start(
      inner,
      weftBin,
      ["run", "--service", "early", "--", nodeBin, "--input-type=module", "-e", script],
      { env: mesh.environment },
    );
    await delay(2_500);
    assert.doesNotMatch(early.output(), /FIRST/);
    control?.child.kill("SIGCONT");
    await early.printed(/FIRST 200/);
    assert.deepEqual(await early.ended(), { code: 0, signal: null });
  });

  const others: Promise<unknown>[] = [];
  const also = (name: string, check: (inner: TestContext) => Promise<void>): void => {
    others.push(context.test(name, check));
  };
  also("--no-wait starts at once, with everything in its environment", async (inner) => {
    const begun = performance.now();
    const workload = start(
      inner,
      weftBin,
      [
        ...["run", "--service", "hasty", "--port", String(await freePort()), "--no-wait"],
        ...["--control", `127.0.0.1:${await freePort()}`, "--upstream", "catalog.default:80"],
        ...["--", ...chatty],
      ],
      { env: mesh.environment },
    );
    const match = await workload.printed(/ENV (\{.*\})/);
    assert.ok(performance.now() - begun < 9_000, "it did not wait its ten seconds");
    const environment = JSON.parse(match[1] ?? "{}") as Record<string, string>;
    assert.match(environment["PORT"] ?? "", /^\d+$/);
    assert.equal(environment["HOST"], "127.0.0.1");
    assert.match(environment["http_proxy"] ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(environment["HTTP_PROXY"], environment["http_proxy"]);
    assert.equal(environment["NODE_USE_ENV_PROXY"], "1");
    assert.equal(environment["no_proxy"], "localhost,127.0.0.1,::1");
    assert.match(environment["NODE_OPTIONS"] ?? "", /^--import file:.*node-proxy\.mjs$/);
    assert.equal("NODE_COMPILE_CACHE" in environment, false, "our cache is our own");
    assert.match(environment["WEFT_UPSTREAM_CATALOG_DEFAULT_80"] ?? "", /^127\.0\.0\.1:\d+$/);
    await workload.stop();
    assert.equal(workload.child.exitCode, 0, workload.output());
  });

  also("its exit code is weft's", async () => {
    const cases: readonly (readonly [number, readonly string[]])[] = [
      [0, ["true"]],
      [7, ["sh", "-c", "exit 7"]],
      [137, ["sh", "-c", "kill -KILL $$"]],
      [126, [path.join(root, "README.md")]],
      [127, ["/no/such/program"]],
    ];
    const seen = await Promise.all(
      cases.map(
        async ([, command]) => (await mesh.weft("run", "--service", "job", "--", ...command)).code,
      ),
    );
    assert.deepEqual(
      seen,
      cases.map(([code]) => code),
    );
    assert.deepEqual(await workloadsOf(mesh, "job"), []);
  });

  also("its standard streams are its own", async () => {
    const log = path.join(mesh.dir, "pipe.log");
    const input = "one\u0000two\nüñí\n".repeat(5_000);
    const finished = await run(
      weftBin,
      ["run", "--service", "pipe", "--log-file", log, "--", "sh", "-c", "cat; echo done >&2"],
      { env: mesh.environment, input },
    );
    assert.equal(finished.code, 0);
    assert.equal(finished.stdout, input);
    assert.equal(finished.stderr, "done\n");
    assert.match(readFileSync(log, "utf8"), /registered.*workload=default\/pipe-/);
  });

  also("its death takes the workload away at once", async () => {
    const workload = await mesh.run({ service: "mortal", port: await freePort(), command: chatty });
    await mesh.ready("mortal", 1);
    const pid = Number((await workload.printed(/PID (\d+)/))[1]);
    const begun = performance.now();
    process.kill(pid, "SIGKILL");
    assert.equal((await workload.ended()).code, 137);
    assert.ok(performance.now() - begun < 6_000, "leaving takes two seconds at most");
    assert.deepEqual(await workloadsOf(mesh, "mortal"), []);
  });

  also("when weft is killed it gets TERM, and so do its children", async () => {
    const mark = path.join(mesh.dir, "mark");
    const command = ["sh", "-c", `${chatty.join(" ")} & exec ${chatty.join(" ")}`];
    const workload = await mesh.run({
      service: "orphan",
      port: null,
      command,
      environment: { MARK: mark },
    });
    await eventually("both are there", () =>
      [...workload.output().matchAll(/PID \d+/g)].length === 2 ? true : null,
    );
    workload.child.kill("SIGKILL");
    const lines = await eventually("both got TERM", () => {
      const text = existsSync(mark) ? readFileSync(mark, "utf8").trim().split("\n") : [];
      return text.length === 2 ? text : null;
    });
    assert.notEqual(lines[0], lines[1]);
  });

  also("KILL follows TERM after 10 s, for the whole group", async () => {
    const workload = await mesh.run({
      service: "deaf",
      port: null,
      // The program itself ends at once; the child it leaves does not.
      command: ["sh", "-c", `IGNORE_TERM=1 ${chatty.join(" ")} & trap "exit 3" TERM; wait`],
    });
    const pid = Number((await workload.printed(/PID (\d+)/))[1]);
    const begun = performance.now();
    workload.child.kill("SIGTERM");
    assert.equal((await workload.ended(20_000)).code, 3);
    const seconds = (performance.now() - begun) / 1000;
    assert.ok(seconds > 9.5 && seconds < 18, `after ${seconds} s`);
    assert.throws(() => process.kill(pid, 0), /ESRCH/);
  });

  also("a second signal kills at once", async () => {
    const workload = await mesh.run({
      service: "stubborn",
      port: null,
      command: chatty,
      environment: { IGNORE_TERM: "1" },
    });
    await workload.printed(/PID/);
    workload.child.kill("SIGINT");
    await workload.printed(/^\d+ TERM$/m);
    const begun = performance.now();
    workload.child.kill("SIGINT");
    assert.equal((await workload.ended()).code, 0);
    assert.ok(performance.now() - begun < 8_000, "it did not wait its ten seconds");
  });
  await Promise.all(others);
});

test("leaving the mesh", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context);

  await context.test("peers know first, requests in flight finish, then TERM", async () => {
    const workload = await mesh.run({ service: "slow", port: await freePort(), command: chatty });
    await mesh.ready("slow", 1);
    const { name, port } = await caller(mesh, "slow");
    const inFlight = get(port, "/wait/2500");
    await workload.printed(/BEGIN \/wait\/2500/);
    workload.child.kill("SIGTERM");
    await eventually("the workload is gone", async () =>
      (await workloadsOf(mesh, "slow")).length === 0 ? true : null,
    );
    await eventually("the caller's proxy has no endpoint", async () => {
      const { items } = await mesh.json<{ items: { cluster: string }[] }>(
        "proxy",
        "endpoints",
        name,
      );
      return items.some(({ cluster }) => cluster.startsWith("slow.")) ? null : true;
    });
    assert.deepEqual(await inFlight, { status: 200, body: "ok\n" });
    assert.deepEqual(await workload.ended(), { code: 0, signal: null });
    const after = saidAt(workload, "TERM") - saidAt(workload, "END /wait/2500");
    assert.ok(after >= 0 && after < 4_000, `TERM ${after} ms after the last response`);
  });

  await context.test("idle, it ends at once", async () => {
    const workload = await mesh.run({ service: "idle", port: await freePort(), command: chatty });
    await mesh.ready("idle", 1);
    const { port } = await caller(mesh, "idle");
    assert.equal((await get(port, "/")).status, 200);
    const begun = performance.now();
    workload.child.kill("SIGTERM");
    assert.equal((await workload.ended()).code, 0);
    assert.ok(performance.now() - begun < 10_000, `${performance.now() - begun} ms`);
  });

  await context.test("a peer that does not answer is waited for, but not for long", async () => {
    const workload = await mesh.run({ service: "waits", port: await freePort(), command: chatty });
    await mesh.ready("waits", 1);
    const frozen = await mesh.run({ service: "frozen", port: null });
    await mesh.ready("frozen", 1);
    frozen.child.kill("SIGSTOP");
    const begun = Date.now();
    workload.child.kill("SIGTERM");
    assert.equal((await workload.ended()).code, 0);
    frozen.child.kill("SIGCONT");
    const termAfter = saidAt(workload, "TERM") - begun;
    assert.ok(termAfter >= 1_900 && termAfter < 8_000, `TERM after ${termAfter} ms`);
    await frozen.stop();
  });

  await context.test("--drain bounds the wait", async () => {
    const workload = await mesh.run({
      service: "endless",
      port: await freePort(),
      flags: ["--drain", "1s"],
      command: chatty,
    });
    await mesh.ready("endless", 1);
    const { port } = await caller(mesh, "endless");
    const inFlight = get(port, "/wait/60000").then(
      ({ status }) => status,
      () => 0,
    );
    await workload.printed(/BEGIN/);
    const begun = Date.now();
    workload.child.kill("SIGTERM");
    assert.equal((await workload.ended()).code, 0);
    const termAfter = saidAt(workload, "TERM") - begun;
    assert.ok(termAfter >= 1_000 && termAfter < 8_000, `TERM after ${termAfter} ms`);
    assert.notEqual(await inFlight, 200);
  });
});

test("what a workload is in the mesh", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  interface ServiceObject {
    metadata: { resourceVersion: string };
    spec: { selector?: object; ports: object[] };
  }
  const service = async (name: string): Promise<ServiceObject | null> => {
    const answer = await fetch(`${mesh.server}/api/v1/namespaces/default/services/${name}`);
    return answer.ok ? ((await answer.json()) as ServiceObject) : null;
  };

  await context.test("client-only: an account and a workload, no ports, no service", async () => {
    await mesh.run({ service: "batch", port: null });
    const [workload] = await workloadsOf(mesh, "batch");
    assert.match(workload?.metadata.name ?? "", /^batch-[a-z]{5}$/);
    assert.equal(workload?.spec.serviceAccount, "batch");
    assert.deepEqual(workload?.spec.ports ?? [], []);
    assert.equal(await service("batch"), null);
    const account = await fetch(`${mesh.server}/api/v1/namespaces/default/serviceaccounts/batch`);
    assert.equal(account.status, 200);
    await mesh.ready("batch", 1);
  });

  await context.test("the service it makes has its ports; labels and version are set", async () => {
    const http = await freePort();
    const tcp = await freePort();
    await Promise.all([
      mesh.run({ service: "web", port: http, version: "v2", flags: ["--service-account", "shop"] }),
      mesh.run({ service: "db", port: tcp, flags: ["--protocol", "tcp"] }),
    ]);
    const web = await service("web");
    assert.deepEqual(web?.spec.selector, { "weft.dev/service": "web" });
    assert.deepEqual(
      web?.spec.ports.map((port) => ({ ...port, protocol: undefined })),
      [
        { name: "http", port: 80, targetPort: "http", appProtocol: "http", protocol: undefined },
        {
          name: `http-${http}`,
          port: http,
          targetPort: "http",
          appProtocol: "http",
          protocol: undefined,
        },
      ],
    );
    const db = await service("db");
    assert.equal(db?.spec.ports.length, 1);
    assert.deepEqual(
      { ...db?.spec.ports[0], protocol: undefined },
      { name: "tcp", port: tcp, targetPort: "tcp", appProtocol: "tcp", protocol: undefined },
    );
    const [workload] = await workloadsOf(mesh, "web");
    assert.deepEqual(workload?.metadata.labels, { "weft.dev/service": "web", version: "v2" });
    assert.equal(workload?.spec.serviceAccount, "shop");
    const [port] = workload?.spec.ports ?? [];
    assert.deepEqual(
      { ...port, meshPort: 0 },
      { name: "http", port: http, protocol: "HTTP", meshPort: 0 },
    );
  });

  await context.test("an existing service is never changed", async () => {
    await mesh.apply(
      "apiVersion: v1\nkind: Service\nmetadata: { name: mine }\nspec: { selector: { team: a }, ports: [{ port: 8080 }] }\n",
    );
    const before = await service("mine");
    const workload = await mesh.run({ service: "mine", port: await freePort() });
    await workload.printed(/the Service default\/mine exists and was left as it is/);
    assert.deepEqual(await service("mine"), before);
  });

  await context.test("a taken port is replaced, logged, and in the status", async () => {
    const [first, second] = [
      await mesh.run({ service: "ports-a", port: await freePort() }),
      await mesh.run({ service: "ports-b", port: await freePort() }),
    ];
    const proxies = await Promise.all(
      ["ports-a", "ports-b"].map((name) =>
        eventually(`${name} has its proxy's status, with a configuration`, async () => {
          const [workload] = await workloadsOf(mesh, name);
          const proxy = workload?.status?.proxy;
          return proxy?.["configVersion"]
            ? { ...proxy, mesh: workload?.spec.ports?.[0]?.meshPort }
            : null;
        }),
      ),
    );
    const usual = { adminPort: 15000, outboundPort: 15001, metricsPort: 15090, mesh: 15006 };
    for (const [field, wanted] of Object.entries(usual)) {
      const got = proxies.map((proxy) => (proxy as Record<string, unknown>)[field]);
      assert.notEqual(got[0], got[1], field);
      for (const [index, workload] of [first, second].entries()) {
        const said = new RegExp(
          `port ${wanted} is taken and was replaced.* port=${String(got[index])}`,
        );
        assert.equal(said.test(workload.output()), got[index] !== wanted, workload.output());
      }
    }
    assert.equal((proxies[0] as Record<string, unknown>)["kind"], "builtin");
  });
});

test("while the control plane is away", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  const port = await freePort();
  const serve = (): Promise<RunningWorkload> =>
    mesh.run({ service: "catalog", port, command: echo, flags: ["--drain", "1s"] });
  const catalog = await serve();
  await mesh.ready("catalog", 1);
  const { port: upstream } = await caller(mesh, "catalog");
  assert.equal((await get(upstream, "/")).status, 200);
  const [before] = await workloadsOf(mesh, "catalog");
  const folder = path.join(mesh.dir, "data/agents/default", before?.metadata.name ?? "");
  await eventually("the snapshot is on disk", () =>
    existsSync(path.join(folder, "snapshot.bin")) ? true : null,
  );

  mesh.control?.child.kill("SIGKILL");
  await mesh.control?.ended();
  assert.equal((await get(upstream, "/")).status, 200, "agents serve on");

  const restart = async (signal: NodeJS.Signals, old: RunningWorkload, inner: TestContext) => {
    old.child.kill(signal);
    await old.ended();
    await delay(300);
    const args = [
      "run",
      "--service",
      "catalog",
      "--port",
      String(port),
      "--drain",
      "1s",
      "--",
      ...echo,
    ];
    const begun = performance.now();
    const again = start(inner, weftBin, args, { env: mesh.environment });
    await eventually("it is reached where it was", async () =>
      (await get(upstream, "/")).status === 200 ? true : null,
    );
    inner.diagnostic(`reached again after ${Math.round(performance.now() - begun)} ms (${signal})`);
    return { ...again, outboundPort: catalog.outboundPort };
  };
  const second = await restart("SIGKILL", catalog, context);
  const third = await restart("SIGTERM", second, context);

  const script = `const a = await fetch("http://catalog/x"); console.log("FIRST", a.status);`;
  const fresh = await mesh.weft(
    "run",
    "--service",
    "calls-catalog",
    "--",
    nodeBin,
    "--input-type=module",
    "-e",
    script,
  );
  assert.equal(fresh.code, 1, "another workload has no snapshot to start from");
  assert.match(fresh.stderr, /after 10 s/);

  await mesh.up();
  await third.printed(/registered.* workload=(\S+)/);
  await eventually("it is Ready again, under its name", async () => {
    const [now] = await workloadsOf(mesh, "catalog");
    return now?.metadata.name === before?.metadata.name ? true : null;
  });
  assert.equal((await get(upstream, "/")).status, 200);
});
