import assert from "node:assert/strict";
import { behaviour, eventually } from "./harness.ts";

behaviour("headers are edited on the way up and on the way down", import.meta.url, async (mesh) => {
  const answer = await mesh.send("web", "http://shop/edit", {
    headers: { "x-set": "old", "x-add": "one", "x-gone": "1", "x-kept": "2" },
  });
  assert.equal(answer.status, 200);
  const { headers } = answer.seen;
  assert.equal(headers["x-set"], "new");
  assert.equal(headers["x-add"], "one, two");
  assert.equal(headers["x-gone"], undefined);
  assert.equal(headers["x-kept"], "2");
  assert.equal(answer.headers["x-workload"], "hidden");
  assert.equal(answer.headers["x-more"], "1");
  assert.equal(answer.headers["content-type"], undefined);
});

behaviour("a redirect is answered by the caller's proxy", import.meta.url, async (mesh) => {
  const answer = await mesh.send("web", "http://shop/moved/here?q=1");
  assert.equal(answer.status, 301);
  assert.equal(answer.headers["location"], "http://example.test/new/here?q=1");
  assert.equal(mesh.program("shop-1").seen.length, 0);
});

behaviour("path and host are rewritten", import.meta.url, async (mesh) => {
  const prefix = await mesh.send("web", "http://shop/old/thing?q=1");
  assert.equal(prefix.seen.url, "/fresh/thing?q=1");
  assert.equal(prefix.seen.headers["host"], "inner.test");
  const bare = await mesh.send("web", "http://shop/old");
  assert.equal(bare.seen.url, "/fresh");
  const full = await mesh.send("web", "http://shop/full/a/b?q=1");
  assert.equal(full.seen.url, "/one?q=1");
});

behaviour("a mirror gets a copy and its answer is nobody's", import.meta.url, async (mesh) => {
  const shadow = mesh.program("shadow-1");
  shadow.onRequest = (_request, response) => {
    response.writeHead(500);
    response.end("no");
  };
  const answer = await mesh.send("web", "http://shop/mirrored/x", {
    method: "POST",
    headers: { "x-token": "t" },
    body: "payload",
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.workload, "shop-1");
  assert.equal(answer.seen.body, "payload");
  await eventually(() => shadow.seen.length === 1);
  assert.equal(shadow.seen[0]?.body, "payload");
  assert.equal(shadow.seen[0]?.method, "POST");
  assert.equal(shadow.seen[0]?.headers["x-token"], "t");
  // A mirror that is gone does no harm.
  await mesh.leave("shadow-1");
  assert.equal((await mesh.send("web", "http://shop/mirrored/y")).status, 200);
});
