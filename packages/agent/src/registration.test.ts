import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger, SimClock, seededRandom } from "@weft/runtime";
import type { AgentOptions } from "./options.ts";
import { declaredPorts, registrationOf } from "./registration.ts";

const clock = new SimClock();
const options: AgentOptions = {
  runtime: { clock, timers: clock, random: seededRandom(1), log: silentLogger },
  dataDir: "/nowhere",
  control: "127.0.0.1:7071",
  tokenFile: null,
  namespace: "shop",
  service: "catalog",
  serviceAccount: "stock",
  version: "v2",
  port: 8080,
  protocol: "grpc",
  upstreams: [],
  healthPath: null,
  address: null,
  appAddress: "127.0.0.1",
  nameServers: [],
  concurrency: 1,
  memoryLimitBytes: 0,
  drainMs: 0,
  noWait: false,
  ephemeral: false,
  capture: null,
  envoy: null,
  explain: false,
  labels: { team: "a", "weft.dev/service": "another" },
  locality: { region: "eu", zone: "eu-1" },
  weight: 50,
  weftVersion: "1.2.3",
};

test("a workload's port is named like its protocol", () => {
  assert.deepEqual(declaredPorts(options, { grpc: 15006 }), [
    { name: "grpc", port: 8080, protocol: "grpc", meshPort: 15006 },
  ]);
});

test("the labels of service and version are always those of the flags", () => {
  const register = registrationOf(options, "catalog-bcdfg", "127.0.0.1", { grpc: 15006 });
  assert.deepEqual(register.labels, { team: "a", "weft.dev/service": "catalog", version: "v2" });
  assert.equal(register.service, "catalog");
  assert.equal(register.serviceAccount, "stock");
  assert.equal(register.servicePort, 8080);
  assert.equal(register.create, true);
});

test("client-only: no service, no ports, still a label that names it", () => {
  const register = registrationOf({ ...options, port: null, version: "" }, "catalog-x", "::1", {});
  assert.equal(register.service, "");
  assert.deepEqual(register.ports, []);
  assert.deepEqual(register.labels, { team: "a", "weft.dev/service": "catalog" });
});
