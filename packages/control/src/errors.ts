// The control plane's one error class. What codes there are and what they mean is in
// error-table.ts.

import { type ErrorCode, type ErrorRow, errorTable } from "./error-table.ts";

export { type ErrorCode, type ErrorRow, errorTable } from "./error-table.ts";

export interface MeshErrorOptions {
  /** More exact than the table's. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** One clear sentence that names the thing, with its stable code and what to do. */
export class MeshError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MeshError";
    this.code = code;
    this.hint = options.hint ?? errorTable[code].hint;
  }

  get row(): ErrorRow {
    return errorTable[this.code];
  }
}

/** The shape every interface prints: `{"error":{"code","message","hint"}}`. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

/** Any thrown value as a MeshError; what is not one becomes `internal` with its cause kept. */
export function asMeshError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MeshError("internal", message, { cause: thrown });
}

export function errorBody(error: MeshError): ErrorBody {
  return { error: { code: error.code, message: error.message, hint: error.hint } };
}
