import assert from "node:assert/strict";
import { behaviour, type Mesh } from "./harness.ts";

async function share(mesh: Mesh, requests: number): Promise<number> {
  let second = 0;
  for (let sent = 0; sent < requests; sent += 20) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => mesh.send("web", "http://catalog/")),
    );
    for (const { status, workload } of answers) {
      assert.equal(status, 200);
      if (workload === "catalog-2") second++;
    }
  }
  return second / requests;
}

behaviour(
  "weights split requests, and a change of weights moves them",
  import.meta.url,
  async (mesh) => {
    // Four standard deviations either side: a sound split fails once in sixteen thousand runs.
    const measured = await share(mesh, 600);
    assert.ok(Math.abs(measured - 0.2) < 4 * Math.sqrt((0.2 * 0.8) / 600), `20 % was ${measured}`);
    await mesh.apply(`
kind: HTTPRoute
metadata: { name: catalog }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules:
    - backendRefs: [{ name: catalog-v2, port: 80 }, { name: catalog-v1, port: 80, weight: 0 }]
`);
    assert.equal(await share(mesh, 60), 1);
  },
);

behaviour(
  "the share of a reference that cannot be resolved is answered 500",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(`
kind: HTTPRoute
metadata: { name: catalog }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules: [{ backendRefs: [{ name: catalog-v1, port: 80 }, { name: nobody, port: 80 }] }]
`);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => mesh.send("web", "http://catalog/")),
    );
    const failed = answers.filter(({ status }) => status === 500);
    assert.ok(failed.every(({ flag }) => flag === "NC"));
    assert.equal(answers.filter(({ status }) => status === 200).length, 200 - failed.length);
    assert.ok(
      Math.abs(failed.length - 100) < 4 * Math.sqrt(50),
      `half of 200 was ${failed.length}`,
    );
  },
);
