// A running `weft run` becomes the Weft that is installed now (SIGUSR2) on both sides of a pair
// under load: no request fails, nobody's connection is reset, the program beside it never notices.

import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { canReplaceProcess, freePort } from "@weft/runtime";
import { describeFailures, SteadyLoad } from "../harness/load.ts";
import { Mesh, nodeBin, root, type RunningWorkload, weftBin } from "../harness/mesh.ts";
import { eventually, start, type Started } from "../harness/processes.ts";

const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];
const chatty = [nodeBin, path.join(root, "test/harness/chatty.mjs")];
const drainMs = 2_000;
const drain = ["--drain", `${drainMs}ms`];

/** A kept connection, and what became of it. */
class Kept {
  readonly socket: Socket;
  text = "";
  endedAtMs = 0;
  error = "";

  constructor(context: TestContext, port: number) {
    this.socket = connect({ host: "127.0.0.1", port });
    context.after(() => this.socket.destroy());
    this.socket.on("data", (bytes: Buffer) => (this.text += bytes.toString()));
    this.socket.on("end", () => (this.endedAtMs = performance.now()));
    this.socket.on("error", (error) => (this.error = error.message));
  }

  async ask(): Promise<string> {
    this.text = "";
    this.socket.write("GET / HTTP/1.1\r\nhost: catalog\r\n\r\n");
    return await eventually("an answer", () => (/\r\n\r\n/.test(this.text) ? this.text : null));
  }
}

/** The environment is the one it was started with, as whatever it is now. */
function becameNew(workload: RunningWorkload): boolean {
  return readFileSync(`/proc/${workload.pid}/environ`, "utf8").includes("WEFT_HANDOVER=");
}

test("an upgrade in place under load on both sides of a pair", {
  timeout: 120_000,
  skip: canReplaceProcess() ? false : "without FFI there is none",
}, async (context) => {
  const mesh = await Mesh.open(context);
  const port = await freePort();
  const catalog = await mesh.run({ service: "catalog", port, flags: drain, command: echo });
  await mesh.ready("catalog", 1);
  const flags = ["--upstream", "catalog", ...drain];
  const web = await mesh.run({ service: "web", port: null, flags, command: chatty });
  const variable = await web.printed(/"WEFT_UPSTREAM_CATALOG":"127.0.0.1:(\d+)"/);
  const upstream = Number(variable[1]);
  await eventually("the first answer", async () => {
    const answer = await fetch(`http://127.0.0.1:${upstream}/`);
    return answer.ok ? true : null;
  });

  const idle = new Kept(context, upstream);
  const used = new Kept(context, upstream);
  assert.match(await idle.ask(), /^HTTP\/1\.1 200/);
  assert.doesNotMatch(await used.ask(), /connection: close/i);

  const load = new SteadyLoad({ port: upstream, ratePerSecond: 500, connections: 32 });
  const begunMs = performance.now();
  web.child.kill("SIGUSR2");
  catalog.child.kill("SIGUSR2");
  await web.printed(/the new process serves; this one drains/);
  assert.equal(`${idle.endedAtMs}${idle.error}`, "0", "idle, and not closed");
  // It lives on in the old process, and is told with its next answer.
  const last = await used.ask();
  assert.match(last, /^HTTP\/1\.1 200/);
  assert.match(last, /\r\nconnection: close\r\n/i);
  for (const workload of [web, catalog]) {
    await workload.printed(/the upgrade is done; the bridge drains/);
    assert.ok(becameNew(workload), "it runs the new program in the same process");
  }
  assert.ok(idle.endedAtMs - begunMs >= drainMs, "an idle connection stays for the drain time");
  assert.equal(idle.error, "");
  await eventually("the bridges have gone", () => {
    const stat = (pid: number): string =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    // The program and its guard.
    return [web, catalog].every(({ pid }) => stat(pid).split(" ").length === 2) ? true : null;
  });
  await load.stop();
  assert.ok(load.outcomes.length > 1_000, `${load.outcomes.length} requests`);
  assert.equal(describeFailures(load.failures()), "");

  const { items } = await mesh.json<{ items: unknown[] }>("get", "workloads");
  assert.equal(items.length, 2, "the same workloads as before");
  // The adopted program is still ours to stop, and its end is ours.
  await catalog.stop();
  assert.equal(catalog.child.exitCode, 0, catalog.output());
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
  assert.doesNotMatch(`${web.output()}${catalog.output()}`, / error /);
});

