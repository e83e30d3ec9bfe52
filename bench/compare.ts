// `npm run bench`: Weft beside nginx, HAProxy, Envoy and the floor, in one run, interleaved rounds,
// medians. Options: --rounds N --rate R --seconds S --warm-up S --scenario a,b --only a,b --save;
// --against CLONE runs the Weft of another clone too and gives the mean difference of the rounds
// with its 95 % interval.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Peer } from "./peer.ts";
import { envoy } from "./peers/envoy.ts";
import { floor } from "./peers/floor.ts";
import { haproxy } from "./peers/haproxy.ts";
import { nginx } from "./peers/nginx.ts";
import { weft, weftOf } from "./peers/weft.ts";
import { print, printDifference, save } from "./report.ts";
import { type Row, runScenario } from "./rounds.ts";
import { body1m, body64k, tcp } from "./scenarios/bytes.ts";
import { fullHandshakes, resumedHandshakes } from "./scenarios/handshakes.ts";
import { grpc, latency, oneHop, pair } from "./scenarios/requests.ts";
import type { Scenario } from "./scenarios/scenario.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    rate: { type: "string" },
    seconds: { type: "string", default: "3" },
    "warm-up": { type: "string", default: "10" },
    scenario: { type: "string" },
    only: { type: "string" },
    against: { type: "string" },
    save: { type: "boolean", default: false },
  },
});

const all: readonly Scenario[] = [
  ...[oneHop, pair, grpc, latency, body64k, body1m, tcp],
  ...[fullHandshakes, resumedHandshakes],
];
const names = values.scenario?.split(",");
const scenarios = all.filter(({ name }) => names?.includes(name) ?? true);
const wanted = values.only?.split(",");
const before = values.against === undefined ? [] : [weftOf(path.resolve(values.against), "before")];
const peers: readonly Peer[] = [floor, haproxy, nginx, envoy, ...before, weft].filter(
  ({ name }) => wanted?.includes(name) ?? true,
);

const dir = mkdtempSync(path.join(tmpdir(), "weft-bench-"));
const results: Record<string, Row[]> = {};
try {
  for (const scenario of scenarios) {
    const own = path.join(dir, scenario.name);
    mkdirSync(own);
    const rows = await runScenario(scenario, {
      dir: own,
      peers,
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      warmUpSeconds: Number(values["warm-up"]),
      rate: values.rate === undefined ? null : Number(values.rate),
    });
    results[scenario.name] = rows;
    print(scenario, rows);
    printDifference(rows);
  }
} finally {
  if (values.save) save(results, values);
  rmSync(dir, { recursive: true, force: true });
}
