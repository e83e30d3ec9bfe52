// Losing the control plane removes nothing; losing an agent removes its endpoint, soon.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { LightAgent } from "../harness/light-agent.ts";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { eventually } from "../harness/processes.ts";

const echo = path.join(root, "test/harness/echo.mjs");

test("50 agents, the control plane away for 60 s: no endpoint removal is ever sent", {
  timeout: 240_000,
}, async (context) => {
  const mesh = await Mesh.open(context);
  const token = readFileSync(
    path.join(mesh.environment["WEFT_DATA_DIR"] ?? "", "join-secret"),
    "utf8",
  );
  const agents = Array.from({ length: 50 }, (_, index) => {
    const service = `service-${index % 10}`;
    return new LightAgent({
      control: `127.0.0.1:${mesh.xdsPort}`,
      token,
      service,
      workload: `${service}-${"abcde"[Math.floor(index / 10)]}bcdf`,
      meshPort: 20_000 + index,
    });
  });
  context.after(() => agents.forEach((agent) => agent.close()));
  for (let from = 0; from < agents.length; from += 10) {
    await Promise.all(agents.slice(from, from + 10).map((agent) => agent.open()));
  }
  const settled = (): boolean =>
    agents.every((agent) => agent.isRegistered && agent.endpointCounts.at(-1) === 5);
  await eventually(
    "every agent sees its service's five endpoints",
    () => (settled() ? true : null),
    60_000,
  );
  const before = agents.map((agent) => agent.endpointCounts.length);

  mesh.control?.child.kill("SIGKILL");
  await mesh.control?.ended();
  await delay(60_000);
  await mesh.up();
  await eventually("every agent is back", () => (settled() ? true : null), 30_000);
  // Past the ten seconds after which a lost stream's workload would be removed.
  await delay(15_000);

  const later = agents.flatMap((agent, index) => agent.endpointCounts.slice(before[index]));
  context.diagnostic(`${later.length} endpoint updates after the restart`);
  assert.deepEqual(
    later.filter((count) => count < 5),
    [],
    "an update took endpoints away",
  );
});

test("SIGKILL of one agent of three: its endpoint is gone within 15 s", {
  timeout: 120_000,
}, async (context) => {
  const mesh = await Mesh.open(context);
  const workloads = [];
  for (let count = 0; count < 3; count++) {
    workloads.push(
      await mesh.run({ service: "catalog", port: await freePort(), command: [nodeBin, echo] }),
    );
  }
  await mesh.ready("catalog", 3);
  const client = await mesh.run({ service: "client", port: null });
  const endpoints = async (): Promise<number> => {
    const list = await mesh.json<{ items: { cluster: string }[] }>("proxy", "endpoints", "client");
    return list.items.filter((item) => item.cluster === "catalog.default.svc.cluster.local:80")
      .length;
  };
  await eventually("the client's proxy has three endpoints", async () =>
    (await endpoints()) === 3 ? true : null,
  );
  const victim = workloads[0];
  const begun = performance.now();
  victim?.child.kill("SIGKILL");
  await eventually(
    "two are left",
    async () => ((await endpoints()) === 2 ? true : null),
    15_000,
    200,
  );
  context.diagnostic(`gone after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  assert.equal(client.child.exitCode, null);
});
