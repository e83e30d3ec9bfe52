// Failures of the API as Kubernetes' Status objects, whose wording kubectl shows to people and
// whose `reason` programs act on. One function per failure; `statusOf` turns anything thrown into
// one.

import { type FieldError, formatFieldError } from "@weft/api";
import { MeshError } from "../errors.ts";
import { StoreError } from "../store/store.ts";

interface StatusCause {
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

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly continue?: string };
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

/** A refusal that travels to the caller as a Status. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(
    code: number,
    reason: string,
    message: string,
    details?: StatusDetails,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "StatusError";
    const common = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" } as const;
    this.status = {
      ...common,
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code,
    };
  }

  get code(): number {
    return this.status.code;
  }

  get reason(): string {
    return this.status.reason ?? "";
  }
}

/** What a message is about: `httproutes.gateway.networking.k8s.io`. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
}

function subjectName(subject: Subject): string {
  return subject.group === "" ? subject.plural : `${subject.plural}.${subject.group}`;
}

function detailsOf(subject: Subject, name: string): StatusDetails {
  const { group, plural } = subject;
  return { name, ...(group === "" ? {} : { group }), kind: plural };
}

export function notFound(subject: Subject, name: string): StatusError {
  const message = `${subjectName(subject)} "${name}" not found`;
  return new StatusError(404, "NotFound", message, detailsOf(subject, name));
}

/** The path names nothing this server has. */
export function noSuchResource(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {});
}

export function alreadyExists(subject: Subject, name: string): StatusError {
  const message = `${subjectName(subject)} "${name}" already exists`;
  return new StatusError(409, "AlreadyExists", message, detailsOf(subject, name));
}

/** The write was based on a version that is not the stored one. */
export function conflict(
  subject: Subject,
  name: string,
  why = "the object has been modified; please apply your changes to the latest version and try again",
): StatusError {
  const message = `Operation cannot be fulfilled on ${subjectName(subject)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, detailsOf(subject, name));
}

/** Every wrong field by path. */
export function invalid(
  kind: string,
  group: string,
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const causes = errors.map((error) => ({
    reason: error.reason,
    message: error.message,
    field: error.path,
  }));
  const sentences = errors.map(formatFieldError);
  const list = sentences.length === 1 ? sentences[0] : `[${sentences.join(", ")}]`;
  const subject = group === "" ? kind : `${kind}.${group}`;
  return new StatusError(422, "Invalid", `${subject} "${name}" is invalid: ${list}`, {
    name,
    ...(group === "" ? {} : { group }),
    kind,
    causes,
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

export function forbidden(message: string): StatusError {
  return new StatusError(403, "Forbidden", message);
}

export function methodNotAllowed(): StatusError {
  const message = "the server does not allow this method on the requested resource";
  return new StatusError(405, "MethodNotAllowed", message);
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  const list = accepted.join(", ");
  const message = `only the following media types are accepted: ${list}`;
  return new StatusError(406, "NotAcceptable", message);
}

export function unsupportedMediaType(message: string): StatusError {
  return new StatusError(415, "UnsupportedMediaType", message);
}

/** The wanted revision is no longer kept: begin again with a list. */
export function expired(message: string): StatusError {
  return new StatusError(410, "Expired", message);
}

/** The wanted revision lies ahead of this server. */
export function revisionTooLarge(wanted: number, current: number): StatusError {
  const message = `Timeout: Too large resource version: ${wanted}, current: ${current}`;
  return new StatusError(504, "Timeout", message, {
    retryAfterSeconds: 1,
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
  });
}

export function bodyTooLarge(bytesMax: number): StatusError {
  const message = `Request entity too large: limit is ${bytesMax}`;
  return new StatusError(413, "RequestEntityTooLarge", message);
}

export function unavailable(message: string): StatusError {
  const details = { retryAfterSeconds: 2 };
  return new StatusError(503, "ServiceUnavailable", message, details);
}

/** Anything thrown, as the Status the caller gets. */
export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  if (error instanceof StoreError) return statusOfStore(error).status;
  if (error instanceof MeshError) {
    const message = `${error.message}: ${error.hint}`;
    return new StatusError(error.row.httpStatus, error.code, message).status;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new StatusError(500, "InternalError", `Internal error occurred: ${message}`).status;
}

function statusOfStore(error: StoreError): StatusError {
  switch (error.code) {
    case "unavailable":
      return unavailable(error.message);
    case "compacted":
      return expired(error.message);
    case "not-found":
      return new StatusError(404, "NotFound", error.message);
    case "exists":
      return new StatusError(409, "AlreadyExists", error.message);
    case "conflict":
      return new StatusError(409, "Conflict", error.message);
  }
}

export function success(details: StatusDetails): Status {
  const common = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" } as const;
  return { ...common, details, code: 200 };
}
