// The command line in a real process.

import { systemRuntime } from "@weft/runtime";
import { runCommandLine } from "./program.ts";

/** Sets the process's exit code when the command has ended. */
export async function runProcess(): Promise<void> {
  // A reader that went away (`weft get … | head`) is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    runtime: systemRuntime({ level: process.env["WEFT_LOG"] === "debug" ? "debug" : "info" }),
    environment: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
  });
}
