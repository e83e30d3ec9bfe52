// `weft sidecar`: the proxy for a program that somebody else starts.

import type { Command } from "commander";
import { addCaptureFlags, captureOptions } from "../capture-flags.ts";
import type { CliContext } from "../context.ts";
import { runtimeWithLogFile } from "../log-file.ts";
import { listenForStop, listenForUpgrade } from "../signals.ts";
import { addWorkloadFlags, agentOptions, type WorkloadFlags } from "../workload-flags.ts";

export function defineSidecar(program: Command, context: CliContext): void {
  const command = program
    .command("sidecar")
    .description("run a proxy beside a program that is started by other means");
  addCaptureFlags(addWorkloadFlags(command), "everyone");
  command.action(async (flags: WorkloadFlags) => {
    const signals = listenForStop();
    const upgrade = listenForUpgrade(context);
    const { runWorkload } = await import("@weft/agent");
    process.exitCode = await runWorkload({
      ...agentOptions(context, runtimeWithLogFile(context, flags.logFile), flags),
      capture: captureOptions(flags, "everyone"),
      command: null,
      environment: context.environment,
      stop: signals.stop,
      stopNow: signals.stopNow,
      upgrade,
    });
    signals.release();
  });
}
