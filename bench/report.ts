// The figures of a run as a table, beside the targets, and as a file of `results/`.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import path from "node:path";
import type { Measured } from "./load.ts";
import type { Row } from "./rounds.ts";
import type { Scenario } from "./scenarios/scenario.ts";

const gibibyte = 2 ** 30;

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Medians of the rounds; cost in microseconds a request, or milliseconds a GiB. */
export interface Summary {
  readonly cost: number;
  readonly userCost: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  readonly failed: number;
}

export function summary(scenario: Scenario, row: Row): Summary {
  const of = (key: keyof Measured): number => median(row.rounds.map((round) => round[key]));
  const { contentBytes } = scenario;
  const scale = contentBytes === null ? 1 : gibibyte / contentBytes / 1000;
  return {
    cost: of("cpuMicros") * scale,
    userCost: of("userMicros") * scale,
    p50Millis: of("p50Millis"),
    p99Millis: of("p99Millis"),
    failed: Math.max(...row.rounds.map((round) => round.failed)),
  };
}

export function print(scenario: Scenario, rows: readonly Row[]): void {
  const of = new Map(rows.map((row) => [row.peer, summary(scenario, row)]));
  const unit = scenario.contentBytes === null ? "CPU µs/req" : "CPU ms/GiB";
  console.log(
    `\n${scenario.name}: ${scenario.connections} connections, ${scenario.rate} requests/s`,
  );
  console.log(
    `${"peer".padEnd(26)}${unit}  of it user  × haproxy  × envoy  p50 ms  p99 ms  failed`,
  );
  for (const row of rows) {
    const own = of.get(row.peer) as Summary;
    const ratio = (peer: string): string => (own.cost / (of.get(peer)?.cost ?? 0)).toFixed(2);
    const cells = [
      `${row.peer} ${row.version}`.padEnd(26),
      own.cost.toFixed(1).padStart(10),
      own.userCost.toFixed(1).padStart(12),
      ratio("haproxy").padStart(11),
      ratio("envoy").padStart(9),
      own.p50Millis.toFixed(2).padStart(8),
      own.p99Millis.toFixed(2).padStart(8),
      String(own.failed).padStart(8),
    ];
    console.log(cells.join(""));
  }
  const weft = of.get("weft");
  for (const { peer, figure, ratioMax } of weft === undefined ? [] : scenario.targets) {
    const other = of.get(peer);
    if (weft === undefined || other === undefined) continue;
    const ratio = weft[figure] / other[figure];
    const verdict = ratio <= ratioMax ? "met" : "missed";
    console.log(`${figure} ≤ ${ratioMax} × ${peer}: ${ratio.toFixed(2)}, ${verdict}`);
  }
}

/** Rounds are pairs: what troubles one peer troubles the other. */
export function printDifference(rows: readonly Row[]): void {
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

export function save(results: Readonly<Record<string, readonly Row[]>>, options: object): void {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"]).toString().trim();
  const name = `${new Date().toISOString().slice(0, 10)}-${commit}.json`;
  const file = path.resolve(import.meta.dirname, "results", name);
  mkdirSync(path.dirname(file), { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model ?? "?",
    cores: cpus().length,
    node: process.version,
    load: loadavg().map((load) => Number(load.toFixed(1))),
  };
  writeFileSync(file, `${JSON.stringify({ machine, commit, options, results }, null, 1)}\n`);
  console.log(`saved ${path.relative(process.cwd(), file)}`);
}
