// Whether the outcome of an attempt may be followed by another attempt: Envoy's `retry_on`
// conditions
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter),
// narrowed by the methods that `dev.weft` allows. Budget, limits, the number of attempts and
// whether a response byte has gone downstream are not looked at here.

import { headerValue } from "@weft/wire";
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

/** What `RetryRow.bits` is made of. */
const bits = {
  ServerError: 1,
  GatewayError: 2,
  Reset: 4,
  ResetUnsent: 8,
  Connect: 16,
  Refused: 32,
  Conflict: 64,
  Statuses: 128,
  GrpcCancelled: 256,
  GrpcDeadlineExceeded: 512,
  GrpcInternal: 1024,
  GrpcResourceExhausted: 2048,
  GrpcUnavailable: 4096,
} as const;

/** Every condition by its name in `retry_on`. */
export const retryConditions: ReadonlyMap<string, number> = new Map([
  ["5xx", bits.ServerError],
  ["gateway-error", bits.GatewayError],
  ["reset", bits.Reset],
  ["reset-before-request", bits.ResetUnsent],
  ["connect-failure", bits.Connect],
  ["refused-stream", bits.Refused],
  ["retriable-4xx", bits.Conflict],
  ["retriable-status-codes", bits.Statuses],
  ["cancelled", bits.GrpcCancelled],
  ["deadline-exceeded", bits.GrpcDeadlineExceeded],
  ["internal", bits.GrpcInternal],
  ["resource-exhausted", bits.GrpcResourceExhausted],
  ["unavailable", bits.GrpcUnavailable],
]);

const grpcBits =
  bits.GrpcCancelled |
  bits.GrpcDeadlineExceeded |
  bits.GrpcInternal |
  bits.GrpcResourceExhausted |
  bits.GrpcUnavailable;

/** Envoy counts every end without a response as a server error, a gateway error and a reset. */
const anyFailure = bits.ServerError | bits.GatewayError | bits.Reset;

const failureBits: Readonly<Record<AttemptFailure, number>> = {
  [failures.Connect]: anyFailure | bits.Connect | bits.ResetUnsent,
  [failures.Refused]: anyFailure | bits.Refused,
  [failures.ResetUnsent]: anyFailure | bits.ResetUnsent,
  [failures.Reset]: anyFailure,
  [failures.TryTimeout]: anyFailure,
};

export function isRetryableFailure(
  row: RetryRow,
  method: string,
  failure: AttemptFailure,
): boolean {
  return allows(row.methods, method) && (row.bits & failureBits[failure]) !== 0;
}

/** `headers` is the response's list; only gRPC conditions read it. */
export function isRetryableResponse(
  row: RetryRow,
  method: string,
  status: number,
  headers: readonly string[],
): boolean {
  if (!allows(row.methods, method)) return false;
  if (status === 503 && !allows(row.unavailableMethods, method)) return false;
  if ((row.bits & statusBits(status)) !== 0) return true;
  if ((row.bits & bits.Statuses) !== 0 && row.statuses.includes(status)) return true;
  if ((row.bits & grpcBits) === 0) return false;
  const grpcStatus = headerValue(headers, "grpc-status");
  return grpcStatus !== null && (row.bits & grpcBit(grpcStatus)) !== 0;
}

function allows(methods: readonly string[] | null, method: string): boolean {
  return methods === null || methods.includes(method);
}

function statusBits(status: number): number {
  if (status === 409) return bits.Conflict;
  if (status < 500) return 0;
  return status >= 502 && status <= 504 ? bits.ServerError | bits.GatewayError : bits.ServerError;
}

function grpcBit(status: string): number {
  switch (status) {
    case "1":
      return bits.GrpcCancelled;
    case "4":
      return bits.GrpcDeadlineExceeded;
    case "8":
      return bits.GrpcResourceExhausted;
    case "13":
      return bits.GrpcInternal;
    case "14":
      return bits.GrpcUnavailable;
    default:
      return 0;
  }
}
