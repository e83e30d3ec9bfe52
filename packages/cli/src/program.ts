// The command line as a tree of commands. One row per command; parsing, help and suggestions are
// commander's.

import { Command, CommanderError } from "commander";
import { commands } from "./commands/table.ts";
import type { CliContext } from "./context.ts";
import { reportFailure, wantsJson } from "./report-failure.ts";
import { weftVersion } from "./version.ts";

/** Builds the tree, whole, or with the one command that `only` names. */
async function buildProgram(context: CliContext, only: string | undefined): Promise<Command> {
  const program = new Command("weft")
    .description("Weft, a service mesh: discovery, mTLS, traffic management, from one command")
    .version(weftVersion(), "--version", "print the version")
    .helpCommand("help [command]", "help for a command")
    .showHelpAfterError("(add --help for the command's flags)")
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      getOutHasColors: () => context.stdout.isTTY === true,
      getErrHasColors: () => context.stderr.isTTY === true,
    })
    .enablePositionalOptions()
    .exitOverride();
  const one = only === undefined || only === "completion" ? undefined : commands[only];
  for (const load of one === undefined ? Object.values(commands) : [one]) {
    const define = await load();
    define(program, context);
  }
  return program;
}

/** Runs one command line (without `node` and the script); answers the exit code, never rejects. */
export async function runCommandLine(
  args: readonly string[],
  context: CliContext,
): Promise<number> {
  const isJson = wantsJson(args);
  const program = await buildProgram(context, args[0]);
  if (isJson) silenceUsage(program);
  try {
    await program.parseAsync([...args], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      if (isJson) return reportFailure(context, error, true);
      return 2;
    }
    return reportFailure(context, error, isJson);
  }
}

/** With `-o json` the error object is all that goes to standard error. */
function silenceUsage(command: Command): void {
  command.configureOutput({ writeErr: () => {}, outputError: () => {} });
  command.showHelpAfterError(false);
  for (const child of command.commands) silenceUsage(child);
}
