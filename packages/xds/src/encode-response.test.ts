// The hand-written encoders against the generated ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@weft/runtime";
import { Cluster, Cluster_DiscoveryType } from "../messages/envoy/config/cluster/v3/cluster.js";
import {
  DeltaDiscoveryResponse,
  DiscoveryResponse,
} from "../messages/envoy/service/discovery/v3/discovery.js";
import { edsNameOf } from "./eds-name.ts";
import { encodeResource, resourceMap } from "./encode-resource.ts";
import { encodeDeltaResponse, encodeSotwResponse, type ResponseParts } from "./encode-response.ts";
import { typeUrls } from "./resource-types.ts";

function randomParts(seed: number): ResponseParts & { readonly values: Buffer[] } {
  const random = seededRandom(seed);
  const text = (): string => "aé€🕸".repeat(random.integer(60)).slice(0, random.integer(200));
  const values = Array.from({ length: random.integer(6) }, () =>
    Buffer.from(random.bytes(random.integer(40_000))),
  );
  const typeUrl = random.next() < 0.1 ? "" : typeUrls.endpoint;
  return {
    typeUrl,
    version: text(),
    nonce: text(),
    updates: values.map((value) => encodeResource(typeUrls.endpoint, text(), value)),
    removed: Array.from({ length: random.integer(4) }, text),
    values,
  };
}

test("delta responses equal the generated encoder's, field for field", () => {
  for (let seed = 0; seed < 200; seed++) {
    const parts = randomParts(seed);
    const decoded = DeltaDiscoveryResponse.decode(encodeDeltaResponse(parts));
    const expected = DeltaDiscoveryResponse.fromPartial({
      systemVersionInfo: Buffer.from(parts.version).toString(),
      typeUrl: parts.typeUrl,
      nonce: Buffer.from(parts.nonce).toString(),
      removedResources: parts.removed.map((name) => Buffer.from(name).toString()),
      resources: parts.updates.map(({ name, version }, at) => ({
        name: Buffer.from(name).toString(),
        version,
        resource: { typeUrl: typeUrls.endpoint, value: parts.values[at] ?? Buffer.alloc(0) },
      })),
    });
    assert.deepEqual(decoded, expected);
  }
});

test("state-of-the-world responses equal the generated encoder's, byte for byte", () => {
  for (let seed = 0; seed < 200; seed++) {
    const parts = randomParts(seed);
    const expected = DiscoveryResponse.encode(
      DiscoveryResponse.fromPartial({
        versionInfo: parts.version,
        typeUrl: parts.typeUrl,
        nonce: parts.nonce,
        resources: parts.values.map((value) => ({ typeUrl: typeUrls.endpoint, value })),
      }),
    ).finish();
    assert.ok(encodeSotwResponse(parts).equals(expected), `seed ${seed}`);
  }
});

test("equal messages have equal versions, others not; a name twice is a bug", () => {
  const one = encodeResource(typeUrls.route, "r", Buffer.from("x"));
  assert.equal(encodeResource(typeUrls.route, "r", Buffer.from("x")).version, one.version);
  assert.notEqual(encodeResource(typeUrls.route, "r", Buffer.from("y")).version, one.version);
  assert.throws(() => resourceMap([one, one]), /two resources are named r/);
});

test("the endpoints of a cluster are found in its bytes", () => {
  const named = (partial: Parameters<typeof Cluster.fromPartial>[0]): string | null => {
    const bytes = Cluster.encode(Cluster.fromPartial(partial)).finish();
    return edsNameOf(encodeResource(typeUrls.cluster, partial.name ?? "", bytes));
  };
  const clusterDiscoveryType = { $case: "type", type: Cluster_DiscoveryType.EDS } as const;
  const connectTimeout = { seconds: 5n, nanos: 0 };
  const eds = { clusterDiscoveryType, connectTimeout, lbPolicy: 1 as const };
  assert.equal(named({ ...eds, name: "a", edsClusterConfig: { serviceName: "e:80" } }), "e:80");
  assert.equal(named({ ...eds, name: "a", edsClusterConfig: {} }), "a");
  assert.equal(named({ ...eds, name: "a" }), "a");
  const fixed = { $case: "type", type: Cluster_DiscoveryType.STATIC } as const;
  const stray = { serviceName: "e" };
  assert.equal(named({ name: "a", clusterDiscoveryType: fixed, edsClusterConfig: stray }), null);
  assert.equal(named({ name: "a" }), null);
});
