// Endpoints: what a row says, what is refused, and that a change costs what it touches.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./compile-endpoints.fuzz.ts";
import { seededDice } from "./dice.ts";
import {
  compileSample,
  printed,
  refusals,
  sampleBytes,
  sampleEndpoint,
} from "./sample-messages.ts";

function assignment(lbEndpoints: readonly object[], more: object = {}): object {
  return { clusterName: "e", endpoints: [{ lbEndpoints, ...more }] };
}

function refused(message: object | Uint8Array): string {
  const compiled = compileSample("endpoint", "e", message);
  assert.equal(compiled.tables.endpoints.size, 0);
  return refusals(compiled).join("\n");
}

test("a row says where an endpoint is, how it is and who it is", () => {
  const message = assignment(
    [sampleEndpoint("127.0.0.1", 15006, 7), { ...sampleEndpoint("::1", 80) }],
    {
      locality: { region: "eu", zone: "eu-1" },
    },
  );
  const { tables, errors } = compileSample("endpoint", "e", message);
  assert.deepEqual(errors, []);
  const rows = tables.endpoints.get("e")?.rows ?? [];
  assert.deepEqual(printed(rows[0]), {
    key: "127.0.0.1:15006",
    address: "127.0.0.1",
    port: 15006,
    health: "healthy",
    weight: 7,
    region: "eu",
    zone: "eu-1",
    transportMatch: ["tlsMode", "mtls"],
    workload: "shop/catalog-15006",
    identity: "spiffe://weft.local/ns/shop/sa/catalog",
    version: "v1",
  });
  assert.equal(rows[1]?.key, "[::1]:80");
});

test("health has four meanings, and no weight is weight 1", () => {
  const statuses = [0, 1, 2, 3, 4, 5];
  const entries = statuses.map((healthStatus, i) => {
    const entry = sampleEndpoint("127.0.0.1", 1000 + i) as { loadBalancingWeight?: number };
    return { ...entry, healthStatus, loadBalancingWeight: undefined };
  });
  const rows = compileSample("endpoint", "e", assignment(entries)).tables.endpoints.get("e")?.rows;
  assert.deepEqual(
    rows?.map((row) => row.health),
    ["healthy", "healthy", "unhealthy", "draining", "unhealthy", "degraded"],
  );
  assert.deepEqual(new Set(rows?.map((row) => row.weight)), new Set([1]));
});

test("an assignment without endpoints is a table without rows", () => {
  const { tables } = compileSample("endpoint", "e", { clusterName: "e" });
  assert.deepEqual(tables.endpoints.get("e")?.rows, []);
});

test("what cannot be done is refused by name", () => {
  const one = sampleEndpoint("127.0.0.1", 80);
  const cases: [object, RegExp][] = [
    [assignment([one, one]), /endpoints: 127\.0\.0\.1:80 occurs twice/],
    [assignment([sampleEndpoint("name.test", 80)]), /address: "name\.test" is not an IP address/],
    [assignment([sampleEndpoint("127.0.0.1", 70000)]), /port of at most 65535/],
    [assignment([{ ...one, loadBalancingWeight: 0 }]), /load_balancing_weight: must be at least 1/],
    [assignment([{}]), /lb_endpoints\[0\]\.endpoint: is missing/],
    [assignment([one], { priority: 1 }), /endpoints\[0\]\.priority: not supported/],
    [{ clusterName: "e", policy: { overprovisioningFactor: 1 } }, /policy: not supported/],
    [{ clusterName: "other" }, /name: other is not the resource's name/],
  ];
  for (const [message, reason] of cases) assert.match(refused(message), reason);
});

test("our metadata is read strictly", () => {
  const withMetadata = (weft: object): object => {
    const metadata = { filterMetadata: { "dev.weft": weft } };
    return assignment([{ ...sampleEndpoint("127.0.0.1", 80), metadata }]);
  };
  assert.match(
    refused(withMetadata({ workload: "a/b", colour: "red" })),
    /metadata\.filter_metadata\["dev\.weft"\]\.colour: unknown field/,
  );
  assert.match(refused(withMetadata({ workload: 7 })), /workload: must be a string/);
});

test("bytes that are no message are refused, not thrown", () => {
  const bytes = sampleBytes("endpoint", assignment([sampleEndpoint("127.0.0.1", 80)]));
  for (let length = 1; length < bytes.length; length++) {
    const compiled = compileSample("endpoint", "e", bytes.subarray(0, length));
    if (compiled.errors.length === 0)
      assert.equal(compiled.tables.endpoints.get("e")?.rows.length, 0);
  }
  assert.match(refused(Uint8Array.of(0x12, 0xff, 0xff, 0xff, 0xff, 0x7f)), /cannot be decoded/);
  assert.match(refused(Uint8Array.of(0xff)), /cannot be decoded: a number does not end/);
});

test("of many endpoints, one change makes one row", () => {
  const many = (changed: number): object => {
    const entries = Array.from({ length: 500 }, (_, i) =>
      sampleEndpoint("127.0.0.1", 1000 + i, i === changed ? 200 : 1),
    );
    return assignment(entries);
  };
  const first = compileSample("endpoint", "e", many(-1)).tables;
  const second = compileSample("endpoint", "e", many(250), first).tables;
  const before = first.endpoints.get("e")?.rows ?? [];
  const after = second.endpoints.get("e")?.rows ?? [];
  const made = after.filter((row, i) => row !== before[i]);
  assert.deepEqual(
    made.map((row) => [row.key, row.weight]),
    [["127.0.0.1:1250", 200]],
  );
});

test("fuzz: incremental reading equals reading from nothing", () => fuzz(seededDice(5), 120));
