// The command line in a real process.

import { flushCompileCache } from "node:module";
import { systemRuntime } from "@weft/runtime";
import type { CliContext } from "./context.ts";
import { runCommandLine } from "./program.ts";

/** By then a command that goes on has loaded its code. */
const loadedAfterMs = 15_000;

/** Sets the process's exit code when the command has ended. */
export async function runProcess(
  environment: CliContext["environment"],
  launcher: string,
): Promise<void> {
  // A reader that went away (`weft get … | head`) is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const runtime = systemRuntime({ level: environment["WEFT_LOG"] === "debug" ? "debug" : "info" });
  // Compiled code is written at the end, which for some commands is far away, or a KILL.
  runtime.timers.after(loadedAfterMs, flushCompileCache, { background: true });
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    runtime,
    environment,
    launcher,
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
  });
}
