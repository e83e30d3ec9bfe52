// `weft version`: which Weft, on which Node.

import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { outputOption } from "../flags.ts";
import { weftVersion } from "../version.ts";

export function defineVersion(program: Command, context: CliContext): void {
  program
    .command("version")
    .description("print the version of Weft and of the Node it runs on")
    .addOption(outputOption("json"))
    .action((options: { output?: string }) => {
      const weft = weftVersion();
      const node = process.versions.node;
      context.stdout.write(
        options.output === "json"
          ? `${JSON.stringify({ weft, node })}\n`
          : `weft ${weft} (Node ${node})\n`,
      );
    });
}
