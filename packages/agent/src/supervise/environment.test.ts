import assert from "node:assert/strict";
import { test } from "node:test";
import { programEnvironment, upstreamVariable } from "./environment.ts";

const base = {
  inherited: { PATH: "/bin", http_proxy: "http://elsewhere", GONE: undefined },
  port: 8080,
  outboundPort: 15001,
  upstreams: new Map([["db:5432", "127.0.0.1:40001"]]),
  nodeShimUrl: "file:///shim.mjs",
};

test("the program learns its port, the outbound proxy and its upstreams", () => {
  const environment = programEnvironment(base);
  assert.equal(environment["PORT"], "8080");
  assert.equal(environment["HOST"], "127.0.0.1");
  assert.equal(environment["http_proxy"], "http://127.0.0.1:15001");
  assert.equal(environment["HTTP_PROXY"], "http://127.0.0.1:15001");
  assert.equal(environment["NODE_USE_ENV_PROXY"], "1");
  assert.equal(environment["no_proxy"], "localhost,127.0.0.1,::1");
  assert.equal(environment["WEFT_UPSTREAM_DB_5432"], "127.0.0.1:40001");
  assert.equal(environment["NODE_OPTIONS"], "--import file:///shim.mjs");
  assert.equal("GONE" in environment, false);
});

test("a client-only program has no PORT, and given NODE_OPTIONS stay", () => {
  const environment = programEnvironment({
    ...base,
    port: null,
    inherited: { NODE_OPTIONS: "--no-warnings" },
  });
  assert.equal("PORT" in environment, false);
  assert.equal(environment["NODE_OPTIONS"], "--no-warnings --import file:///shim.mjs");
});

test("an upstream's variable uses only what was written on the flag", () => {
  assert.equal(upstreamVariable("catalog"), "WEFT_UPSTREAM_CATALOG");
  assert.equal(upstreamVariable("user-db.shop:5432"), "WEFT_UPSTREAM_USER_DB_SHOP_5432");
});
