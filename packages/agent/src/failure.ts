// What an agent cannot do, told to a person: a sentence that names the thing, a hint with the fix,
// a stable code.

import { ListenError } from "@weft/runtime";
import type { AgentOptions } from "./options.ts";

export type AgentErrorCode =
  | "token-unreadable"
  | "control-unreachable"
  | "control-refused"
  | "snapshot-missing"
  | "identity-refused"
  | "command-not-started"
  | "data-directory-unusable"
  | "address-unusable"
  | "capture-forbidden"
  | "capture-unavailable"
  | "capture-failed"
  | "envoy-not-found"
  | "envoy-not-started"
  | "proxy-unsupported";

export class AgentFailure extends Error {
  readonly code: AgentErrorCode;
  readonly hint: string;
  /** The process exit code this failure asks for. */
  readonly exitCode: number;

  constructor(
    code: AgentErrorCode,
    message: string,
    hint: string,
    options?: ErrorOptions & { exitCode?: number },
  ) {
    super(message, options);
    this.code = code;
    this.hint = hint;
    this.exitCode = options?.exitCode ?? 1;
  }
}

/** Ten seconds have passed; `lastError` is what the last attempt said, "" when there was none. */
export function lateFailure(
  options: Pick<AgentOptions, "control" | "ephemeral">,
  hasIdentity: boolean,
  lastError: string,
): AgentFailure {
  const { control, ephemeral } = options;
  const anyway = ephemeral ? "" : ", or start anyway with --no-wait";
  const why = lastError === "" ? "" : ` (${lastError})`;
  if (hasIdentity) {
    return new AgentFailure(
      "snapshot-missing",
      `no configuration from the control plane at ${control} after 10 s${why}`,
      `Look at \`weft proxy list\`${anyway}.`,
    );
  }
  return new AgentFailure(
    "control-unreachable",
    `no control plane at ${control} after 10 s${why}`,
    `Start one with \`weft up\`, or name it with --control${anyway}.`,
  );
}

export function captureByEnvoy(): AgentFailure {
  return new AgentFailure(
    "proxy-unsupported",
    "--transparent is for the built-in proxy: an Envoy here takes no captured connections",
    "Leave out --proxy envoy, or --transparent.",
  );
}

/** A listener that could not be opened: the address is not of this host. Other errors pass. */
export function unusableAddress(error: unknown, address: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (!(error instanceof ListenError) && code !== "EADDRNOTAVAIL") return error;
  return new AgentFailure(
    "address-unusable",
    `cannot listen on ${address} (${code ?? String(error)})`,
    "Give an address of this host with --address.",
    { cause: error },
  );
}
