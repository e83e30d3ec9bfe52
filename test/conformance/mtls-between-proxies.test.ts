import assert from "node:assert/strict";
import { behaviour } from "./harness.ts";

behaviour(
  "a request travels over mutual TLS to the service it names",
  import.meta.url,
  async (mesh) => {
    for (const name of ["catalog", "catalog.default", "catalog.default.mesh", "catalog:80"]) {
      const answer = await mesh.send("web", `http://${name}/items?x=1`);
      assert.equal(answer.status, 200, answer.body);
      assert.equal(answer.workload, "catalog-1");
      assert.equal(answer.seen.url, "/items?x=1");
      const proved = String(answer.seen.headers["x-forwarded-client-cert"]);
      const trust = "spiffe://weft.local/ns/default/sa";
      assert.ok(proved.startsWith(`By=${trust}/catalog;Hash=`), proved);
      assert.ok(proved.endsWith(`;URI=${trust}/web`), proved);
      assert.match(proved, /;Hash=[0-9a-f]{64};/);
    }
  },
);
