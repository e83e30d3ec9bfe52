import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createGuard, refuseListen, refuseRequest, splitAddress } from "./guard.ts";

const guard = createGuard("127.0.0.1:7070", ["mesh.test"]);

function refused(method: string, headers: Record<string, string>, bodyBytes = 0): number | null {
  const all = new Map(Object.entries({ host: "127.0.0.1:7070", ...headers }));
  return refuseRequest(guard, method, all, bodyBytes)?.code ?? null;
}

describe("the guard", () => {
  it("answers to its own names only", () => {
    for (const host of [
      "127.0.0.1:7070",
      "localhost:7070",
      "LOCALHOST",
      "[::1]:7070",
      "mesh.test",
    ]) {
      assert.equal(refused("GET", { host }), null, host);
    }
    for (const host of [
      "evil.test",
      "evil.test:7070",
      "",
      "127.0.0.1.evil.test",
      "a b",
      "mesh.test@x",
    ]) {
      assert.equal(refused("GET", { host }), 403, host);
    }
  });

  it("refuses pages of other origins, reads included", () => {
    assert.equal(refused("GET", { origin: "http://evil.test" }), 403);
    assert.equal(refused("GET", { origin: "null" }), 403);
    assert.equal(refused("GET", { origin: "http://127.0.0.1:9999" }), 403);
    assert.equal(refused("GET", { "sec-fetch-site": "cross-site" }), 403);
    assert.equal(refused("GET", { origin: "http://127.0.0.1:7070" }), null);
  });

  it("refuses bodies on writes that a page can send without asking", () => {
    const json = { "content-type": "application/json" };
    assert.equal(refused("POST", json, 10), null);
    for (const type of [
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "text/plain;charset=UTF-8",
      "Text/Plain",
    ]) {
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        assert.equal(refused(method, { "content-type": type }, 10), 415, `${method} ${type}`);
      }
    }
    assert.equal(refused("DELETE", {}, 0), null);
  });
});

describe("where it may listen", () => {
  it("is loopback until there is authentication", () => {
    for (const listen of ["127.0.0.1:7070", "localhost:0", "[::1]:7070", "127.9.8.7:1"]) {
      assert.equal(refuseListen(listen, false), null, listen);
    }
    for (const listen of ["0.0.0.0:7070", "[::]:7070", "mesh.test:7070"]) {
      assert.match(refuseListen(listen, false) ?? "", /no authentication is configured/, listen);
      assert.equal(refuseListen(listen, true), null, listen);
    }
    assert.match(refuseListen("7070:x:y", false) ?? "", /is not an address/);
  });

  it("reads addresses", () => {
    assert.deepEqual(splitAddress("[::1]:80"), { name: "::1", port: 80 });
    assert.deepEqual(splitAddress("a.test"), { name: "a.test", port: null });
    assert.equal(splitAddress("a:99999"), null);
    assert.equal(splitAddress("::1"), null);
  });
});
