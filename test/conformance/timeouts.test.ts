import assert from "node:assert/strict";
import { behaviour, eventually } from "./harness.ts";

behaviour(
  "a request that takes longer than its route allows is answered 504",
  import.meta.url,
  async (mesh) => {
    let isCut = false;
    mesh.program("slow-1").onRequest = (_request, response) => {
      response.on("close", () => {
        isCut = !response.writableFinished;
      });
    };
    const answer = await mesh.send("web", "http://slow/timed");
    assert.equal(answer.status, 504);
    assert.equal(answer.flag, "UT");
    // The work is not left behind upstream.
    await eventually(() => isCut);
  },
);

behaviour(
  "a response that has begun and then stalls past the timeout is cut, not completed",
  import.meta.url,
  async (mesh) => {
    mesh.program("slow-1").onRequest = (_request, response) => {
      response.writeHead(200, { "content-length": 10 });
      response.write("half");
    };
    await assert.rejects(mesh.send("web", "http://slow/timed"));
  },
);

behaviour("without a timeout a slow answer is waited for", import.meta.url, async (mesh) => {
  mesh.program("slow-1").onRequest = (_request, response) => {
    setTimeout(() => response.end("late"), 500);
  };
  const answer = await mesh.send("web", "http://slow/other");
  assert.equal(answer.status, 200);
  assert.equal(answer.body, "late");
});

behaviour("nothing moving for the idle timeout ends the request", import.meta.url, async (mesh) => {
  await mesh.apply(`
kind: TrafficPolicy
metadata: { name: slow }
spec:
  targetRefs: [{ group: "", kind: Service, name: slow }]
  timeout: { idle: 1s }
`);
  mesh.program("slow-1").onRequest = () => {};
  const startedAtMs = performance.now();
  const answer = await mesh.send("web", "http://slow/other");
  assert.equal(answer.status, 504);
  assert.equal(answer.flag, "SI");
  assert.ok(performance.now() - startedAtMs < 5000);
});
