import assert from "node:assert/strict";
import { behaviour } from "./harness.ts";
import { Http2Program } from "./http2-program.ts";

for (const [service, workload] of [
  ["bare", "bare-1"],
  ["meshed", "meshed-1"],
] as const) {
  behaviour(
    `HTTP/1.1 requests reach an HTTP/2 program, ${service}`,
    import.meta.url,
    async (mesh) => {
      const program = new Http2Program(mesh.program(workload));
      const answer = await mesh.send("web", `http://${service}/items?x=1`);
      assert.equal(answer.status, 200, answer.body);
      assert.equal(program.seen[0]?.headers[":path"], "/items?x=1");
      const body = "x".repeat(200_000);
      const posted = await mesh.send("web", `http://${service}/`, { method: "POST", body });
      assert.equal(posted.status, 200);
      assert.equal(program.seen[1]?.body.length, body.length);
    },
  );
}
