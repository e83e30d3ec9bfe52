// gRPC status codes, how they map to HTTP's and back, and the text of `grpc-message`.
// https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Status-Message)

const statuses = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

export const GrpcStatus: typeof statuses = Object.freeze(statuses);
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/** By status: what HTTP would call it (as Envoy, which follows google.rpc.Code). */
const httpStatuses: readonly number[] = [
  ...[200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401],
];

/** What a response means that is none of gRPC's own. */
export function grpcStatusOfHttp(httpStatus: number): GrpcStatus {
  switch (httpStatus) {
    case 400:
      return statuses.Internal;
    case 401:
      return statuses.Unauthenticated;
    case 403:
      return statuses.PermissionDenied;
    case 404:
      return statuses.Unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return statuses.Unavailable;
    default:
      return statuses.Unknown;
  }
}

export function httpStatusOfGrpc(status: GrpcStatus): number {
  return httpStatuses[status] ?? 500;
}

/** The value of `grpc-status`; an unknown one is Unknown, as its absence is. */
export function parseGrpcStatus(value: string | null): GrpcStatus {
  if (value === null || !/^(?:[0-9]|1[0-6])$/.test(value)) return statuses.Unknown;
  return Number(value) as GrpcStatus;
}

/** Whether the server failed rather than said no (design section 7, `successRate`). */
export function isGrpcFailure(status: GrpcStatus): boolean {
  return (
    status === statuses.Unknown ||
    status === statuses.DeadlineExceeded ||
    status === statuses.Internal ||
    status === statuses.Unavailable ||
    status === statuses.DataLoss
  );
}

/** The value of `grpc-message`: bytes of UTF-8, percent-encoded outside printable ASCII. */
export function encodeGrpcMessage(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    if (isPlain) encoded += String.fromCharCode(byte);
    else encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/**
 * Whether a content-type is gRPC's over HTTP/2: `application/grpc`, `application/grpc+proto`; not
 * gRPC-Web's.
 */
export function isGrpcContentType(value: string): boolean {
  if (!value.startsWith("application/grpc")) return false;
  const next = value.charCodeAt(16);
  // Nothing more, "+", ";" or a space.
  return Number.isNaN(next) || next === 0x2b || next === 0x3b || next === 0x20;
}
