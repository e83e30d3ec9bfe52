// A hot upgrade of this process (decision 0044): a bridge of the program that is installed now
// takes the listening sockets and serves; this process drains, then becomes that program itself
// (exec: same process number, same children) and takes the sockets back; the bridge drains and
// ends. Nothing is refused at any moment, and who supervises this process notices nothing.

import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import {
  canReplaceProcess,
  descriptorOf,
  type Inheritance,
  replaceProcess,
  type Runtime,
  sendSockets,
  sleep,
} from "@weft/runtime";
import type { Agent } from "../agent.ts";
import type { Capture } from "../capture/capture.ts";
import type { Program } from "../supervise/program.ts";
import { type Handover, writeHandover } from "./handover.ts";
import { Lifeline } from "./lifeline.ts";

export interface UpgradeOptions {
  /** The `weft` command as it was called: what stands there now is run. */
  readonly launcher: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Calls back at each request for an upgrade (SIGUSR2). */
  readonly onRequest: (listener: () => void) => void;
}

/** From its start to the bridge's serving. */
const bridgePatienceMs = 30_000;
/** Descriptors of a child: 0 to 2, then these. */
const lifelineFd = 3;
const passageFd = 4;
const firstSocketFd = 5;

export class Upgrade {
  readonly #runtime: Runtime;
  readonly #options: UpgradeOptions;
  readonly #agent: Agent;
  readonly #inheritance: Inheritance;
  readonly #drainMs: number;
  readonly #program: Program | null;
  readonly #capture: Capture | null;
  readonly #obstacle: string | null;
  #bridge: ChildProcess | null = null;
  #lifeline: Lifeline | null = null;
  #isUnderWay = false;
  #isAbandoned = false;

  constructor(parts: {
    runtime: Runtime;
    options: UpgradeOptions;
    agent: Agent;
    inheritance: Inheritance;
    drainMs: number;
    program: Program | null;
    capture: Capture | null;
    /** Why it cannot be; null when it can. */
    obstacle: string | null;
  }) {
    this.#runtime = parts.runtime;
    this.#options = parts.options;
    this.#agent = parts.agent;
    this.#inheritance = parts.inheritance;
    this.#drainMs = parts.drainMs;
    this.#program = parts.program;
    this.#capture = parts.capture;
    this.#obstacle = parts.obstacle;
  }

  /** Begins one unless one is under way; `waitFor` is the rest of the one before. */
  async begin(waitFor: Promise<void>): Promise<void> {
    const { log } = this.#runtime;
    if (this.#isUnderWay) return log.warn("an upgrade is under way already");
    const folder = this.#agent.folder;
    if (!canReplaceProcess() || folder === null || this.#obstacle !== null) {
      const reason = this.#obstacle ?? "this Node has no FFI or no execve";
      const fields = { code: "upgrade-impossible", reason };
      return log.error("cannot upgrade in place; restart instead", fields);
    }
    this.#isUnderWay = true;
    await waitFor;
    if (!this.#isAbandoned) await this.#run(folder);
    this.#isUnderWay = false;
  }

  /** This workload ends: the bridge takes its leave too. Resolves when it has gone. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    this.#lifeline?.close();
    const bridge = this.#bridge;
    if (bridge === null) return;
    await ended(bridge);
  }

  /** The bridge goes at once. */
  kill(): void {
    this.#bridge?.kill("SIGKILL");
  }

  /** This end of the socket over which others go. */
  get #passage(): number {
    return descriptorOf(this.#bridge?.stdio[passageFd]);
  }

  async #run(folder: string): Promise<void> {
    const { log, timers } = this.#runtime;
    this.#agent.yieldControl(true);
    const bridge = this.#startBridge(folder);
    const lifeline = this.#lifeline as Lifeline;
    const patience = new AbortController();
    const failure = Promise.race([
      ended(bridge).then(() => "it ended"),
      sleep(timers, bridgePatienceMs, patience.signal).then(() => {
        return "the new process was not ready in time";
      }),
    ]);
    const taken = lifeline.said("prepared").then(async () => {
      await this.#agent.yieldNames(true);
      sendSockets(this.#passage, this.#inheritance.newcomers());
      lifeline.say("take");
      await lifeline.said("ready");
      return null;
    });
    const reason = await Promise.race([taken, failure]);
    patience.abort();
    if (reason !== null) {
      bridge.kill("SIGKILL");
      lifeline.close();
      bridge.stdio[passageFd]?.destroy();
      this.#bridge = null;
      this.#agent.yieldControl(false);
      await this.#agent.yieldNames(false);
      const fields = { code: "upgrade-failed", reason };
      return log.error("the upgrade failed; this process serves on", fields);
    }
    if (this.#isAbandoned) return;
    log.info("the new process serves; this one drains", { pid: bridge.pid ?? 0 });
    await Promise.race([this.#agent.handOver(this.#drainMs), ended(bridge)]);
    if (!this.#isAbandoned) this.#become(folder);
  }

  #startBridge(folder: string): ChildProcess {
    const { args, environment, launcher } = this.#options;
    const group = this.#capture?.startGroup ?? null;
    const held = Object.entries(this.#inheritance.handOn());
    const sockets = held.map(([name], i): [string, number] => [name, firstSocketFd + i]);
    const handover: Handover = {
      role: "bridge",
      folder,
      health: this.#agent.health,
      capture: this.#capture?.handOver("bridge") ?? null,
      sockets: Object.fromEntries(sockets),
      lifeline: lifelineFd,
      passage: passageFd,
      program: null,
      bridgePid: 0,
    };
    const bridge = spawn(launcher, [...args], {
      stdio: ["ignore", "inherit", "inherit", "pipe", "pipe", ...held.map(([, fd]) => fd)],
      // A terminal's interrupt is for this process, which tells the bridge.
      detached: true,
      env: writeHandover(environment, handover),
      ...(group === null ? {} : { gid: group }),
    });
    bridge.on("error", () => {});
    bridge.stdio[passageFd]?.on("error", () => {});
    this.#bridge = bridge;
    this.#lifeline = new Lifeline(bridge.stdio[lifelineFd] as Socket);
    return bridge;
  }

  /** Does not return, unless the system refuses. */
  #become(folder: string): void {
    const { args, environment, launcher } = this.#options;
    const sockets = this.#inheritance.handOn();
    const passage = this.#passage;
    const lifeline = this.#lifeline?.descriptor ?? -1;
    const program = this.#program?.forHeir() ?? null;
    const capture = this.#capture?.handOver("heir") ?? null;
    const handover: Handover = {
      role: "heir",
      folder,
      health: this.#agent.health,
      capture,
      sockets,
      lifeline,
      passage,
      program,
      bridgePid: this.#bridge?.pid ?? 0,
    };
    const guards = [program?.guard?.fd ?? -1, capture?.owned?.guard.fd ?? -1];
    const kept = [...Object.values(sockets), lifeline, passage, ...guards].filter((fd) => fd >= 0);
    const become = (): void =>
      replaceProcess(launcher, args, writeHandover(environment, handover), kept);
    try {
      if (this.#capture === null) become();
      else this.#capture.withoutGroup(become);
    } catch (error) {
      // The bridge serves, and this process goes on looking after the program.
      this.#runtime.log.error("this process could not become the new program", {
        code: "upgrade-failed",
        reason: String(error),
      });
    }
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}
