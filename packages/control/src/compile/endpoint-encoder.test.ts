import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@weft/runtime";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import { LbEndpoint } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint_components.js";
import { encodeAssignment, encodeEndpoint, type EndpointFields } from "./endpoint-encoder.ts";

function generatedEndpoint(fields: EndpointFields): LbEndpoint {
  const own: Record<string, string> = {};
  if (fields.identity !== "") own["identity"] = fields.identity;
  if (fields.version !== "") own["version"] = fields.version;
  if (fields.workload !== "") own["workload"] = fields.workload;
  const filterMetadata: Record<string, Record<string, string>> = {};
  if (Object.keys(own).length > 0) filterMetadata["dev.weft"] = own;
  if (fields.isMeshed) filterMetadata["envoy.transport_socket_match"] = { tlsMode: "mtls" };
  return LbEndpoint.fromPartial({
    hostIdentifier: {
      $case: "endpoint",
      endpoint: {
        address: {
          address: {
            $case: "socketAddress",
            socketAddress: {
              address: fields.address,
              portSpecifier: { $case: "portValue", portValue: fields.port },
            },
          },
        },
      },
    },
    healthStatus: fields.isHealthy ? 1 : 0,
    ...(Object.keys(filterMetadata).length > 0 ? { metadata: { filterMetadata } } : {}),
    loadBalancingWeight: fields.weight,
  });
}

function randomFields(random: { next(): number }): EndpointFields {
  const pick = (values: readonly string[]): string =>
    values[Math.floor(random.next() * values.length)] ?? "";
  return {
    address: pick(["127.0.0.1", "::1", "127.200.30.4"]),
    port: 1 + Math.floor(random.next() * 65_535),
    isHealthy: random.next() < 0.8,
    weight: 1 + Math.floor(random.next() * 100_000),
    isMeshed: random.next() < 0.5,
    workload: pick(["", "shop/catalog-abcde"]),
    identity: pick(["", "spiffe://weft.local/ns/shop/sa/catalog", "spiffe://ü/ns/ß/sa/ö"]),
    version: pick(["", "v1", "v".repeat(200)]),
  };
}

test("an endpoint's bytes are those of the generated codec", () => {
  const random = seededRandom(7);
  for (let i = 0; i < 500; i++) {
    const fields = randomFields(random);
    const generated = LbEndpoint.encode(generatedEndpoint(fields)).finish();
    assert.deepEqual(encodeEndpoint(fields), new Uint8Array(generated), JSON.stringify(fields));
  }
});

test("an assignment's bytes are those of the generated codec", () => {
  const random = seededRandom(8);
  const localities = [
    { region: "", zone: "", subZone: "", count: 3 },
    { region: "eu", zone: "", subZone: "r1", count: 1 },
    { region: "eu", zone: "eu-1", subZone: "", count: 400 },
  ].map(({ count, ...place }) => {
    const fields = Array.from({ length: count }, () => randomFields(random));
    return { ...place, fields, weight: fields.reduce((sum, one) => sum + one.weight, 0) };
  });
  const written = encodeAssignment(
    "catalog.shop.svc.cluster.local:80",
    localities.map((locality) => ({
      ...locality,
      endpoints: locality.fields.map((fields) => encodeEndpoint(fields)),
    })),
  );
  const generated = ClusterLoadAssignment.encode(
    ClusterLoadAssignment.fromPartial({
      clusterName: "catalog.shop.svc.cluster.local:80",
      endpoints: localities.map(({ region, zone, subZone, weight, fields }) => ({
        locality: { region, zone, subZone },
        lbEndpoints: fields.map((one) => generatedEndpoint(one)),
        loadBalancingWeight: weight,
      })),
    }),
  ).finish();
  assert.deepEqual(written, new Uint8Array(generated));
});

test("a service without endpoints is an assignment with its name alone", () => {
  const decoded = ClusterLoadAssignment.decode(encodeAssignment("a:1", []));
  assert.equal(decoded.clusterName, "a:1");
  assert.deepEqual(decoded.endpoints, []);
});
