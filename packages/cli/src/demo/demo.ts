// `weft up --demo`: the shop in the mesh, three things to try, and live rates until Ctrl-C.

import { mkdirSync } from "node:fs";
import path from "node:path";
import { freePort, sleep } from "@weft/runtime";
import { coloursFor } from "../colours.ts";
import { patch } from "../commands/apply.ts";
import type { CliContext } from "../context.ts";
import { readManifests } from "../manifests.ts";
import { openClient, told } from "../objects.ts";
import { DemoChildren } from "./children.ts";
import { LiveRates, type StatRow } from "./rates.ts";
import { shopDirectory, shopPrograms } from "./shop.ts";

export interface DemoOptions {
  readonly context: CliContext;
  readonly apiUrl: string;
  readonly control: string;
  readonly dataDir: string;
  readonly stop: AbortSignal;
}

const stopHurryMs = 1_200;
const stopKillMs = 2_500;

/** Runs until `stop`; when it resolves no process of the demo is left. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { context, stop } = options;
  const directory = shopDirectory();
  const logDir = path.join(options.dataDir, "demo");
  mkdirSync(logDir, { recursive: true });
  const begunMs = context.runtime.clock.monotonicMs();
  const children = new DemoChildren({
    runtime: context.runtime,
    dataDir: options.dataDir,
    control: options.control,
    logDir,
    environment: context.environment,
    onDied: (program, code) =>
      context.stderr.write(
        `demo: ${program.service} ended (${code ?? "not started"}); see ${logDir}\n`,
      ),
  });
  for (const program of shopPrograms(directory)) {
    children.start(program, program.hasPort ? await freePort() : 0);
    context.stdout.write(`demo: starting ${program.service} ${program.version}\n`);
  }
  await applyShop(options, path.join(directory, "resources/shop.yaml"));
  const isUp = await untilTraffic(options, begunMs);
  if (isUp) printInvitation(options, directory);
  await showRates(options);
  if (!stop.aborted) await aborted(stop);
  context.stdout.write("\ndemo: stopping\n");
  await children.stop(stopHurryMs, stopKillMs);
}

/** What `weft apply -f shop.yaml` does. */
async function applyShop(options: DemoOptions, file: string): Promise<void> {
  const client = openClient(options.context, { server: options.apiUrl });
  for (const manifest of readManifests([file], "default")) {
    await told(manifest.from, () => patch(client, manifest, { dryRun: false, force: true }));
  }
}

/** Waits for the first request that arrived over mTLS. */
async function untilTraffic(options: DemoOptions, begunMs: number): Promise<boolean> {
  const { context, stop } = options;
  while (!stop.aborted) {
    const rows = await stats(options);
    const web = rows.find((row) => row.service === "web" && (row.mtlsShare ?? 0) > 0);
    if (web !== undefined) {
      const seconds = (context.runtime.clock.monotonicMs() - begunMs) / 1000;
      context.stdout.write(`demo: first request over mTLS after ${seconds.toFixed(1)} s\n`);
      return true;
    }
    await sleep(context.runtime.timers, 200, stop);
  }
  return false;
}

function printInvitation(options: DemoOptions, directory: string): void {
  const { stdout } = options.context;
  const { bold, cyan } = coloursFor(options.context, stdout);
  const canary = path.relative(process.cwd(), path.join(directory, "resources/canary-50.yaml"));
  const suffix = options.apiUrl === "http://127.0.0.1:7070" ? "" : ` --server ${options.apiUrl}`;
  stdout.write(
    [
      "",
      `${bold("The mesh is up.")} API: ${cyan(options.apiUrl)}`,
      "",
      "Three things to try, in another terminal:",
      `  npx weft stat${suffix}`,
      `  npx weft request http://catalog/items${suffix}`,
      `  npx weft apply -f ${canary}${suffix}    # half of the catalog's calls go to v2`,
      "",
      "Ctrl-C stops everything.",
      "",
      "",
    ].join("\n"),
  );
}

async function showRates(options: DemoOptions): Promise<void> {
  const { context, stop } = options;
  const view = new LiveRates(context.stdout, coloursFor(context, context.stdout));
  const periodMs = context.stdout.isTTY === true ? 1_000 : 10_000;
  while (!stop.aborted) {
    const rows = await stats(options);
    if (rows.length > 0) view.draw(rows);
    await sleep(context.runtime.timers, periodMs, stop);
  }
}

async function stats(options: DemoOptions): Promise<readonly StatRow[]> {
  try {
    const answer = await fetch(`${options.apiUrl}/weft/v1/stats?namespace=default`);
    if (!answer.ok) return [];
    return ((await answer.json()) as { items: readonly StatRow[] }).items;
  } catch {
    return [];
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
