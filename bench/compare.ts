// `npm run bench`: Weft beside nginx, HAProxy, Envoy and the floor, in one run, interleaved rounds,
// medians. Options: --rounds N --rate R --connections C --seconds S --warm-up S --scenario
// one-hop|pair --only a,b --save; --against CLONE runs the Weft of another clone too and gives the
// mean difference of the rounds with its 95 % interval.

import { execFileSync } from "node:child_process";
import { cpus, tmpdir } from "node:os";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "@weft/runtime";
import { type Measured, measure } from "./load.ts";
import { answering, Crew, type Peer, type RunningPeer, type Scenario } from "./peer.ts";
import { envoy } from "./peers/envoy.ts";
import { floor } from "./peers/floor.ts";
import { haproxy } from "./peers/haproxy.ts";
import { nginx, nginxConfiguration, nginxPath } from "./peers/nginx.ts";
import { weft, weftOf } from "./peers/weft.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    rate: { type: "string", default: "4000" },
    connections: { type: "string", default: "64" },
    seconds: { type: "string", default: "4" },
    scenario: { type: "string" },
    only: { type: "string" },
    "warm-up": { type: "string", default: "10" },
    against: { type: "string" },
    save: { type: "boolean", default: false },
  },
});

interface Row {
  readonly peer: string;
  readonly version: string;
  readonly rounds: Measured[];
}

const dir = mkdtempSync(path.join(tmpdir(), "weft-bench-"));
const before = values.against === undefined ? [] : [weftOf(path.resolve(values.against), "before")];
const peers: readonly Peer[] = [floor, haproxy, nginx, envoy, ...before, weft];
const wanted = values.only?.split(",");
const scenarios = (values.scenario?.split(",") ?? ["one-hop", "pair"]) as Scenario[];

const origin = new Crew();
const results: Record<string, Row[]> = {};
try {
  const originPort = await startOrigin();
  for (const scenario of scenarios) results[scenario] = await runScenario(scenario, originPort);
  for (const [scenario, rows] of Object.entries(results)) {
    print(scenario, rows);
    printDifference(rows);
  }
  if (values.save) save();
} finally {
  await origin.stop();
  rmSync(dir, { recursive: true, force: true });
}

/** nginx answering 66 bytes from memory. */
async function startOrigin(): Promise<number> {
  const port = await freePort();
  const own = path.join(dir, "origin");
  mkdirSync(own, { recursive: true });
  const body = "x".repeat(66);
  writeFileSync(
    path.join(own, "nginx.conf"),
    nginxConfiguration(
      own,
      `server { listen 127.0.0.1:${port}; location / { return 200 "${body}"; } }`,
    ),
  );
  origin.spawn(nginxPath(), ["-p", own, "-c", path.join(own, "nginx.conf")]);
  await answering(port, "/");
  return port;
}

async function runScenario(scenario: Scenario, originPort: number): Promise<Row[]> {
  const rows: Row[] = [];
  const running: { row: Row; peer: RunningPeer }[] = [];
  try {
    for (const peer of peers) {
      if (!peer.scenarios.includes(scenario)) continue;
      if (wanted !== undefined && !wanted.includes(peer.name)) continue;
      const found = peer.find();
      if ("why" in found) {
        console.log(`${scenario}: without ${peer.name}: ${found.why}`);
        continue;
      }
      const own = path.join(dir, `${scenario}-${peer.name}`);
      mkdirSync(own, { recursive: true });
      const row: Row = { peer: peer.name, version: found.version, rounds: [] };
      rows.push(row);
      running.push({ row, peer: await peer.start({ scenario, originPort, dir: own }) });
    }
    const load = {
      connections: Number(values.connections),
      rate: Number(values.rate),
      logFile: path.join(dir, "h2load.log"),
    };
    // Compilers of hot code need their time; the others get as much.
    for (const { peer } of running) {
      await measure(peer, { ...load, seconds: Number(values["warm-up"]) });
    }
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const { row, peer } of running) {
        rmSync(load.logFile, { force: true });
        row.rounds.push(await measure(peer, { ...load, seconds: Number(values.seconds) }));
      }
      console.log(`${scenario}: round ${round + 1} of ${values.rounds}`);
    }
  } finally {
    for (const { peer } of running) await peer.stop();
  }
  return rows;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function summary(row: Row): Record<keyof Measured, number> {
  const of = (key: keyof Measured): number => median(row.rounds.map((round) => round[key]));
  return {
    requests: of("requests"),
    failed: Math.max(...row.rounds.map((round) => round.failed)),
    requestsPerSecond: of("requestsPerSecond"),
    cpuMicros: of("cpuMicros"),
    userMicros: of("userMicros"),
    p50Millis: of("p50Millis"),
    p99Millis: of("p99Millis"),
  };
}

function print(scenario: string, rows: readonly Row[]): void {
  const reference = rows.find((row) => row.peer === "haproxy");
  const base = reference === undefined ? Number.NaN : summary(reference).cpuMicros;
  console.log(
    `\n${scenario}: ${values.connections} connections, ${values.rate} requests/s, medians of ${values.rounds}`,
  );
  console.log("peer       CPU µs/req  of it user  × haproxy  p50 ms  p99 ms  failed");
  for (const row of rows) {
    const figures = summary(row);
    console.log(
      `${`${row.peer} ${row.version}`.padEnd(16)}${figures.cpuMicros.toFixed(1).padStart(7)}${figures.userMicros.toFixed(1).padStart(12)}${(figures.cpuMicros / base).toFixed(2).padStart(11)}${figures.p50Millis.toFixed(2).padStart(8)}${figures.p99Millis.toFixed(2).padStart(8)}${String(figures.failed).padStart(8)}`,
    );
  }
}

/** Rounds are pairs: what troubles one peer troubles the other. */
function printDifference(rows: readonly Row[]): void {
  const [a, b] = ["before", "weft"].map((name) => rows.find((row) => row.peer === name));
  if (a === undefined || b === undefined) return;
  const ratios = b.rounds.map((round, i) => round.cpuMicros / (a.rounds[i]?.cpuMicros ?? 0) - 1);
  const count = ratios.length;
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / count;
  const variance = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / (count - 1);
  const half = 2.1 * Math.sqrt(variance / count);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(
    `weft against before: ${percent(mean)}, 95 % interval ${percent(mean - half)} to ${percent(mean + half)}, ${count} rounds`,
  );
}

function save(): void {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"]).toString().trim();
  const file = path.resolve(
    import.meta.dirname,
    "results",
    `${new Date().toISOString().slice(0, 10)}-${commit}.json`,
  );
  mkdirSync(path.dirname(file), { recursive: true });
  const machine = { cpu: cpus()[0]?.model ?? "?", cores: cpus().length, node: process.version };
  const options = { rate: values.rate, connections: values.connections, seconds: values.seconds };
  writeFileSync(file, `${JSON.stringify({ machine, commit, options, results }, null, 1)}\n`);
  console.log(`saved ${path.relative(process.cwd(), file)}`);
}
