// What an agent cannot do, told to a person: a sentence that names the thing, a hint with the fix,
// a stable code.

export type AgentErrorCode =
  | "token-unreadable"
  | "control-unreachable"
  | "control-refused"
  | "snapshot-missing"
  | "identity-refused"
  | "command-not-started"
  | "data-directory-unusable"
  | "address-unusable";

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
