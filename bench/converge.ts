// `node bench/converge.ts`: how long a change takes to be in force everywhere. A control plane, N
// sidecars as real processes (`weft run` without CMD, started four at a time), then changes of one
// service's endpoints through the API; for each sidecar the time from the API's answer until its
// workers route by the change, as its own debug log tells. Options: --sidecars N --changes N
// --pause MS --save

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "@weft/runtime";
import { answering, Crew } from "./peer.ts";

const { values } = parseArgs({
  options: {
    sidecars: { type: "string", default: "50" },
    changes: { type: "string", default: "100" },
    pause: { type: "string", default: "100" },
    save: { type: "boolean", default: false },
  },
});

const root = path.resolve(import.meta.dirname, "..");
const bin = path.join(root, "node_modules/.bin/weft");
const atOnce = 4;
const startWithinMs = 60_000;
const changeWithinMs = 30_000;
/** Longer than the control plane waits for more events. */
const quietMs = 1_000;

/** One `weft run`, and when its workers took over each configuration. */
class Sidecar {
  readonly child: ChildProcess;
  readonly inForceAtMs: number[] = [];
  isRegistered = false;
  lastLineAtMs = 0;

  constructor(name: string, environment: Record<string, string>) {
    this.child = spawn(bin, ["run", "--service", name], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...environment, WEFT_LOG: "debug" },
    });
    if (this.child.stderr === null) return;
    createInterface({ input: this.child.stderr }).on("line", (line) => {
      this.lastLineAtMs = Date.now();
      if (line.includes("registered")) this.isRegistered = true;
      if (!line.includes("a worker runs the configuration")) return;
      this.inForceAtMs.push(Date.parse(line.slice(0, line.indexOf(" "))));
    });
  }
}

async function until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(5);
  }
}

async function write(api: number, target: string, method: string, body: unknown): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${api}${target}`, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${target}: ${await response.text()}`);
  await response.arrayBuffer();
}

function slice(change: number): unknown {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "changing", labels: { "kubernetes.io/service-name": "changing" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 20_000 + change }],
    endpoints: [{ addresses: ["127.0.0.1"] }],
  };
}

const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

async function startSidecars(environment: Record<string, string>): Promise<Sidecar[]> {
  const count = Number(values.sidecars);
  while (sidecars.length < count) {
    const fresh = Array.from({ length: Math.min(atOnce, count - sidecars.length) }, (_, at) => {
      return new Sidecar(`s${sidecars.length + at + 1}`, environment);
    });
    sidecars.push(...fresh);
    const isUp = (one: Sidecar): boolean => one.isRegistered && one.inForceAtMs.length > 0;
    await until("four more sidecars run", () => fresh.every(isUp), startWithinMs);
  }
  await until(
    "nothing moves any more",
    () => sidecars.every((one) => Date.now() - one.lastLineAtMs > quietMs),
    startWithinMs,
  );
  return sidecars;
}

/** Milliseconds from the API's answer, for each sidecar and change. */
async function measure(api: number): Promise<number[]> {
  const samples: number[] = [];
  for (let change = 1; change <= Number(values.changes); change++) {
    const before = sidecars.map((one) => one.inForceAtMs.length);
    await write(api, `${slices}/changing`, "PUT", slice(change));
    const answeredAtMs = Date.now();
    const hasIt = (one: Sidecar, at: number): boolean => one.inForceAtMs.length > (before[at] ?? 0);
    await until(`change ${change} is everywhere`, () => sidecars.every(hasIt), changeWithinMs);
    await delay(Number(values.pause));
    for (const [at, one] of sidecars.entries()) {
      const seen = one.inForceAtMs.slice(before[at]);
      if (seen.length !== 1) throw new Error(`change ${change} came in ${seen.length} parts`);
      samples.push(Math.max(0, (seen[0] ?? 0) - answeredAtMs));
    }
  }
  return samples.sort((a, b) => a - b);
}

const dir = mkdtempSync(path.join(tmpdir(), "weft-converge-"));
const crew = new Crew();
const sidecars: Sidecar[] = [];
try {
  const [api, xds] = [await freePort(), await freePort()];
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? dir,
    WEFT_DATA_DIR: path.join(dir, "data"),
    WEFT_CONTROL: `127.0.0.1:${xds}`,
  };
  const up = ["up", "--listen", `127.0.0.1:${api}`, "--xds", `127.0.0.1:${xds}`];
  crew.spawn(bin, up, environment);
  await answering(api, "/readyz");
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "changing" },
    spec: { ports: [{ name: "http", port: 80, appProtocol: "http" }] },
  };
  await write(api, "/api/v1/namespaces/default/services", "POST", service);
  await write(api, slices, "POST", slice(0));
  const begunMs = performance.now();
  await startSidecars(environment);
  const startedMs = Math.round(performance.now() - begunMs);
  console.log(`${sidecars.length} sidecars in ${startedMs} ms, ${atOnce} at a time`);
  const loadBefore = loadavg()[0] ?? 0;
  const samples = await measure(api);
  const at = (share: number): number => samples[Math.ceil(samples.length * share) - 1] ?? 0;
  const result = {
    sidecars: sidecars.length,
    changes: Number(values.changes),
    samples: samples.length,
    p50Millis: at(0.5),
    p99Millis: at(0.99),
    maxMillis: at(1),
    loadBefore: Number(loadBefore.toFixed(2)),
    loadAfter: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
  console.log(result);
  if (values.save) save(result);
} finally {
  for (const { child } of sidecars) child.kill("SIGTERM");
  await crew.stop();
  await until("the sidecars are gone", () => sidecars.every(isOver), startWithinMs);
  rmSync(dir, { recursive: true, force: true });
}

function isOver({ child }: Sidecar): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function save(result: object): void {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"]).toString().trim();
  const name = `${new Date().toISOString().slice(0, 10)}-${commit}-converge.json`;
  const file = path.join(import.meta.dirname, "results", name);
  mkdirSync(path.dirname(file), { recursive: true });
  const machine = { cpu: cpus()[0]?.model ?? "?", cores: cpus().length, node: process.version };
  writeFileSync(file, `${JSON.stringify({ machine, commit, result }, null, 1)}\n`);
  console.log(`saved ${path.relative(process.cwd(), file)}`);
}
