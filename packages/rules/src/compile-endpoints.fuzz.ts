// Reading a new version of an assignment over its last one must give what reading it from nothing
// gives, and must take over every row whose bytes stayed where the search finds them.

import assert from "node:assert/strict";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import { emptyTables, type Tables } from "./compile.ts";
import { type Dice, oneOf } from "./dice.ts";
import { compileSample, refusals, sampleEndpoint } from "./sample-messages.ts";

interface Sample {
  port: number;
  weight: number;
}

interface SampleLocality {
  readonly zone: string;
  weight: number;
  readonly endpoints: Sample[];
}

const zones = ["", "eu-1", "eu-2", "us-1"];

export function fuzz(dice: Dice, steps: number): void {
  let tables: Tables = emptyTables;
  let localities: SampleLocality[] = [];
  let nextPort = 1;
  for (let i = 0; i < steps; i++) {
    if (i % 20 === 0) {
      localities = zones.slice(dice.integer(3)).map((zone) => ({ zone, weight: 1, endpoints: [] }));
      nextPort = 1;
    }
    for (let edits = 1 + dice.integer(5); edits > 0; edits--) {
      nextPort = edit(dice, oneOf(dice, localities), nextPort);
    }
    const bytes = encode(localities);
    const fresh = compileSample("endpoint", "e", bytes);
    const after = compileSample("endpoint", "e", bytes, tables);
    assert.deepEqual(refusals(after), refusals(fresh));
    assert.deepEqual(after.tables.endpoints.get("e"), fresh.tables.endpoints.get("e"));
    tables = after.tables;
    const again = compileSample("endpoint", "e", Uint8Array.from(bytes), tables);
    const rows = tables.endpoints.get("e")?.rows ?? [];
    const rowsAgain = again.tables.endpoints.get("e")?.rows ?? [];
    assert.ok(
      rowsAgain.every((row, at) => row === rows[at]),
      "an unchanged row was made anew",
    );
  }
}

function edit(dice: Dice, locality: SampleLocality, nextPort: number): number {
  const { endpoints } = locality;
  const at = dice.integer(endpoints.length + 1);
  switch (dice.integer(5)) {
    case 0: {
      const count = dice.integer(12);
      const added = Array.from({ length: count }, (_, i) => ({ port: nextPort + i, weight: 1 }));
      endpoints.splice(at, 0, ...added);
      return nextPort + count;
    }
    case 1:
      endpoints.splice(at, dice.integer(12));
      return nextPort;
    case 2:
      endpoints.push(...endpoints.splice(0, at));
      return nextPort;
    case 3:
      locality.weight = 1 + dice.integer(1000);
      return nextPort;
    default:
      if (endpoints[at] !== undefined) endpoints[at].weight = 1 + dice.integer(300);
      return nextPort;
  }
}

function encode(localities: readonly SampleLocality[]): Uint8Array {
  const message = ClusterLoadAssignment.fromPartial({
    clusterName: "e",
    endpoints: localities.map(({ zone, weight, endpoints }) => ({
      locality: { region: "eu", zone },
      lbEndpoints: endpoints.map((one) => sampleEndpoint("127.0.0.1", one.port, one.weight)),
      loadBalancingWeight: weight,
    })),
  });
  return ClusterLoadAssignment.encode(message).finish();
}
