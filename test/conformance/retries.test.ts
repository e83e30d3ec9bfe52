import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { behaviour, type Mesh } from "./harness.ts";

function answer503(mesh: Mesh, name: string): void {
  mesh.program(name).onRequest = (_request, response: ServerResponse) => {
    response.writeHead(503, { "x-workload": name });
    response.end("busy");
  };
}

/** No ejection, which would leave nothing to retry; a budget that does not matter. */
const noEjection = `
kind: TrafficPolicy
metadata: { name: catalog }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  outlierDetection: { consecutiveGatewayErrors: 0 }
  retry: { budget: { percent: 100, minPerSecond: 1000 } }
`;

behaviour(
  "503 is tried again on another endpoint, for methods that may",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(noEjection);
    answer503(mesh, "catalog-1");
    for (let i = 0; i < 10; i++) {
      const answer = await mesh.send("web", "http://catalog/x");
      assert.equal(answer.status, 200);
      assert.equal(answer.workload, "catalog-2");
    }
    mesh.program("catalog-1").seen.length = 0;
    const posted = await Promise.all(
      Array.from({ length: 12 }, () =>
        mesh.send("web", "http://catalog/x", { method: "POST", body: "b" }),
      ),
    );
    const refused = posted.filter(({ status }) => status === 503);
    assert.ok(refused.length > 0, "some POST met the busy endpoint");
    assert.equal(mesh.program("catalog-1").seen.length, refused.length);
    assert.ok(
      refused.every(({ flag }) => flag === ""),
      "the program's own answer went through",
    );
  },
);

behaviour("two retries at most, and the last answer goes down", import.meta.url, async (mesh) => {
  await mesh.apply(noEjection);
  answer503(mesh, "catalog-1");
  answer503(mesh, "catalog-2");
  const answer = await mesh.send("web", "http://catalog/x");
  assert.equal(answer.status, 503);
  assert.equal(answer.body, "busy");
  const tries = mesh.program("catalog-1").seen.length + mesh.program("catalog-2").seen.length;
  assert.equal(tries, 3);
});

behaviour(
  "a refused connection is tried elsewhere, whatever the method",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(noEjection);
    await mesh.join({
      kind: "Workload",
      metadata: { name: "catalog-3", labels: { "weft.dev/service": "catalog" } },
      spec: { serviceAccount: "catalog", ports: [{ name: "http", meshed: false }] },
    });
    await mesh.settled();
    mesh.program("catalog-3").close();
    for (let i = 0; i < 12; i++) {
      const answer = await mesh.send("web", "http://catalog/x", { method: "POST", body: "whole" });
      assert.equal(answer.status, 200, answer.flag);
      assert.equal(answer.seen.body, "whole");
    }
  },
);

behaviour("a try that takes too long is followed by another", import.meta.url, async (mesh) => {
  await mesh.apply(`
kind: TrafficPolicy
metadata: { name: catalog }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  retry:
    attempts: 2
    perTryTimeout: 300ms
    on: [reset, "503"]
    budget: { percent: 100, minPerSecond: 1000 }
  timeout: { request: 5s }
`);
  mesh.program("catalog-1").onRequest = () => {};
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => mesh.send("web", "http://catalog/x")),
  );
  assert.deepEqual(
    answers.map(({ status, workload }) => `${status} ${workload}`),
    Array.from({ length: 6 }, () => "200 catalog-2"),
  );
});

behaviour(
  "the budget bounds how many retries a failing service gets",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(`
kind: TrafficPolicy
metadata: { name: catalog }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  outlierDetection: { consecutiveGatewayErrors: 0 }
  retry: { attempts: 2, on: ["503"], budget: { percent: 0, minPerSecond: 1 } }
`);
    answer503(mesh, "catalog-1");
    answer503(mesh, "catalog-2");
    const startedAtMs = performance.now();
    for (let i = 0; i < 40; i++) {
      assert.equal((await mesh.send("web", "http://catalog/x")).status, 503);
    }
    const seconds = (performance.now() - startedAtMs) / 1000;
    const tries = mesh.program("catalog-1").seen.length + mesh.program("catalog-2").seen.length;
    assert.ok(tries > 40, "some were retried");
    assert.ok(tries <= 40 + 2 + Math.ceil(seconds), `${tries} tries in ${seconds} s`);
  },
);
