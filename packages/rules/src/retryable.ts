// Whether the outcome of an attempt may be followed by another attempt. Budget, limits and the number of
// attempts are not looked at here.

import type { RetryRow } from "./tables.ts";

const failures = {
  /** No connection, or its handshake failed: no byte of the request left. */
  Connect: 0,
  /** The endpoint said it did not process the request (REFUSED_STREAM, GOAWAY). */
  Refused: 1,
  /** The connection ended before any byte of the request was sent on it. */
  ResetUnsent: 2,
  /** The connection ended after the request was sent, before a response. */
  Reset: 3,
  /** The time of this try ended. */
  TryTimeout: 4,
} as const;

/** How an attempt ended without a response. */
export const AttemptFailure: typeof failures = Object.freeze(failures);
export type AttemptFailure = (typeof AttemptFailure)[keyof typeof AttemptFailure];

export declare function isRetryableFailure(
  row: RetryRow,
  method: string,
  failure: AttemptFailure,
): boolean;

/** `headers` is the response's list; only gRPC conditions read it. */
export declare function isRetryableResponse(
  row: RetryRow,
  method: string,
  status: number,
  headers: readonly string[],
): boolean;
