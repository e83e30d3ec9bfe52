// Weft's own log lines: standard error, or the file of `--log-file`.

import { openSync, writeSync } from "node:fs";
import { createLogger, type Runtime } from "@weft/runtime";
import type { CliContext } from "./context.ts";
import { CliFailure } from "./failure.ts";

export function runtimeWithLogFile(context: CliContext, file: string | undefined): Runtime {
  if (file === undefined) return context.runtime;
  let descriptor: number;
  try {
    descriptor = openSync(file, "a");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new CliFailure({
      code: "log-file-unusable",
      message: `cannot write the log file ${file} (${reason})`,
      hint: "Choose another with --log-file.",
      cause: error,
    });
  }
  const log = createLogger({
    clock: context.runtime.clock,
    write: (line) => {
      try {
        writeSync(descriptor, `${line}\n`);
      } catch {
        // The disk is full: losing log lines is better than losing requests.
      }
    },
  });
  return { ...context.runtime, log };
}
