// The life of `weft run` (design section 5): agent and proxy first, then the program; on a signal,
// leave the mesh, drain, stop the program; on the program's death, leave at once and exit with its
// code.

import { releaseMemory } from "@weft/runtime";
import { Agent } from "./agent.ts";
import { Capture } from "./capture/capture.ts";
import { AgentFailure } from "./failure.ts";
import type { AgentOptions } from "./options.ts";
import { programEnvironment } from "./supervise/environment.ts";
import { exitCodeOf, Program, type ProgramExit } from "./supervise/program.ts";

export interface RunOptions extends AgentOptions {
  /** The program and its arguments; null for `weft sidecar`, which has none. */
  readonly command: readonly string[] | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted once at the first TERM or INT, `stopNow` at the second. */
  readonly stop: AbortSignal;
  readonly stopNow: AbortSignal;
}

const killAfterMs = 10_000;
/** By then everything is loaded and the first configuration is in force. */
const settledAfterMs = 5_000;
const nodeShimUrl = new URL("../shim/node-proxy.mjs", import.meta.url).href;

/**
 * Runs until the program or a signal ends it; answers the exit code. Rejects with an AgentFailure.
 */
export async function runWorkload(options: RunOptions): Promise<number> {
  // First of all: what is opened from here on is known as the agent's.
  const capture = options.capture === null ? null : new Capture(options.capture, options.runtime);
  const agent = new Agent(options);
  const stopped = aborted(options.stop);
  try {
    if ((await Promise.race([agent.start(), stopped])) === "stopped") {
      await Promise.race([agent.leave(0), aborted(options.stopNow)]);
      return 0;
    }
    options.runtime.timers.after(settledAfterMs, releaseMemory, { background: true });
    capture?.begin(agent.capturePorts);
    if (options.command !== null) {
      return await superviseProgram(agent, capture, options, options.command);
    }
    agent.watchHealth();
    await Promise.race([stopped, agent.failed]);
    // New connections go their way without us while those that are open end.
    capture?.end();
    await Promise.race([agent.leave(options.drainMs), aborted(options.stopNow)]);
    return 0;
  } finally {
    await agent.close();
    capture?.end();
  }
}

async function superviseProgram(
  agent: Agent,
  capture: Capture | null,
  options: RunOptions,
  command: readonly string[],
): Promise<number> {
  const program = startProgram(agent, capture, options, command);
  agent.watchHealth();
  options.stopNow.addEventListener("abort", () => program.kill(), { once: true });
  try {
    const first = await Promise.race([program.exited, aborted(options.stop), agent.failed]);
    if (first === "stopped") {
      await Promise.race([agent.leave(options.drainMs), aborted(options.stopNow), program.exited]);
      return exitCodeAfterStop(await endOf(program, options));
    }
    if (first.kind === "not-started") {
      await agent.deregister(first.message);
      throw new AgentFailure("command-not-started", first.message, "", { exitCode: first.code });
    }
    const code = exitCodeOf(first);
    options.runtime.log.info("the program ended", { code });
    await Promise.race([agent.deregister("the program ended"), aborted(options.stopNow)]);
    return code;
  } finally {
    await endOf(program, options);
  }
}

function startProgram(
  agent: Agent,
  capture: Capture | null,
  options: RunOptions,
  command: readonly string[],
): Program {
  const [file = "", ...args] = command;
  const { ports } = agent.proxy;
  const begin = (): Program =>
    new Program({
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
