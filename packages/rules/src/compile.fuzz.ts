// Two promises of the compiler: it never throws, whatever the bytes; and compiling over the last
// tables gives what compiling from nothing gives.

import assert from "node:assert/strict";
import { compileChanges, emptyTables, type Tables } from "./compile.ts";
import { type Dice, oneOf } from "./dice.ts";
import {
  compileSample,
  printed,
  refusals,
  sampleBytes,
  sampleEndpoint,
  type SampleKind,
  sampleTypes,
} from "./sample-messages.ts";

export function fuzz(dice: Dice, steps: number): void {
  let tables: Tables = emptyTables;
  for (let i = 0; i < steps; i++) {
    damage(dice);
    tables = edit(dice, i % 30 === 0 ? emptyTables : tables);
  }
}

const prefix = { pathSpecifier: { $case: "prefix", prefix: "/" } };

function routeTo(cluster: string): object {
  const route = { clusterSpecifier: { $case: "cluster", cluster } };
  return { name: cluster, match: prefix, action: { $case: "route", route } };
}

const samples: Readonly<Record<SampleKind, Uint8Array>> = {
  listener: sampleBytes("listener", {
    name: "n",
    trafficDirection: 1,
    filterChains: [{ name: "tls", filterChainMatch: { transportProtocol: "tls" } }],
    metadata: { filterMetadata: { "dev.weft": { mode: "Strict", port: 80 } } },
  }),
  route: sampleBytes("route", {
    name: "n",
    virtualHosts: [{ name: "v", domains: ["a.test", "*"], routes: [routeTo("c")] }],
  }),
  cluster: sampleBytes("cluster", {
    name: "n",
    clusterDiscoveryType: { $case: "type", type: 3 },
    edsClusterConfig: { edsConfig: { configSourceSpecifier: { $case: "ads", ads: {} } } },
    circuitBreakers: { thresholds: [{ maxConnections: 7 }] },
    metadata: { filterMetadata: { "dev.weft": { service: "s", requireMtls: true } } },
  }),
  endpoint: sampleBytes("endpoint", {
    clusterName: "n",
    endpoints: [{ lbEndpoints: [1, 2, 3].map((port) => sampleEndpoint("127.0.0.1", port)) }],
  }),
  secret: sampleBytes("secret", {
    name: "n",
    type: { $case: "validationContext", validationContext: {} },
  }),
};

/** Flips, cuts and repeats bytes of a resource: the answer is rows or reasons, never an error. */
function damage(dice: Dice): void {
  const kind = oneOf(dice, Object.keys(samples) as SampleKind[]);
  let bytes = Uint8Array.from(samples[kind]);
  for (let count = dice.integer(4); count > 0; count--) {
    const at = dice.integer(bytes.length);
    const from = dice.integer(bytes.length);
    if (dice.integer(3) > 0) bytes[at] = dice.integer(256);
    else if (dice.integer(2) === 0) bytes = bytes.slice(0, at + 1);
    else bytes = Uint8Array.from([...bytes, ...bytes.subarray(Math.min(at, from))]);
  }
  const changed = [{ name: "n", version: "1", resource: bytes }];
  const change = { typeUrl: sampleTypes[kind], changed, removed: [] };
  const { errors, tables } = compileChanges(emptyTables, [change]);
  const rowCount = Object.values(tables).reduce((sum, rows) => sum + rows.size, 0);
  assert.equal(rowCount, errors.length === 0 ? 1 : 0, JSON.stringify(errors));
}

/** A random table of virtual hosts, most of them as they were, over the last tables. */
function edit(dice: Dice, before: Tables): Tables {
  const virtualHosts = Array.from({ length: dice.integer(8) }, (_, i) => ({
    name: `v${i}`,
    domains: [`v${i}.test`, `v${i}.test:*`],
    routes: [routeTo(dice.integer(4) === 0 ? "new" : "old")],
    metadata: { filterMetadata: { "dev.weft": { service: `s${i}` } } },
  }));
  if (dice.integer(8) === 0 && virtualHosts[1] !== undefined) virtualHosts[1].domains = ["v0.test"];
  const requestHeadersToRemove = dice.integer(5) === 0 ? ["x"] : [];
  const message = { name: "t", virtualHosts, requestHeadersToRemove };
  const fresh = compileSample("route", "t", message);
  const after = compileSample("route", "t", message, before);
  assert.deepEqual(refusals(after), refusals(fresh));
  if (after.errors.length > 0) return before;
  const [table, expected] = [after.tables.routes.get("t"), fresh.tables.routes.get("t")];
  assert.deepEqual(printed(table), printed(expected));
  assert.deepEqual(table?.domains, expected?.domains);
  return after.tables;
}
