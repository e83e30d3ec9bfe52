// A hot upgrade (SIGUSR2) of captured workloads: the rules stay in force and change hands, nothing
// escapes them, no request fails in either direction, and a crash of the new process still takes
// them away.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { canReplaceProcess } from "@weft/runtime";
import {
  called,
  canCapture,
  Captured,
  captures,
  identityOf,
  neighbour,
  traces,
} from "../harness/captured.ts";
import type { LoadOptions } from "../harness/load.ts";
import { nodeBin, root, weftBin } from "../harness/mesh.ts";
import { type Host, openHosts } from "../harness/namespaces.ts";
import { eventually, type Started } from "../harness/processes.ts";

const steadyLoad = path.join(root, "test/harness/programs/steady-load.ts");
const steadyDns = path.join(root, "test/harness/programs/steady-dns.ts");
const kept = path.join(root, "test/harness/programs/kept.mjs");
const drainMs = 4_000;
const drain = ["--drain", `${drainMs}ms`];

interface LoadResult {
  readonly name: string;
  readonly count: number;
  readonly failed: string;
  readonly longestMs: number;
}

async function begin(host: Host, loads: readonly LoadOptions[]): Promise<Started> {
  const started = host.start(nodeBin, [steadyLoad, JSON.stringify(loads)]);
  await started.printed(/begun/);
  return started;
}

async function results(load: Started): Promise<LoadResult[]> {
  load.child.kill("SIGTERM");
  const [, text = ""] = await load.printed(/^results (.*)$/m);
  return JSON.parse(text) as LoadResult[];
}

/** How the program at `base` is asked to call `url`. */
function asked(url: string): string {
  return `/call?url=${encodeURIComponent(url)}`;
}

const skip = canReplaceProcess() ? false : "without FFI there is none";

test("captured workloads are upgraded under load", { timeout: 180_000, skip }, async (context) => {
  if (!canCapture(context)) return;
  const [hub, a, b, c] = openHosts(context, 4) as [Host, Host, Host, Host];
  const mesh = await Captured.open(context, hub);
  await b.start(nodeBin, [neighbour], { NAME: "web", PORT: "8081" }).printed(/listens/);
  const web = await mesh.sidecar(b, "web", ["--port", "8081", ...drain]);
  const catalog = await mesh.run(a, "catalog", ["--port", "8080", ...drain]);
  const [catalogAt, webAt] = [`http://${a.v4}:8080`, `http://${b.v4}:8081`];
  await called(hub, webAt, "http://catalog/who");
  await called(hub, catalogAt, "http://web/who");

  const isProxied = '"isProxied":true';
  const asWeb = `"identity":"${identityOf("web")}"`;
  const asCatalog = `"identity":"${identityOf("catalog")}"`;
  const each = { ratePerSecond: 12, path: "/who" };
  const to = { web: { ...each, host: b.v4, port: 8081 }, catalog: { ...each, port: 8080 } };
  const outside = await begin(c, [
    { ...to.web, name: "web calls", path: asked("http://catalog/who"), expects: asWeb },
    {
      ...to.catalog,
      host: a.v4,
      name: "the program calls",
      path: asked("http://web/who"),
      expects: asCatalog,
    },
    { ...to.web, name: "in, new connections", isFresh: true, expects: isProxied },
    {
      ...to.catalog,
      host: a.v6,
      name: "in over IPv6, new connections",
      isFresh: true,
      expects: isProxied,
    },
  ]);
  const besideWeb = await begin(b, [
    { ...to.catalog, host: a.v4, name: "out, new connections", isFresh: true, expects: asWeb },
    { ...to.catalog, host: a.v6, name: "out over IPv6", isFresh: true, expects: isProxied },
  ]);
  // Whichever server is asked.
  const names = [
    b.start(nodeBin, [steadyDns, c.v4, "53", "catalog.default.mesh"]),
    b.start(nodeBin, [steadyDns, c.v6, "53", "catalog.default.mesh"]),
  ];
  const idle = c.start(nodeBin, [kept, b.v4, "8081", "/who"]);
  await idle.printed(/answered 200/);
  const before = [await traces(a), await traces(b)];

  const begunMs = performance.now();
  for (const one of [web, catalog]) one.child.kill("SIGUSR2");
  await web.printed(/the new process serves; this one drains/);
  assert.doesNotMatch(idle.output(), /closed/, "idle, and not closed");
  const shown = await b.run(weftBin, ["capture", "show"]);
  const row = /^(weft_web_\w+) +upgrading, (\d+) serves +(\d+) +everyone +8081 -> 15006 /m;
  const [, table = "", bridge = "", pid = ""] = row.exec(shown.stdout) ?? [];
  assert.equal(pid, `${web.pid}`, shown.stdout);
  const { stdout: said } = await b.run(weftBin, ["check"]);
  const line = `capture ${table}: agent ${pid} is being upgraded; ${bridge} serves until it is back`;
  assert.match(said, new RegExp(`^ok +${line}$`, "m"));
  await idle.printed(/closed by the peer/);
  assert.ok(performance.now() - begunMs >= drainMs, "an idle connection stays for the drain time");
  for (const one of [web, catalog]) {
    await one.printed(/the upgrade is done; the bridge drains/);
    const environment = readFileSync(`/proc/${one.pid}/environ`, "utf8");
    assert.match(environment, /WEFT_HANDOVER=/, "it runs the new program in the same process");
    await eventually("the bridge has gone", () => {
      const children = readFileSync(`/proc/${one.pid}/task/${one.pid}/children`, "utf8");
      // The capture's guard; the program and its guard.
      return children.trim().split(" ").length === (one === web ? 1 : 3) || null;
    });
  }
  const found = (await Promise.all([outside, besideWeb, ...names].map(results))).flat();
  for (const { count, failed, longestMs, name } of found) {
    context.diagnostic(`${name}: ${count} requests, the longest ${longestMs} ms`);
    assert.equal(failed, "", name);
    assert.ok(count > 50, `${name}: ${count} requests`);
  }
  assert.deepEqual([await traces(a), await traces(b)], before);

  await context.test("what the new process owns goes with it", async () => {
    const toWeb = await called(hub, catalogAt, "http://web/who");
    assert.deepEqual([toWeb.identity, toWeb.remote], [identityOf("catalog"), a.v4]);
    // One of them in the middle of its next upgrade: the bridge goes as well.
    web.child.kill("SIGUSR2");
    const bridgePid = await eventually("it is being upgraded again", async () => {
      return (await captures(b))[0]?.bridgePid || null;
    });
    for (const [host, one] of [[a, catalog] as const, [b, web] as const]) {
      one.child.kill("SIGKILL");
      await eventually("the rules are gone", async () => (await traces(host)).length === 0 || null);
    }
    await eventually("the bridge has gone", () => !existsSync(`/proc/${bridgePid}`) || null);
    const direct = await called(b, "http://127.0.0.1:8081", `http://${b.v4}:8081/who`);
    assert.equal(direct.isProxied, false);
  });
});
