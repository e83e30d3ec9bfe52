// The thinnest whole path: a control plane, two programs under `weft run`, a request over mutual
// TLS.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { eventually } from "../harness/processes.ts";

const echo = path.join(root, "test/harness/echo.mjs");

test("a program's request reaches another over mTLS", { timeout: 120_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  const port = await freePort();
  await mesh.run({ service: "catalog", port, command: [nodeBin, echo] });
  await mesh.ready("catalog", 1);

  const script = `
    const answer = await fetch("http://catalog/items?x=1");
    console.log("STATUS", answer.status, await answer.text());
    setInterval(() => {}, 1000);`;
  const client = await mesh.run({
    service: "client",
    port: null,
    command: [nodeBin, "--input-type=module", "-e", script],
  });
  const printed = await client.printed(/STATUS (\d+) (\{.*\})/);
  assert.equal(printed[1], "200", printed[0]);
  const seen = JSON.parse(printed[2] ?? "{}") as { path: string; headers: Record<string, string> };
  assert.equal(seen.path, "/items?x=1");
  assert.match(
    seen.headers["x-forwarded-client-cert"] ?? "",
    /URI=spiffe:\/\/[^/]+\/ns\/default\/sa\/client/,
  );

  const answer = await mesh.json<{
    status: number;
    requestId: string;
    attempts: { endpoint: string; status: number }[];
    explanation: { cluster: string };
  }>("request", "http://catalog/");
  assert.equal(answer.status, 200);
  assert.equal(answer.explanation.cluster, "catalog.default.svc.cluster.local:80");
  assert.equal(answer.attempts[0]?.status, 200);

  const row = await eventually("weft stat shows the request as mTLS", async () => {
    const stat = await mesh.json<{ items: { service: string; mtlsShare: number | null }[] }>(
      "stat",
    );
    return stat.items.find((item) => item.service === "catalog" && item.mtlsShare !== null) ?? null;
  });
  assert.equal(row.mtlsShare, 1);
});
