// `weft run … -- CMD ARGS…`: a program in the mesh.

import type { Command } from "commander";
import { addCaptureFlags, captureOptions } from "../capture-flags.ts";
import type { CliContext } from "../context.ts";
import { runtimeWithLogFile } from "../log-file.ts";
import { listenForStop, listenForUpgrade } from "../signals.ts";
import { addWorkloadFlags, agentOptions, type WorkloadFlags } from "../workload-flags.ts";

export function defineRun(program: Command, context: CliContext): void {
  const command = program
    .command("run")
    .description("run a program with a proxy beside it")
    .argument("[command...]", "the program and its arguments, after --")
    .passThroughOptions();
  addCaptureFlags(addWorkloadFlags(command), "program");
  command.action(async (words: string[], flags: WorkloadFlags) => {
    const signals = listenForStop();
    const upgrade = listenForUpgrade(context);
    const { runWorkload } = await import("@weft/agent");
    const runtime = runtimeWithLogFile(context, flags.logFile);
    process.exitCode = await runWorkload({
      ...agentOptions(context, runtime, flags),
      capture: captureOptions(flags, "program"),
      command: words.length === 0 ? null : words,
      environment: context.environment,
      stop: signals.stop,
      stopNow: signals.stopNow,
      upgrade,
    });
    signals.release();
  });
}
