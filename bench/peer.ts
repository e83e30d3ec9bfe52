// What a measurement needs of a proxy: start it in front of the origin, know its processes, end it.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { Certificates } from "./certificates.ts";
import type { Topology } from "./scenarios/scenario.ts";

/** The proxy of a pair that ends mutual TLS, and who may connect to it. */
export interface InboundSide {
  readonly port: number;
  readonly pid: number;
  readonly certificates: Certificates;
}

export interface RunningPeer {
  /** Where the client sends. */
  readonly port: number;
  /** The processes whose CPU counts. */
  readonly pids: readonly number[];
  /** Of a pair. */
  readonly inbound?: InboundSide;
  stop(): Promise<void>;
}

export interface PeerOptions {
  readonly topology: Topology;
  readonly originPort: number;
  /** An empty folder of its own. */
  readonly dir: string;
}

export interface Peer {
  readonly name: string;
  readonly topologies: readonly Topology[];
  /** Its version, or why it cannot run here. */
  find(): { version: string } | { why: string };
  start(options: PeerOptions): Promise<RunningPeer>;
}

/** Processes that end together. */
export class Crew {
  readonly #children: ChildProcess[] = [];

  spawn(command: string, args: readonly string[], environment?: Record<string, string>): number {
    const child = spawn(command, [...args], {
      stdio: ["ignore", "ignore", process.env["BENCH_DEBUG"] === undefined ? "ignore" : "inherit"],
      ...(environment === undefined ? {} : { env: environment }),
    });
    this.#children.push(child);
    if (child.pid === undefined) throw new Error(`cannot start ${command}`);
    return child.pid;
  }

  async stop(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const late = delay(5_000, "late" as const, { ref: false });
      if ((await Promise.race([gone, late])) === "late") {
        child.kill("SIGKILL");
        await gone;
      }
    }
  }
}

/** Resolves when something accepts on the port. */
export async function listening(port: number, timeoutMs = 90_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (ok) return;
    if (performance.now() > deadline) throw new Error(`nothing listens on ${port}`);
    await delay(50);
  }
}

/** Resolves when a GET is answered 200. */
export async function answering(port: number, path: string, timeoutMs = 90_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last = "";
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { connection: "close" },
      });
      await answer.arrayBuffer();
      if (answer.status === 200) return;
      last = String(answer.status);
    } catch (error) {
      last = String(error);
    }
    if (performance.now() > deadline) throw new Error(`port ${port} does not answer 200: ${last}`);
    await delay(100);
  }
}

const run = promisify(execFile);

/** Resolves when a call by HTTP/2 without TLS is answered 200. */
export async function answeringGrpc(port: number, timeoutMs = 90_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const url = `http://127.0.0.1:${port}/bench.Echo/Unary`;
    const call = ["-n", "1", "-c", "1", "-T", "2", "-H", "content-type: application/grpc", url];
    const { stdout } = await run("h2load", call).catch(() => ({ stdout: "" }));
    if (stdout.includes("status codes: 1 2xx")) return;
    if (performance.now() > deadline) throw new Error(`port ${port} answers no call`);
    await delay(100);
  }
}

/** Resolves when the proxy at `port` reaches its origin. */
export function ready(topology: Topology, port: number): Promise<void> {
  return topology === "grpc-pair" ? answeringGrpc(port) : answering(port, "/");
}
