// The Status object: what the API answers instead of an object (`metav1.Status`).

import { type FieldError, formatFieldError } from "./field-error.ts";
import type { KindInfo } from "./kind.ts";

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** `reason` in one word, after Kubernetes, and the HTTP code it comes with. */
export const STATUS_CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  Gone: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof STATUS_CODES;

export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

export function failure(reason: StatusReason, message: string, details?: StatusDetails): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code: STATUS_CODES[reason],
  };
}

/** 422 with every field error, as `message` and as `details.causes`. */
export function invalid(
  info: Pick<KindInfo, "group" | "kind">,
  name: string,
  errors: readonly FieldError[],
): Status {
  const { group, kind } = info;
  const qualified = group === "" ? kind : `${kind}.${group}`;
  const [first, ...others] = errors.map(formatFieldError);
  const listed = others.length === 0 ? (first ?? "") : `[${[first, ...others].join(", ")}]`;
  return failure("Invalid", `${qualified} ${JSON.stringify(name)} is invalid: ${listed}`, {
    ...(name === "" ? {} : { name }),
    group,
    kind,
    causes: errors.map(({ reason, message, path }) => ({ reason, message, field: path })),
  });
}

export function isStatus(value: unknown): value is Status {
  if (typeof value !== "object" || value === null) return false;
  const { kind, apiVersion } = value as Partial<Record<string, unknown>>;
  return kind === "Status" && apiVersion === "v1";
}
