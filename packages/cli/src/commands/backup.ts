// `weft backup FILE`: store and CA at one revision, in one file that `weft up --restore` takes.

import { rename, rm, writeFile } from "node:fs/promises";
import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { type ApiFlags, callControl } from "../control-api.ts";
import { CliFailure } from "../failure.ts";
import { dataDirOption, outputOption, serverOption } from "../flags.ts";

export function defineBackup(program: Command, context: CliContext): void {
  program
    .command("backup")
    .description("write store and CA at one revision to a file (it holds the CA's keys)")
    .argument("<file>")
    .addOption(serverOption())
    .addOption(dataDirOption())
    .addOption(outputOption("json"))
    .action(async (file: string, flags: ApiFlags & { output?: string }) => {
      const call = { method: "POST", asOperator: true } as const;
      const bytes = await callControl(context, flags, "/weft/v1/backup", call);
      await writeWhole(file, bytes);
      context.stdout.write(
        flags.output === "json"
          ? `${JSON.stringify({ file, bytes: bytes.length })}\n`
          : `wrote ${file} (${bytes.length} bytes); keep it as you would keep the CA's keys\n`,
      );
    });
}

async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const beside = `${file}.part`;
  try {
    await writeFile(beside, bytes, { mode: 0o600 });
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw new CliFailure({
      code: "file-unwritable",
      message: `cannot write ${file} (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      hint: "Check the folder, its owner and the free space.",
      cause: error,
    });
  }
}
