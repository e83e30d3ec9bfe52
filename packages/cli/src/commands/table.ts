// Every command, in the order of the help. The next command is one file and one row. A command's
// file is loaded only when it is asked for: `weft run` must not carry what `weft apply` needs.

import type { Command } from "commander";
import type { CliContext } from "../context.ts";

export type DefineCommand = (program: Command, context: CliContext) => void;

export const commands: Readonly<Record<string, () => Promise<DefineCommand>>> = {
  up: async () => (await import("./up.ts")).defineUp,
  run: async () => (await import("./run.ts")).defineRun,
  sidecar: async () => (await import("./sidecar.ts")).defineSidecar,
  apply: async () => (await import("./apply.ts")).defineApply,
  get: async () => (await import("./get.ts")).defineGet,
  describe: async () => (await import("./describe.ts")).defineDescribe,
  diff: async () => (await import("./diff.ts")).defineDiff,
  delete: async () => (await import("./delete.ts")).defineDelete,
  request: async () => (await import("./request.ts")).defineRequest,
  stat: async () => (await import("./stat.ts")).defineStat,
  proxy: async () => (await import("./proxy.ts")).defineProxy,
  check: async () => (await import("./check.ts")).defineCheck,
  capture: async () => (await import("./capture.ts")).defineCapture,
  cert: async () => (await import("./cert.ts")).defineCert,
  token: async () => (await import("./token.ts")).defineToken,
  backup: async () => (await import("./backup.ts")).defineBackup,
  kubeconfig: async () => (await import("./kubeconfig.ts")).defineKubeconfig,
  completion: async () => (await import("./completion.ts")).defineCompletion,
  down: async () => (await import("./down.ts")).defineDown,
  version: async () => (await import("./version.ts")).defineVersion,
};
