import assert from "node:assert/strict";
import { test } from "node:test";
import { movedPorts, proxyAddresses } from "./proxy-addresses.ts";

const options = {
  port: 8080,
  protocol: "http",
  appAddress: "127.0.0.1",
  upstreams: [],
  ephemeral: false,
  capture: null,
  envoy: null,
} as const;

test("the usual ports; inbound, metrics and readiness where peers reach the workload", () => {
  const addresses = proxyAddresses(options, "::1", {});
  assert.deepEqual(addresses.outbound, { address: "127.0.0.1", preferredPort: 15001 });
  assert.deepEqual(addresses.admin, { address: "127.0.0.1", preferredPort: 15000 });
  assert.deepEqual(addresses.metrics, { address: "::1", preferredPort: 15090 });
  assert.deepEqual(addresses.readiness, { address: "::1", preferredPort: 15021 });
  assert.deepEqual(addresses.inbound, [
    {
      portName: "http",
      address: "::1",
      preferredPort: 15006,
      appAddress: "127.0.0.1",
      appPort: 8080,
      protocol: "http",
    },
  ]);
});

test("one that starts again prefers the inbound port where peers knew it", () => {
  assert.equal(proxyAddresses(options, "::1", { http: 41000 }).inbound[0]?.preferredPort, 41000);
});

test("the program's own port is never preferred, and a short-lived proxy prefers none", () => {
  const { metrics, outbound } = proxyAddresses({ ...options, port: 15001 }, "::1", {});
  assert.deepEqual([outbound.preferredPort, metrics.preferredPort], [0, 15090]);
  const ephemeral = proxyAddresses({ ...options, ephemeral: true, port: null }, "::1", {});
  assert.deepEqual(ephemeral.inbound, []);
  assert.equal(ephemeral.metrics.preferredPort, 0);
});

test("replaced ports are named; those that were free to be any are not", () => {
  const wanted = proxyAddresses({ ...options, port: 15001 }, "::1", {});
  const got = {
    outbound: 40000,
    admin: 15000,
    metrics: 40001,
    readiness: 15021,
    inbound: { http: 40002 },
    capturedInbound: 0,
    upstreams: {},
  };
  assert.deepEqual(movedPorts(wanted, got), [
    { what: "metrics", wanted: 15090, got: 40001 },
    { what: "inbound http", wanted: 15006, got: 40002 },
  ]);
});

test("with capture both sides listen everywhere, inbound once, and what is excluded not at all", () => {
  const capture = {
    scope: "program",
    inboundBy: "tproxy",
    excludedInboundPorts: [],
    excludedOutboundPorts: [],
    excludedOutboundRanges: [],
    uid: null,
  } as const;
  const addresses = proxyAddresses({ ...options, capture }, "10.0.0.2", {});
  assert.equal(addresses.outbound.address, "::");
  assert.deepEqual(addresses.capture, {
    inbound: { address: "::", preferredPort: 15006 },
    isTransparent: true,
    keepsClientAddress: false,
    peerDial: null,
  });
  const alike = proxyAddresses({ ...options, capture }, "127.0.0.1", {});
  assert.deepEqual(alike.capture?.peerDial, { address: "127.0.0.1", from: "127.0.0.6" });
  const excluded = { ...capture, excludedInboundPorts: [8080] };
  assert.deepEqual(proxyAddresses({ ...options, capture: excluded }, "::1", {}).inbound, []);
});
