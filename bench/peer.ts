// What a measurement needs of a proxy: start it in front of the origin, know its processes, end it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export type Scenario = "one-hop" | "pair";

export interface RunningPeer {
  /** Where the client sends. */
  readonly port: number;
  /** Path of a request that the origin answers. */
  readonly path: string;
  /** The processes whose CPU counts. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export interface PeerOptions {
  readonly scenario: Scenario;
  readonly originPort: number;
  /** An empty folder of its own. */
  readonly dir: string;
}

export interface Peer {
  readonly name: string;
  readonly scenarios: readonly Scenario[];
  /** Null when it cannot run here; the reason goes to `why`. */
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
export async function listening(port: number, timeoutMs = 30_000): Promise<void> {
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
export async function answering(port: number, path: string, timeoutMs = 30_000): Promise<void> {
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
