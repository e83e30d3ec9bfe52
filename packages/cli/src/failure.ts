// A failure told to a person: one sentence that names the thing, a hint with the fix, a stable
// code.

export interface FailureOptions {
  /** Stable code, documented in docs/reference/errors.md. */
  readonly code: string;
  readonly message: string;
  /** What to do about it; "" when the message says all. */
  readonly hint?: string;
  /** 1: the thing asked for failed; 2: usage. */
  readonly exitCode?: 1 | 2;
  readonly cause?: unknown;
}

export class CliFailure extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exitCode: 1 | 2;

  constructor(options: FailureOptions) {
    super(options.message, { cause: options.cause });
    this.code = options.code;
    this.hint = options.hint ?? "";
    this.exitCode = options.exitCode ?? 1;
  }
}

export function usageFailure(message: string, hint = ""): CliFailure {
  return new CliFailure({ code: "usage", message, hint, exitCode: 2 });
}
