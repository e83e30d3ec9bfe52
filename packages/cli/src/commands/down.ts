// `weft down`: ends the control plane that runs on this host's data directory.

import type { Command } from "commander";
import { type CliContext, resolveDataDir } from "../context.ts";
import { CliFailure } from "../failure.ts";
import { dataDirOption, outputOption } from "../flags.ts";
import { sleep } from "@weft/runtime";

const patienceMs = 15_000;

export function defineDown(program: Command, context: CliContext): void {
  program
    .command("down")
    .description("stop the control plane of this host; proxies go on serving")
    .addOption(dataDirOption())
    .addOption(outputOption("json"))
    .action(async (flags: { dataDir?: string; output?: string }) => {
      const { findControlPlane } = await import("@weft/control");
      const dataDir = resolveDataDir(context, flags.dataDir);
      const running = await findControlPlane(dataDir);
      if (running === null) {
        throw new CliFailure({
          code: "control-plane-not-running",
          message: `no control plane runs on ${dataDir}`,
          hint: "Name its data directory with --data-dir or WEFT_DATA_DIR.",
        });
      }
      process.kill(running.pid, "SIGTERM");
      const deadlineMs = context.runtime.clock.monotonicMs() + patienceMs;
      while ((await findControlPlane(dataDir)) !== null) {
        if (context.runtime.clock.monotonicMs() > deadlineMs) {
          throw new CliFailure({
            code: "control-plane-not-stopped",
            message: `the control plane (process ${running.pid}) did not stop in ${patienceMs / 1000} s`,
            hint: `Look at its log, or end it with: kill -9 ${running.pid}`,
          });
        }
        await sleep(context.runtime.timers, 50);
      }
      context.stdout.write(
        flags.output === "json" ? `${JSON.stringify({ pid: running.pid })}\n` : "stopped\n",
      );
    });
}
