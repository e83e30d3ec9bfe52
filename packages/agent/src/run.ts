// The life of `weft run` (design section 5): agent and proxy first, then the program; on a signal,
// leave the mesh, drain, stop the program; on the program's death, leave at once and exit with its
// code. On SIGUSR2 it becomes what is installed now (`upgrade/upgrade.ts`).

import { Inheritance, releaseMemory, sealDescriptors, socketOf } from "@weft/runtime";
import { Agent } from "./agent.ts";
import { Capture } from "./capture/capture.ts";
import { AgentFailure, captureByEnvoy } from "./failure.ts";
import type { AgentOptions } from "./options.ts";
import { programEnvironment } from "./supervise/environment.ts";
import { exitCodeOf, Program, type ProgramExit } from "./supervise/program.ts";
import { type Handover, handoverVariable, readHandover } from "./upgrade/handover.ts";
import { serveAsBridge, type Succession, succeedBridge, takeOver } from "./upgrade/bridge.ts";
import { Lifeline } from "./upgrade/lifeline.ts";
import { Upgrade, type UpgradeOptions } from "./upgrade/upgrade.ts";

export interface RunOptions extends AgentOptions {
  /** The program and its arguments; null for `weft sidecar`, which has none. */
  readonly command: readonly string[] | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted once at the first TERM or INT, `stopNow` at the second. */
  readonly stop: AbortSignal;
  readonly stopNow: AbortSignal;
  /** How to become a newer Weft; the environment is `environment`'s. */
  readonly upgrade: Omit<UpgradeOptions, "environment">;
}

const killAfterMs = 10_000;
/** By then everything is loaded and the first configuration is in force. */
const settledAfterMs = 5_000;
const nodeShimUrl = new URL("../shim/node-proxy.mjs", import.meta.url).href;

/** One workload's life in this process. */
interface Life {
  readonly options: RunOptions;
  readonly agent: Agent;
  readonly inheritance: Inheritance;
  /** Null when off. */
  readonly capture: Capture | null;
}

/**
 * Runs until the program or a signal ends it; answers the exit code. Rejects with an AgentFailure.
 */
export async function runWorkload(given: RunOptions): Promise<number> {
  if (given.envoy !== null && given.capture !== null) throw captureByEnvoy();
  const handover = readHandover(given.environment);
  const { [handoverVariable]: _, ...environment } = given.environment;
  const inheritance = new Inheritance(handover?.sockets ?? null);
  // Where there was a process before this one, nobody waits for the control plane.
  const noWait = given.noWait || handover !== null;
  const options = { ...given, environment, inheritance, handover, noWait };
  // First of all: what is opened from here on is known as the agent's.
  const capture =
    options.capture === null
      ? null
      : new Capture(options.capture, options.runtime, handover?.capture);
  const keepsClientAddress = capture?.keepsClientAddress(options.appAddress) ?? false;
  const joined = handover === null ? null : openSuccession(handover, inheritance);
  const ofOthers = joined === null ? {} : { takeOver: () => takeOver(joined, options.runtime) };
  const agent = new Agent({ ...options, ...ofOthers, keepsClientAddress });
  const life = { options, agent, inheritance, capture };
  try {
    options.runtime.timers.after(settledAfterMs, releaseMemory, { background: true });
    if (handover !== null && joined !== null) {
      if (handover.role === "heir") return await inherit(life, handover, joined);
      return await serveAsBridge(agent, joined, options);
    }
    if ((await Promise.race([agent.start(), aborted(options.stop)])) === "stopped") {
      await Promise.race([agent.leave(0), aborted(options.stopNow)]);
      return 0;
    }
    capture?.begin(agent.capturePorts);
    const { command } = options;
    const program = command === null ? null : startProgram(life, command);
    return await supervise(life, program, Promise.resolve());
  } finally {
    await agent.close();
    capture?.end();
  }
}

