// Every command, in the order of the help. The next command is one file and one row.

import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { defineRun } from "./run.ts";
import { defineSidecar } from "./sidecar.ts";
import { defineUp } from "./up.ts";
import { defineVersion } from "./version.ts";

export type DefineCommand = (program: Command, context: CliContext) => void;

export const commands: readonly DefineCommand[] = [
  defineUp,
  defineRun,
  defineSidecar,
  defineVersion,
];
