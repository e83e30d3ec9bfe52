// Every error a person or a program may meet, one row each: its stable code, what it means, what to
// do, and how it travels (exit code, HTTP status, gRPC status). docs/reference/errors.md is
// generated from this table.

export type ErrorCode =
  | "usage"
  | "internal"
  | "unauthenticated"
  | "forbidden"
  | "data-directory-unusable"
  | "data-directory-in-use"
  | "authority-damaged"
  | "trust-domain-changed"
  | "trust-domain-invalid"
  | "port-taken"
  | "address-unusable"
  | "listen-beyond-loopback"
  | "store-unusable"
  | "store-read-only"
  | "backup-damaged"
  | "restore-not-empty"
  | "token-invalid"
  | "token-expired"
  | "token-not-allowed"
  | "token-unknown"
  | "csr-invalid"
  | "csr-rate-limited"
  | "identity-mismatch"
  | "registration-invalid"
  | "registration-not-allowed"
  | "workload-taken"
  | "workload-not-connected"
  | "question-timeout"
  | "question-failed"
  | "request-invalid"
  | "not-found"
  | "method-not-allowed";

export interface ErrorRow {
  /** When this happens, as a sentence for the reference page. */
  readonly meaning: string;
  /** What to do; an error may carry a more exact one. */
  readonly hint: string;
  /** Of the command that meets it: 1 the thing asked for failed, 2 usage. */
  readonly exitCode: 1 | 2;
  readonly httpStatus: number;
  readonly grpcCode: number;
}

// As in `@weft/xds`, which commands that only print an error need not load.
const grpc = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const row = (
  meaning: string,
  hint: string,
  httpStatus: number,
  grpcCode: number,
  exitCode: 1 | 2 = 1,
): ErrorRow => ({ meaning, hint, exitCode, httpStatus, grpcCode });

