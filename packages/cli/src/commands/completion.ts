// `weft completion SHELL`: a script that completes commands, flags and their values, made from the
// tree of commands.

import { storedKinds } from "@weft/api";
import { Argument, type Command } from "commander";
import { completionScripts, type CompletionTable } from "../completion-scripts.ts";
import type { CliContext } from "../context.ts";
import { outputOption } from "../flags.ts";

export function defineCompletion(program: Command, context: CliContext): void {
  program
    .command("completion")
    .description("print a completion script: source <(weft completion bash)")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .addOption(outputOption("json"))
    .action((shell: "bash" | "zsh" | "fish", flags: { output?: string }) => {
      const script = completionScripts[shell](completionTable(program));
      context.stdout.write(
        flags.output === "json" ? `${JSON.stringify({ shell, script })}\n` : script,
      );
    });
}

/** Commands whose first argument is a kind. */
const takeKinds: ReadonlySet<string> = new Set(["get", "describe", "delete"]);

export function completionTable(program: Command): CompletionTable {
  const words = new Map<string, readonly string[]>();
  const values = new Map<string, readonly string[]>();
  const visit = (command: Command, path: string): void => {
    const flags = command.options.flatMap(({ long, short }) => [long ?? "", short ?? ""]);
    const names = command.commands.map((child) => child.name());
    const kinds = takeKinds.has(path) ? [...storedKinds.map(({ plural }) => plural), "all"] : [];
    const shells = path === "completion" ? ["bash", "zsh", "fish"] : [];
    const all = [...names, ...kinds, ...shells, ...flags, "--help", "-h"];
    words.set(
      path,
      all.filter((word) => word !== ""),
    );
    for (const { argChoices, long, required, short } of command.options) {
      if (!required) continue;
      for (const flag of [long, short]) {
        if (flag !== undefined) values.set(`${path} ${flag}`.trim(), argChoices ?? []);
      }
    }
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
  };
  visit(program, "");
  return { words, values };
}
