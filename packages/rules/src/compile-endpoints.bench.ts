// What an endpoint change costs: node --conditions=@weft/source
// packages/rules/src/compile-endpoints.bench.ts

import { bench, run } from "mitata";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import { emptyTables } from "./compile.ts";
import { compileSample, sampleEndpoint } from "./sample-messages.ts";

const endpointCount = 10_000;

function assignment(changed: number): Uint8Array {
  const lbEndpoints = Array.from({ length: endpointCount }, (_, i) =>
    sampleEndpoint("127.0.0.1", 1 + i, i === changed ? 200 : 100),
  );
  const loadBalancingWeight = endpointCount * 100 + (changed < 0 ? 0 : 100);
  const endpoints = [{ lbEndpoints, loadBalancingWeight }];
  const message = ClusterLoadAssignment.fromPartial({ clusterName: "e", endpoints });
  return ClusterLoadAssignment.encode(message).finish();
}

const before = compileSample("endpoint", "e", assignment(-1)).tables;
const changed = [0, 5000, 9999].map(assignment);
let next = 0;

bench("10,000 endpoints from nothing", () =>
  compileSample("endpoint", "e", changed[1] as Uint8Array, emptyTables),
);
bench("one of 10,000 endpoints changed", () => {
  next = (next + 1) % changed.length;
  return compileSample("endpoint", "e", changed[next] as Uint8Array, before);
});
await run();
