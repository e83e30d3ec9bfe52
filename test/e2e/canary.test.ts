// Under constant load through two sidecars a canary moves, an instance is replaced, SVIDs are
// renewed, a proxy worker is killed and the control plane is killed and restarted: nothing fails,
// and each split is as asked for.

import assert from "node:assert/strict";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { describeFailures, shareOf, SteadyLoad } from "../harness/load.ts";
import { Mesh, nodeBin, root, type RunningWorkload } from "../harness/mesh.ts";

const echo = path.join(root, "test/harness/echo.mjs");

function route(weight: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules:
    - backendRefs:
        - { name: catalog-v1, port: 80, weight: ${100 - weight} }
        - { name: catalog-v2, port: 80, weight: ${weight} }
`;
}

const versions = ["v1", "v2"]
  .map(
    (version) => `apiVersion: v1
kind: Service
metadata: { name: catalog-${version} }
spec:
  selector: { weft.dev/service: catalog, version: ${version} }
  ports: [{ name: http, port: 80, targetPort: http, appProtocol: http }]
`,
  )
  .join("---\n");

test("a canary under load loses nothing", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context, { environment: { WEFT_SVID_TTL: "40s" } });
  const serve = async (version: string): Promise<RunningWorkload> =>
    await mesh.run({
      service: "catalog",
      port: await freePort(),
      version,
      command: [nodeBin, echo],
      environment: { APP_VERSION: version },
    });
  const old = await serve("v1");
  await serve("v1");
  await serve("v2");
  await mesh.apply(`${versions}---\n${route(0)}`);
  const client = await mesh.run({
    service: "client",
    port: null,
    flags: ["--upstream", "catalog"],
    command: ["sh", "-c", 'echo "UPSTREAM $WEFT_UPSTREAM_CATALOG"; exec sleep 1000'],
  });
  await mesh.ready("catalog", 3);
  await mesh.ready("client", 1);
  const admin = await adminPort(mesh, "client");
  const upstream = Number((await client.printed(/UPSTREAM 127\.0\.0\.1:(\d+)/))[1]);

  const load = new SteadyLoad({ port: upstream, ratePerSecond: 500, connections: 16 });
  context.after(() => load.stop());
  const splits: { weight: number; share: number; count: number }[] = [];
  const stretch = async (weight: number, act: () => Promise<void>): Promise<void> => {
    await mesh.apply(route(weight));
    await delay(1_000);
    const from = load.elapsedMs;
    await act();
    const left = 15_000 - (load.elapsedMs - from);
    if (left > 0) await delay(left);
    const seen = load.between(from, load.elapsedMs - 200);
    splits.push({ weight, share: shareOf(seen, "v2"), count: seen.length });
  };

  await stretch(0, async () => {
    await delay(500);
  });
  await stretch(10, async () => {
    await serve("v1");
    old.child.kill("SIGTERM");
    await old.ended();
  });
  let killedAt = 0;
  await stretch(50, async () => {
    killedAt = load.elapsedMs;
    const answer = await fetch(`http://127.0.0.1:${admin}/workers/0/terminate`, { method: "POST" });
    assert.equal(answer.status, 200, await answer.text());
  });
  await stretch(100, async () => {
    mesh.control?.child.kill("SIGKILL");
    await mesh.control?.ended();
    await delay(3_000);
    await mesh.up();
  });
  await load.stop();

  const failures = load.failures();
  const inKilledWorker = failures.filter(({ atMs, durationMs }) => {
    return atMs <= killedAt + 250 && atMs + durationMs >= killedAt - 50;
  });
  const told = splits.map(({ count, share, weight }) => {
    return `${weight} % became ${(share * 100).toFixed(1)} % of ${count}`;
  });
  const lost = `${inKilledWorker.length} in flight in the killed worker`;
  context.diagnostic(`${load.outcomes.length} requests; ${lost}; ${told.join(", ")}`);
  const others = failures.filter((failure) => !inKilledWorker.includes(failure));
  assert.equal(others.length, 0, describeFailures(others));
  assert.ok(inKilledWorker.length <= 32, describeFailures(inKilledWorker));
  for (const { count, share, weight } of splits) {
    assert.ok(count > 5_000, `${count} requests at ${weight} %`);
    assert.ok(
      Math.abs(share * 100 - weight) <= 2,
      `${weight} % became ${(share * 100).toFixed(2)} %`,
    );
  }
  assert.match(client.output(), /renewed the SVID/);
});

async function adminPort(mesh: Mesh, service: string): Promise<number> {
  const list = await mesh.json<{
    items: {
      metadata: { labels?: Record<string, string> };
      status?: { proxy?: { adminPort?: number } };
    }[];
  }>("get", "workloads");
  const own = list.items.find((item) => item.metadata.labels?.["weft.dev/service"] === service);
  return own?.status?.proxy?.adminPort ?? 0;
}
