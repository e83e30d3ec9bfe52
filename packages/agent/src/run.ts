// The life of `weft run` (design section 5): agent and proxy first, then the program; on a signal,
// leave the mesh, drain, stop the program; on the program's death, leave at once and exit with its
// code.

import { Agent } from "./agent.ts";
import { AgentFailure } from "./failure.ts";
import type { AgentOptions } from "./options.ts";
import { programEnvironment } from "./supervise/environment.ts";
import { exitCodeOf, Program } from "./supervise/program.ts";

export interface RunOptions extends AgentOptions {
  /** The program and its arguments; null for `weft sidecar`, which has none. */
  readonly command: readonly string[] | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted once at the first TERM or INT, `stopNow` at the second. */
  readonly stop: AbortSignal;
  readonly stopNow: AbortSignal;
}

const killAfterMs = 10_000;
const nodeShimUrl = new URL("../shim/node-proxy.mjs", import.meta.url).href;

/**
 * Runs until the program or a signal ends it; answers the exit code. Rejects with an AgentFailure.
 */
export async function runWorkload(options: RunOptions): Promise<number> {
  const agent = new Agent(options);
  try {
    const stopped = aborted(options.stop);
    if ((await Promise.race([agent.start(), stopped])) === "stopped") {
      await agent.leave(0);
      return 0;
    }
    if (options.command === null) {
      agent.watchHealth();
      await Promise.race([stopped, agent.failed]);
      await Promise.race([agent.leave(options.drainMs), aborted(options.stopNow)]);
      return 0;
    }
    return await superviseProgram(agent, options, options.command);
  } finally {
    await agent.close();
  }
}

async function superviseProgram(
  agent: Agent,
  options: RunOptions,
  command: readonly string[],
): Promise<number> {
  const [file = "", ...args] = command;
  const { ports } = agent.proxy;
  const program = new Program({
    runtime: options.runtime,
    command: file,
    args,
    killAfterMs,
    environment: programEnvironment({
      inherited: options.environment,
      port: options.port,
      outboundPort: ports.outbound,
      upstreams: new Map(Object.entries(ports.upstreams)),
      nodeShimUrl,
    }),
  });
  agent.watchHealth();
  options.stopNow.addEventListener("abort", () => program.kill(), { once: true });
  const first = await Promise.race([program.exited, aborted(options.stop), agent.failed]).catch(
    (error: unknown) => error as Error,
  );
  if (first === "stopped") {
    await Promise.race([agent.leave(options.drainMs), aborted(options.stopNow), program.exited]);
    program.terminate();
    if (options.stopNow.aborted) program.kill();
    return exitCodeAfterStop(await program.exited);
  }
  if (first instanceof Error) {
    program.terminate();
    await program.exited;
    throw first;
  }
  if (first.kind === "not-started") {
    await agent.deregister(first.message);
    throw new AgentFailure("command-not-started", first.message, "", { exitCode: first.code });
  }
  options.runtime.log.info("the program ended", { code: exitCodeOf(first) });
  await agent.deregister("the program ended");
  return exitCodeOf(first);
}

/** We asked it to end: TERM and KILL are then a clean end. */
function exitCodeAfterStop(exit: Parameters<typeof exitCodeOf>[0]): number {
  return exit.kind === "signalled" ? 0 : exitCodeOf(exit);
}

function aborted(signal: AbortSignal): Promise<"stopped"> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve("stopped");
    else signal.addEventListener("abort", () => resolve("stopped"), { once: true });
  });
}
