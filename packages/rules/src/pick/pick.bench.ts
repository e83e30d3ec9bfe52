// What a request pays for its endpoint, and a change for its new picker:
// node --conditions=@weft/source packages/rules/src/pick/pick.bench.ts

import { bench, run, summary } from "mitata";
import type { Algorithm } from "../cluster-table.ts";
import { seededDice } from "../dice.ts";
import { EndpointRow } from "../endpoint-table.ts";
import { createPicker } from "./index.ts";
import type { Candidate } from "./picker.ts";

function candidates(count: number, isWeighted: boolean): Candidate[] {
  return Array.from({ length: count }, (_, i) => ({
    activeCount: i % 3,
    row: new EndpointRow({
      key: `127.0.0.1:${i}`,
      address: "127.0.0.1",
      port: i,
      health: "healthy",
      weight: isWeighted ? 1 + (i % 7) : 1,
      region: "",
      zone: "",
      transportMatch: [],
      workload: "",
      identity: "",
      version: "",
    }),
  }));
}

const none: ReadonlySet<string> = new Set();
const algorithms: readonly Algorithm[] = ["round-robin", "random", "least-request"];

for (const isWeighted of [false, true]) {
  const few = candidates(10, isWeighted);
  const many = candidates(10_000, isWeighted);
  const label = isWeighted ? "weighted" : "equal";
  summary(() => {
    for (const algorithm of algorithms) {
      const settings = { algorithm, choiceCount: 2 };
      const fewPicker = createPicker(settings, few, none, seededDice(1));
      const manyPicker = createPicker(settings, many, none, seededDice(1));
      bench(`${algorithm}, ${label}, of 10`, () => fewPicker.pick());
      bench(`${algorithm}, ${label}, of 10,000`, () => manyPicker.pick());
    }
    const settings = { algorithm: "least-request" as const, choiceCount: 2 };
    bench(`new picker, ${label}, of 10,000`, () =>
      createPicker(settings, many, none, seededDice(1)),
    );
  });
}
await run();
