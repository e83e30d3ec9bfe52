// Every failure ends here: one sentence and a hint for people, `{"error":{…}}` for programs, the
// exit code.

import { CommanderError } from "commander";
import type { CliContext } from "./context.ts";

interface Told {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exitCode: number;
}

export function reportFailure(context: CliContext, error: unknown, isJson: boolean): number {
  const told = tell(error);
  if (isJson) {
    const { code, message, hint } = told;
    context.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  } else {
    context.stderr.write(`weft: ${told.message}\n`);
    if (told.hint !== "") context.stderr.write(`      ${told.hint}\n`);
  }
  return told.exitCode;
}

/** True when the arguments ask for JSON, also when they are otherwise wrong. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  return own.some((arg, index) => {
    if (arg === "-ojson" || arg === "-o=json" || arg === "--output=json") return true;
    return arg === "json" && (own[index - 1] === "-o" || own[index - 1] === "--output");
  });
}

/**
 * The failures of agent, control plane and command line are told alike. They are known by their
 * shape, so that a command loads only the packages it runs.
 */
function tell(error: unknown): Told {
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, "");
    return { code: "usage", message, hint: "Run the command with --help.", exitCode: 2 };
  }
  if (!(error instanceof Error)) return defect(String(error), "");
  const { code, hint, exitCode, row } = error as Partial<Told> & { row?: { exitCode?: number } };
  if (typeof code === "string" && typeof hint === "string") {
    return { code, message: error.message, hint, exitCode: exitCode ?? row?.exitCode ?? 1 };
  }
  return defect(error.message, error.stack ?? "");
}

function defect(message: string, stack: string): Told {
  return {
    code: "internal",
    message: `${message} (this is a defect of Weft; please report it)`,
    hint: stack,
    exitCode: 1,
  };
}
