import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { behaviour, eventually } from "./harness.ts";

behaviour(
  "more requests at once than the limit are refused, over all workers, and later ones served",
  import.meta.url,
  async (mesh) => {
    const held: ServerResponse[] = [];
    mesh.program("small-1").onRequest = (_request, response) => held.push(response);
    const first = Array.from({ length: 3 }, () => mesh.send("web", "http://small/"));
    await eventually(() => held.length === 3);
    const refused = await Promise.all(
      Array.from({ length: 8 }, () => mesh.send("web", "http://small/")),
    );
    for (const { status, flag } of refused) assert.equal(`${status} ${flag}`, "503 UO");
    for (const response of held) response.end("done");
    for (const { status } of await Promise.all(first)) assert.equal(status, 200);
    mesh.program("small-1").onRequest = null;
    for (let i = 0; i < 8; i++) assert.equal((await mesh.send("web", "http://small/")).status, 200);
  },
);

behaviour("a limit on connections makes requests wait, not fail", import.meta.url, async (mesh) => {
  await mesh.apply(`
kind: TrafficPolicy
metadata: { name: small }
spec:
  targetRefs: [{ group: "", kind: Service, name: small }]
  circuitBreaker: { maxConnections: 1, maxPendingRequests: 100, maxRequests: 100 }
`);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => mesh.send("web", "http://small/")),
  );
  assert.ok(answers.every(({ status }) => status === 200));
});
