// Floods of HTTP/2 (http-cases H40 to H47): beside an attacker on the same port a well-behaved
// client keeps at least nine tenths of the throughput it has beside the same attacker elsewhere on
// the machine, and memory stays within its bound. Half a second for each attack here, again and
// twice as long when the machine was busy otherwise, or with the attack's first burst alone;
// WEFT_FLOOD_SECONDS makes it longer, and prints the figures.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { behaviour, type Mesh } from "./harness.ts";
import { Http2Client } from "./http2-client.ts";

const seconds = Number(process.env["WEFT_FLOOD_SECONDS"] ?? "0.5");
const isLong = seconds > 1;
const requestsPerSecond = 200;
const keptShareMin = 0.9;
/** Each twice as long as the one before. */
const roundsMax = 4;
/** Of the whole process: proxies, workers and this test. */
const grownBytesMax = 96 * 1024 * 1024;
const attacks = [
  "rapid-reset",
  "made-you-reset",
  "continuation",
  "hpack-bomb",
  "zero-window",
  "slowloris",
];

interface Measured {
  readonly answered: number;
  readonly p99Ms: number;
  readonly grownBytes: number;
}

/** Requests at a fixed rate, whatever becomes of those before. */
async function measure(client: Http2Client, forSeconds: number): Promise<Measured> {
  const tookMs: number[] = [];
  const startRss = process.memoryUsage.rss();
  let peakRss = startRss;
  const startedAtMs = performance.now();
  const endMs = startedAtMs + forSeconds * 1000;
  for (let sent = 0; performance.now() < endMs; ) {
    for (; sent < ((performance.now() - startedAtMs) / 1000) * requestsPerSecond; sent++) {
      const atMs = performance.now();
      void client.ask().then(({ status }) => {
        if (status === 200 && performance.now() <= endMs) tookMs.push(performance.now() - atMs);
      });
    }
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  tookMs.sort((a, b) => a - b);
  const p99Ms = tookMs[Math.floor(tookMs.length * 0.99)] ?? Number.POSITIVE_INFINITY;
  return { answered: tookMs.length, p99Ms, grownBytes: peakRss - startRss };
}

/** Port 0: the attacker floods itself. */
async function attack(name: string, port: number, told: string[]): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("http2-flooder.ts", import.meta.url));
  const flags = ["--conditions=@weft/source", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, script, name, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.on("data", (bytes: Buffer) => told.push(...bytes.toString().trim().split("\n")));
  while (!told.includes("ready")) await new Promise((resolve) => setTimeout(resolve, 5));
  return child;
}

async function beside(
  mesh: Mesh,
  name: string,
  port: number,
  told: string[],
  forSeconds: number,
): Promise<Measured> {
  const client = new Http2Client(mesh.inbound("app-1"));
  await client.ask();
  const child = await attack(name, port, told);
  try {
    const measured = await measure(client, forSeconds);
    assert.equal(client.isClosed, false, "the well-behaved client keeps its connection");
    return measured;
  } finally {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    client.close();
  }
}

async function flood(mesh: Mesh, name: string): Promise<void> {
  let figures = "";
  for (let round = 0; round < roundsMax; round++) {
    const told: string[] = [];
    const forSeconds = seconds * 2 ** round;
    const elsewhere = await beside(mesh, name, 0, [], forSeconds);
    const here = await beside(mesh, name, mesh.inbound("app-1"), told, forSeconds);
    const share = here.answered / elsewhere.answered;
    figures =
      `${name}: ${(share * 100).toFixed(1)} % of ${elsewhere.answered} kept, p99 ` +
      `${here.p99Ms.toFixed(1)} ms (elsewhere ${elsewhere.p99Ms.toFixed(1)}), ` +
      `${(here.grownBytes / 1e6).toFixed(1)} MB more, told ${told.slice(1).join(" ")}`;
    if (isLong) process.stdout.write(`${figures}\n`);
    assert.ok(here.grownBytes <= grownBytesMax, figures);
    if (share >= keptShareMin) return;
  }
  assert.fail(figures);
}

for (const name of attacks) {
  behaviour(
    `a neighbour of ${name} notices little`,
    import.meta.url,
    (mesh) => flood(mesh, name),
    {},
    isLong ? [1, 4] : [1],
  );
}
