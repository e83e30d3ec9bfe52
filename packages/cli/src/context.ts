// What a command gets from its surroundings, so that a test can run one without a process.

import { homedir } from "node:os";
import path from "node:path";
import type { Runtime } from "@weft/runtime";

export interface CliContext {
  readonly runtime: Runtime;
  /** The `weft` command as it was called; "" when unknown. */
  readonly launcher?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: NodeJS.ReadStream;
}

export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Where store, CA and the local join secret are: flag, then variable, then the XDG place. */
export function resolveDataDir(context: CliContext, flag: string | undefined): string {
  const { environment } = context;
  const chosen = flag ?? environment["WEFT_DATA_DIR"];
  if (chosen !== undefined && chosen !== "") return path.resolve(chosen);
  const base = environment["XDG_STATE_HOME"];
  return path.join(
    base !== undefined && base !== "" ? base : path.join(homedir(), ".local/state"),
    "weft",
  );
}

export function resolveServer(context: CliContext, flag: string | undefined): string {
  const chosen = flag ?? context.environment["WEFT_SERVER"] ?? "http://127.0.0.1:7070";
  return chosen.replace(/\/+$/, "");
}

export function resolveControl(context: CliContext, flag: string | undefined): string {
  return flag ?? context.environment["WEFT_CONTROL"] ?? "127.0.0.1:7071";
}

export function resolveNamespace(context: CliContext, flag: string | undefined): string {
  return flag ?? context.environment["WEFT_NAMESPACE"] ?? "default";
}
