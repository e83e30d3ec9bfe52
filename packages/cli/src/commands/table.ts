// Every command, in the order of the help. The next command is one file and one row.

import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { defineBackup } from "./backup.ts";
import { defineCert } from "./cert.ts";
import { defineCheck } from "./check.ts";
import { defineCompletion } from "./completion.ts";
import { defineDown } from "./down.ts";
import { defineKubeconfig } from "./kubeconfig.ts";
import { defineProxy } from "./proxy.ts";
import { defineRequest } from "./request.ts";
import { defineRun } from "./run.ts";
import { defineSidecar } from "./sidecar.ts";
import { defineStat } from "./stat.ts";
import { defineToken } from "./token.ts";
import { defineUp } from "./up.ts";
import { defineVersion } from "./version.ts";

export type DefineCommand = (program: Command, context: CliContext) => void;

export const commands: readonly DefineCommand[] = [
  defineUp,
  defineRun,
  defineSidecar,
  defineRequest,
  defineStat,
  defineProxy,
  defineCheck,
  defineCert,
  defineToken,
  defineBackup,
  defineKubeconfig,
  defineCompletion,
  defineDown,
  defineVersion,
];
