// The metrics of control plane and sidecar, judged by Prometheus' own linter.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually } from "../harness/processes.ts";

const echo = path.join(root, "test/harness/echo.mjs");
const found = spawnSync("promtool", ["--version"]).status === 0;

test("promtool finds nothing to say", { timeout: 60_000 }, async (context) => {
  if (!hasPart(context, "promtool", found, "install it with `npm run setup:test`")) return;
  const mesh = await Mesh.open(context);
  await mesh.run({ service: "catalog", port: await freePort(), command: [nodeBin, echo] });
  await mesh.ready("catalog", 1);
  await mesh.json("request", "http://catalog/");
  const metricsPort = await eventually("the sidecar's metrics port is known", async () => {
    const list = await mesh.json<{ items: { status?: { proxy?: { metricsPort?: number } } }[] }>(
      "get",
      "workloads",
    );
    return list.items[0]?.status?.proxy?.metricsPort ?? null;
  });
  const expected: readonly [string, RegExp][] = [
    [`${mesh.server}/metrics`, /^weft_xds_responses_total [1-9]/m],
    [`http://127.0.0.1:${metricsPort}/metrics`, /^weft_requests_total\{.*service="catalog"/m],
  ];
  for (const [url, sample] of expected) {
    const text = await eventually(`${url} shows the request`, async () => {
      const body = await (await fetch(url)).text();
      return sample.test(body) ? body : null;
    });
    const judged = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    assert.equal(judged.stdout + judged.stderr, "", url);
    assert.equal(judged.status, 0, url);
  }
});
