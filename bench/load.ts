// One measured stretch of load: h2load at a fixed rate, latencies from its log, CPU from /proc.

import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { RunningPeer } from "./peer.ts";

export interface Measured {
  readonly requests: number;
  readonly failed: number;
  readonly requestsPerSecond: number;
  /** CPU of the proxy's processes per request, microseconds. */
  readonly cpuMicros: number;
  /** Of it in user mode. */
  readonly userMicros: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
}

export interface LoadOptions {
  readonly connections: number;
  /** Requests a second over all connections. */
  readonly rate: number;
  readonly seconds: number;
  readonly path: string;
  readonly logFile: string;
  /** Content of a call when it is gRPC, null for HTTP/1.1. */
  readonly messageFile: string | null;
}

const run = promisify(execFile);

export async function measure(peer: RunningPeer, options: LoadOptions): Promise<Measured> {
  const { connections, logFile, messageFile, rate, seconds } = options;
  const protocol =
    messageFile === null
      ? ["--h1"]
      : ["-m10", "-d", messageFile, "-H", "content-type: application/grpc", "-H", "te: trailers"];
  const before = cpu(peer.pids);
  const begun = performance.now();
  await run(
    "h2load",
    [
      ...[...protocol, "-t1", "-c", String(connections)],
      ...["-n", String(Math.round(rate * seconds))],
      ...["--rps", String(rate / connections), "--log-file", logFile],
      `http://127.0.0.1:${peer.port}${options.path}`,
    ],
    { timeout: seconds * 3000 + 20_000, maxBuffer: 1 << 24 },
  );
  const elapsed = (performance.now() - begun) / 1000;
  const after = cpu(peer.pids);
  const rows = readFileSync(logFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  const good = rows.filter((row) => row[1] === "200");
  const durations = good.map((row) => Number(row[2])).sort((a, b) => a - b);
  const at = (share: number): number =>
    (durations[Math.floor(durations.length * share)] ?? 0) / 1000;
  const count = Math.max(1, good.length);
  const ticks = after.total - before.total;
  return {
    requests: rows.length,
    failed: rows.length - good.length,
    requestsPerSecond: rows.length / elapsed,
    cpuMicros: ticks / count,
    userMicros: (after.user - before.user) / count,
    p50Millis: at(0.5),
    p99Millis: at(0.99),
  };
}

/**
 * CPU used so far, microseconds: nanosecond run times of all threads; user share from the tick
 * counters.
 */
export function cpu(pids: readonly number[]): { total: number; user: number } {
  let total = 0;
  let user = 0;
  for (const pid of pids) {
    let nanos = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
    total += nanos / 1000;
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    user += Number(fields[11]) * 10_000;
  }
  return { total, user };
}