test("an installation that does not work changes nothing; a control plane that is away neither", {
  timeout: 90_000,
  skip: canReplaceProcess() ? false : "without FFI there is none",
}, async (context) => {
  const mesh = await Mesh.open(context);
  const port = await freePort();
  const installed = path.join(mesh.dir, "weft");
  symlinkSync(weftBin, installed);
  const args = ["run", "--service", "catalog", "--port", String(port), "--drain", "1s"];
  const options = { env: mesh.environment };
  const catalog = start(context, installed, [...args, "--", ...echo], options);
  await mesh.ready("catalog", 1);

  rmSync(installed);
  writeFileSync(installed, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  catalog.child.kill("SIGUSR2");
  await catalog.printed(/error the upgrade failed; this process serves on .*upgrade-failed/);

  rmSync(installed);
  symlinkSync(weftBin, installed);
  mesh.control?.child.kill("SIGSTOP");
  context.after(() => mesh.control?.child.kill("SIGCONT"));
  catalog.child.kill("SIGUSR2");
  await catalog.printed(/the upgrade is done/, 45_000);
  mesh.control?.child.kill("SIGCONT");
  await mesh.ready("catalog", 1);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});

test("in an upgrade names are answered, and addresses that stand for services serve", {
  timeout: 90_000,
  skip: canReplaceProcess() ? false : "without FFI there is none",
}, async (context) => {
  const mesh = await Mesh.open(context);
  const port = await freePort();
  await mesh.run({ service: "catalog", port, command: echo });
  for (const name of ["early", "late"]) {
    await mesh.apply(
      `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n` +
        "  selector: { weft.dev/service: catalog }\n" +
        `  ports: [{ name: http, port: ${port}, targetPort: http, appProtocol: http }]\n`,
    );
  }
  await mesh.ready("catalog", 1);
  const flags = ["--upstream", "catalog", ...drain];
  const web = await mesh.run({ service: "web", port: null, flags, command: chatty });
  const variable = await web.printed(/"WEFT_UPSTREAM_CATALOG":"127.0.0.1:(\d+)"/);
  const { dnsPort } = await eventually("the status names its ports", async () => {
    type Listed = { metadata: { name: string }; status?: { proxy?: { dnsPort: number } } };
    const { items } = await mesh.json<{ items: Listed[] }>("get", "workloads");
    return items.find(({ metadata }) => metadata.name.startsWith("web-"))?.status?.proxy ?? null;
  });
  const steadyDns = path.join(root, "test/harness/programs/steady-dns.ts");
  const ask = (server: string): Started =>
    start(context, nodeBin, [steadyDns, server, `${dnsPort}`, "catalog.default.mesh"]);
  const names = [ask("127.0.0.1"), ask("::1")];
  const resolver = new Resolver({ timeout: 3000, tries: 1 });
  resolver.setServers([`127.0.0.1:${dnsPort}`]);
  const [address = ""] = await resolver.resolve4("catalog.default.mesh");

  const each = { ratePerSecond: 20, path: "/" };
  const loads = [true, false].flatMap((isFresh) => [
    new SteadyLoad({ ...each, isFresh, name: "its address", host: address, port }),
    new SteadyLoad({ ...each, isFresh, name: "its port here", port: Number(variable[1]) }),
  ]);
  context.after(() => Promise.all(loads.map((load) => load.stop())));
  // Keeps the old process for its drain time.
  assert.match(await new Kept(context, Number(variable[1])).ask(), /^HTTP\/1\.1 200/);
  web.child.kill("SIGUSR2");
  // Its listener is opened by a process that goes: the old one, then the bridge.
  const [early = ""] = await resolver.resolve4("early.default.mesh");
  await web.printed(/the new process serves; this one drains/);
  const [late = ""] = await resolver.resolve4("late.default.mesh");
  const found = new Map([
    ["catalog", address],
    ["early", early],
    ["late", late],
  ]);
  const reach = async (when: string): Promise<void> => {
    for (const [name, at] of found) {
      assert.deepEqual(await resolver.resolve4(`${name}.default.mesh`), [at], `${name}, ${when}`);
      const answer = await fetch(`http://${at}:${port}/`);
      assert.equal(answer.status, 200, `${name}, ${when}`);
    }
  };
  await reach("by the bridge");
  await web.printed(/the upgrade is done; the bridge drains/);
  assert.ok(becameNew(web));
  await reach("by the heir");
  for (const load of loads) {
    await load.stop();
    assert.equal(describeFailures(load.failures()), "", load.name);
    assert.ok(load.outcomes.length > 30, `${load.name}: ${load.outcomes.length} requests`);
  }
  for (const asker of names) {
    asker.child.kill("SIGTERM");
    const [, text = ""] = await asker.printed(/^results (.*)$/m);
    type Result = Readonly<Record<"name" | "failed", string>> & {
      count: number;
      answers: string[];
    };
    for (const { answers, count, failed, name } of JSON.parse(text) as Result[]) {
      assert.equal(failed, "", name);
      assert.ok(count > 20, `${name}: ${count} questions`);
      assert.deepEqual(answers, [address]);
    }
  }
});
