// Runs one scenario: every peer is started, warmed up, and measured in rounds, one after the other,
// so that what troubles the machine troubles all of them.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { measureHandshakes } from "./handshakes.ts";
import { type LoadOptions, type Measured, measure } from "./load.ts";
import { grpcMessage, startOrigin } from "./origin.ts";
import { Crew, type Peer, type RunningPeer } from "./peer.ts";
import type { Scenario } from "./scenarios/scenario.ts";

export interface Row {
  readonly peer: string;
  readonly version: string;
  readonly rounds: Measured[];
}

export interface RoundOptions {
  /** An empty folder. */
  readonly dir: string;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly seconds: number;
  /** Compilers of hot code need their time; the other peers get as much. */
  readonly warmUpSeconds: number;
  /** In place of the scenario's own. */
  readonly rate: number | null;
}

interface Running {
  readonly row: Row;
  readonly peer: RunningPeer;
}

export async function runScenario(scenario: Scenario, options: RoundOptions): Promise<Row[]> {
  const { dir } = options;
  const origin = new Crew();
  const running: Running[] = [];
  try {
    const originPort = await startOrigin(origin, dir, scenario.topology);
    for (const peer of options.peers) await startPeer(peer, scenario, originPort, dir, running);
    const load = loadOf(scenario, options);
    const warmUp = { ...load, seconds: options.warmUpSeconds };
    for (const { peer } of running) await measureOne(scenario, peer, warmUp);
    for (let round = 0; round < options.rounds; round++) {
      for (const { row, peer } of running) {
        rmSync(load.logFile, { force: true });
        row.rounds.push(await measureOne(scenario, peer, load));
      }
      console.log(`${scenario.name}: round ${round + 1} of ${options.rounds}`);
    }
  } finally {
    for (const { peer } of running) await peer.stop();
    await origin.stop();
  }
  return running.map(({ row }) => row);
}

function measureOne(scenario: Scenario, peer: RunningPeer, load: LoadOptions): Promise<Measured> {
  if (scenario.handshakes === null || peer.inbound === undefined) return measure(peer, load);
  const isResumed = scenario.handshakes === "resumed";
  return measureHandshakes(peer.inbound, { isResumed, seconds: load.seconds });
}

async function startPeer(
  peer: Peer,
  scenario: Scenario,
  originPort: number,
  dir: string,
  running: Running[],
): Promise<void> {
  const { name, topology } = scenario;
  if (!peer.topologies.includes(topology)) return;
  const found = peer.find();
  if ("why" in found) {
    console.log(`${name}: without ${peer.name}: ${found.why}`);
    return;
  }
  const own = path.join(dir, peer.name);
  mkdirSync(own, { recursive: true });
  const row: Row = { peer: peer.name, version: found.version, rounds: [] };
  try {
    running.push({ row, peer: await peer.start({ topology, originPort, dir: own }) });
  } catch (error) {
    console.log(`${name}: without ${peer.name}: ${String(error)}`);
  }
}

function loadOf(scenario: Scenario, options: RoundOptions): LoadOptions {
  const { connections, path: requestPath, rate, topology } = scenario;
  const messageFile = path.join(options.dir, "message");
  writeFileSync(messageFile, grpcMessage);
  return {
    connections,
    path: requestPath,
    rate: options.rate ?? rate,
    seconds: options.seconds,
    logFile: path.join(options.dir, "h2load.log"),
    messageFile: topology === "grpc-pair" ? messageFile : null,
  };
}