/** The table. Codes are never renamed or given another meaning. */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = {
  usage: row(
    "A flag or an argument is unknown, missing or has a value it cannot have.",
    "Run the command with --help.",
    400,
    grpc.invalidArgument,
    2,
  ),
  internal: row(
    "Something failed that no other code describes.",
    "Look at the control plane's log; please report it with the log line.",
    500,
    grpc.internal,
  ),
  unauthenticated: row(
    "The call carries neither a join token nor a client certificate.",
    "Pass a join token (--token-file, or WEFT_TOKEN_FILE) made by `weft token create`.",
    401,
    grpc.unauthenticated,
  ),
  forbidden: row(
    "The caller is known, but may not do this.",
    "Run the command on the control plane's host as the user that owns its data directory.",
    403,
    grpc.permissionDenied,
  ),
  "data-directory-unusable": row(
    "The data directory cannot be made, read or written.",
    "Check its owner and mode, or choose another with --data-dir.",
    500,
    grpc.failedPrecondition,
  ),
  "data-directory-in-use": row(
    "Another control plane runs on the same data directory.",
    "Stop it with `weft down`, or choose another directory with --data-dir.",
    409,
    grpc.failedPrecondition,
  ),
  "authority-damaged": row(
    "A file of the certificate authority is missing, unreadable or does not fit the others.",
    "Restore the data directory with `weft up --restore FILE`.",
    500,
    grpc.failedPrecondition,
  ),
  "trust-domain-changed": row(
    "The data directory belongs to another trust domain than the one asked for.",
    "Start with the trust domain the directory was made for, or with a new directory.",
    409,
    grpc.failedPrecondition,
  ),
  "trust-domain-invalid": row(
    "The trust domain is not a SPIFFE trust domain name.",
    "Use lower-case letters, digits, '.', '-' and '_', at most 255 characters.",
    400,
    grpc.invalidArgument,
    2,
  ),
  "port-taken": row(
    "Another process listens on the port.",
    "Stop that process, or choose another address with the flag named in the message.",
    409,
    grpc.failedPrecondition,
  ),
  "address-unusable": row(
    "The control plane cannot listen on the address.",
    "Use an address of this machine.",
    400,
    grpc.failedPrecondition,
  ),
  "listen-beyond-loopback": row(
    "The REST API was told to listen beyond loopback, and no authentication is configured.",
    "Listen on 127.0.0.1 or [::1] and reach it through a tunnel.",
    400,
    grpc.failedPrecondition,
    2,
  ),
  "store-unusable": row(
    "The store's file is damaged, or was written by a newer Weft.",
    "Use the Weft that wrote it, or restore a backup with `weft up --restore FILE`.",
    500,
    grpc.failedPrecondition,
  ),
  "store-read-only": row(
    "The store takes no writes (full disk, lost file); proxies keep their configuration.",
    "Free space or bring the file system back, then restart the control plane.",
    503,
    grpc.unavailable,
  ),
  "backup-damaged": row(
    "The backup file is not a Weft backup, is cut short, or its checksum does not fit.",
    "Use another backup.",
    400,
    grpc.invalidArgument,
  ),
  "restore-not-empty": row(
    "A backup was to be restored over a data directory that already holds a store or a CA.",
    "Restore into a new directory with --data-dir, or move the old one away first.",
    409,
    grpc.failedPrecondition,
  ),
  "token-invalid": row(
    "The join token is malformed, unknown to this control plane, or its secret is wrong.",
    "Make a new one with `weft token create` on the control plane's host.",
    401,
    grpc.unauthenticated,
  ),
  "token-expired": row(
    "The join token's time is over.",
    "Make a new one with `weft token create`.",
    401,
    grpc.unauthenticated,
  ),
  "token-not-allowed": row(
    "The join token is limited to other namespaces or service accounts.",
    "Make a token for this service account with `weft token create`.",
    403,
    grpc.permissionDenied,
  ),
  "token-unknown": row(
    "No token has this id.",
    "List the tokens with `weft token list`.",
    404,
    grpc.notFound,
  ),
  "csr-invalid": row(
    "The certificate signing request is malformed, not signed by its own key, or not P-256.",
    "Send a PKCS#10 request for an ECDSA P-256 key, at most 8 KiB.",
    400,
    grpc.invalidArgument,
  ),
  "csr-rate-limited": row(
    "One identity asked for too many certificates in a short time.",
    "Wait a few seconds; look for an agent that restarts in a loop.",
    429,
    grpc.resourceExhausted,
  ),
  "identity-mismatch": row(
    "The client certificate belongs to another identity than the one named in the call.",
    "Use the certificate of the service account that is named.",
    403,
    grpc.permissionDenied,
  ),
  "registration-invalid": row(
    "A workload's registration has a field that cannot be right.",
    "Correct the field named in the message.",
    400,
    grpc.invalidArgument,
  ),
  "registration-not-allowed": row(
    "The registration needs an object that is missing, and the caller may not create it.",
    "Create the object first (`weft apply`), or use a token made with --create.",
    403,
    grpc.permissionDenied,
  ),
  "workload-taken": row(
    "The workload's name belongs to another service account or was not made by an agent.",
    "Choose another name, or delete that Workload.",
    409,
    grpc.alreadyExists,
  ),
  "workload-not-connected": row(
    "No agent of that workload is connected to this control plane.",
    "See who is with `weft proxy list`.",
    404,
    grpc.notFound,
  ),
  "question-timeout": row(
    "The workload's proxy did not answer in time.",
    "Look at the log of its `weft run`; try again.",
    504,
    grpc.deadlineExceeded,
  ),
  "question-failed": row(
    "The workload's proxy refused or could not answer the question.",
    "Ask for one of: endpoints, routes, listeners, clusters, config, log.",
    502,
    grpc.invalidArgument,
  ),
  "request-invalid": row(
    "The body or a parameter of the request is wrong.",
    "Correct the field named in the message.",
    400,
    grpc.invalidArgument,
  ),
  "not-found": row(
    "Nothing has the name or the path that was asked for.",
    "Look at what there is with `weft get`.",
    404,
    grpc.notFound,
  ),
  "method-not-allowed": row(
    "The path exists, but does not take this HTTP method.",
    "Update the client: client and control plane disagree about the API.",
    405,
    grpc.invalidArgument,
  ),
};

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