/** Takes the place of the process that this one was, and of the bridge that serves meanwhile. */
async function inherit(life: Life, handover: Handover, joined: Succession): Promise<number> {
  const { options, agent, capture } = life;
  const running = handover.program;
  const program = running === null ? null : Program.adopt({ ...options, killAfterMs }, running);
  const { runtime } = options;
  const own = (): void => capture?.begin(agent.capturePorts);
  const bridgeGone = succeedBridge(agent, joined, handover, runtime, own).catch(
    (error: unknown) => {
      // The bridge serves on.
      runtime.log.error("the upgrade stopped half-way", {
        code: "upgrade-failed",
        reason: String(error),
      });
    },
  );
  return await supervise(life, program, bridgeGone);
}

function openSuccession({ lifeline, passage }: Handover, inheritance: Inheritance): Succession {
  sealDescriptors([lifeline, passage]);
  return { lifeline: new Lifeline(socketOf(lifeline)), passage, inheritance };
}

/** `bridgeGone`: nothing is left of an upgrade before. */
async function supervise(
  life: Life,
  program: Program | null,
  bridgeGone: Promise<void>,
): Promise<number> {
  const { options, agent, inheritance, capture } = life;
  const { drainMs, environment, runtime } = options;
  const upgrade = new Upgrade({
    runtime,
    options: { ...options.upgrade, environment },
    agent,
    inheritance,
    drainMs,
    program,
    capture,
    obstacle: options.envoy === null ? null : "its Envoy does not take over sockets",
  });
  options.upgrade.onRequest(() => void upgrade.begin(bridgeGone));
  agent.watchHealth();
  if (program === null) {
    await Promise.race([aborted(options.stop), agent.failed]);
    capture?.release();
    const left = Promise.all([agent.leave(drainMs), upgrade.abandon()]);
    await Promise.race([left, aborted(options.stopNow)]);
    upgrade.kill();
    return 0;
  }
  return await superviseProgram(life, program, upgrade);
}

async function superviseProgram(life: Life, program: Program, upgrade: Upgrade): Promise<number> {
  const { options, agent } = life;
  options.stopNow.addEventListener("abort", () => program.kill(), { once: true });
  try {
    const first = await Promise.race([program.exited, aborted(options.stop), agent.failed]);
    if (first === "stopped") {
      const left = Promise.all([agent.leave(options.drainMs), upgrade.abandon()]);
      await Promise.race([left, aborted(options.stopNow), program.exited]);
      return exitCodeAfterStop(await endOf(program, options));
    }
    if (first.kind === "not-started") {
      await agent.deregister(first.message);
      throw new AgentFailure("command-not-started", first.message, "", { exitCode: first.code });
    }
    const code = exitCodeOf(first);
    options.runtime.log.info("the program ended", { code });
    const left = Promise.all([agent.deregister("the program ended"), upgrade.abandon()]);
    await Promise.race([left, aborted(options.stopNow)]);
    return code;
  } finally {
    upgrade.kill();
    await endOf(program, options);
  }
}

function startProgram({ agent, capture, options }: Life, command: readonly string[]): Program {
  const [file = "", ...args] = command;
  const { ports } = agent.proxy;
  const begin = (): Program =>
    Program.start({
      runtime: options.runtime,
      command: file,
      args,
      entry: capture?.programEntry() ?? null,
      killAfterMs,
      environment: programEnvironment({
        inherited: options.environment,
        port: options.port,
        outboundPort: capture === null ? ports.outbound : null,
        upstreams: new Map(Object.entries(ports.upstreams)),
        nodeShimUrl,
      }),
    });
  return capture === null ? begin() : capture.withoutGroup(begin);
}

/** TERM, then KILL, until nothing of the program is left. */
async function endOf(program: Program, options: RunOptions): Promise<ProgramExit> {
  program.terminate();
  if (options.stopNow.aborted) program.kill();
  const exit = await program.exited;
  await program.gone;
  return exit;
}

/** We asked it to end: TERM and KILL are then a clean end. */
function exitCodeAfterStop(exit: ProgramExit): number {
  return exit.kind === "signalled" ? 0 : exitCodeOf(exit);
}

function aborted(signal: AbortSignal): Promise<"stopped"> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("stopped");
    else signal.addEventListener("abort", () => resolve("stopped"), { once: true });
  });
}
