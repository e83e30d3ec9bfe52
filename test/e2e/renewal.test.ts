// SVIDs are renewed at half of their life, on both sides of a busy connection, and no request
// notices.

import assert from "node:assert/strict";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { freePort } from "@weft/runtime";
import { describeFailures, SteadyLoad } from "../harness/load.ts";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";

const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];
const renewed = /renewed the SVID/g;

test("renewal under load fails no request", { timeout: 120_000 }, async (context) => {
  const mesh = await Mesh.open(context, { environment: { WEFT_SVID_TTL: "8s" } });
  const server = await mesh.run({ service: "catalog", port: await freePort(), command: echo });
  await mesh.ready("catalog", 1);
  const client = await mesh.run({ service: "client", port: null });
  const load = new SteadyLoad({
    port: await client.outboundPort(),
    headers: { host: "catalog" },
    ratePerSecond: 300,
    connections: 16,
  });
  context.after(() => load.stop());
  await delay(14_000);
  await load.stop();
  const counts = [server, client].map(({ output }) => [...output().matchAll(renewed)].length);
  context.diagnostic(`${load.outcomes.length} requests; renewals: ${counts.join(" and ")}`);
  assert.ok(
    counts.every((count) => count >= 2),
    `renewals: ${counts.join(" and ")}`,
  );
  assert.ok(load.outcomes.length > 3_000);
  assert.equal(load.failures().length, 0, describeFailures(load.failures()));
});
