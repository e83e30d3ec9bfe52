import assert from "node:assert/strict";
import { behaviour, eventually, type Mesh } from "./harness.ts";

interface EndpointItem {
  readonly address: string;
  readonly ejected: boolean;
  readonly reason: string;
}

async function endpoints(mesh: Mesh): Promise<EndpointItem[]> {
  const { items } = (await mesh.proxy("web").ask("endpoints", {})) as {
    items: (EndpointItem & { cluster: string })[];
  };
  return items.filter(({ cluster }) => cluster === "catalog.default.svc.cluster.local:80");
}

behaviour(
  "an endpoint that keeps failing sits out, is shown so, and comes back",
  import.meta.url,
  async (mesh) => {
    mesh.program("catalog-1").onRequest = (_request, response) => {
      response.writeHead(502);
      response.end();
    };
    // POST is not retried: each of these counts once.
    for (let i = 0; i < 30; i++) await mesh.send("web", "http://catalog/", { method: "POST" });
    await eventually(async () => (await endpoints(mesh)).some(({ ejected }) => ejected));
    const ejected = (await endpoints(mesh)).find((item) => item.ejected);
    assert.match(ejected?.reason ?? "", /5 consecutive gateway errors/);
    mesh.program("catalog-1").seen.length = 0;
    for (let i = 0; i < 10; i++) {
      const answer = await mesh.send("web", "http://catalog/", { method: "POST" });
      assert.equal(answer.workload, "catalog-2");
    }
    assert.equal(mesh.program("catalog-1").seen.length, 0);
    mesh.program("catalog-1").onRequest = null;
    await eventually(async () => (await endpoints(mesh)).every((item) => !item.ejected), 8000);
    await eventually(
      async () => (await mesh.send("web", "http://catalog/")).workload === "catalog-1",
    );
  },
);

behaviour("the last endpoint is never taken out", import.meta.url, async (mesh) => {
  await mesh.leave("catalog-2");
  mesh.program("catalog-1").onRequest = (_request, response) => {
    response.writeHead(503);
    response.end("busy");
  };
  for (let i = 0; i < 12; i++) {
    const answer = await mesh.send("web", "http://catalog/", { method: "POST" });
    assert.equal(answer.body, "busy");
  }
  assert.ok((await endpoints(mesh)).every(({ ejected }) => !ejected));
});
