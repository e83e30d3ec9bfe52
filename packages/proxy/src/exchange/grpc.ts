// What is different about a gRPC request: its outcome is a status of its own, in trailers, and an
// answer of the proxy is such a status and nothing else (http-cases H53; gRPC over HTTP/2,
// "Trailers-Only").

import { editHeaders } from "@weft/rules";
import {
  encodeGrpcMessage,
  Framing,
  GrpcStatus,
  grpcStatusOfHttp,
  type HeaderList,
  headerValue,
  isGrpcContentType,
  isGrpcFailure,
  parseGrpcStatus,
  type RequestHead,
  ResponseHead,
} from "@weft/wire";
import { Flag, flagRow } from "../telemetry/response-flags.ts";
import { reasonOf } from "./reason.ts";
import type { Exchange } from "./exchange.ts";

const noTrailers: HeaderList = [];

export function isGrpcRequest(request: RequestHead): boolean {
  if (request.method !== "POST") return false;
  const type = headerValue(request.headers, "content-type");
  return type !== null && isGrpcContentType(type);
}

/** The status in a head or in trailers, if there is one. */
export function takeGrpcStatus(x: Exchange, fields: readonly string[]): boolean {
  const value = headerValue(fields, "grpc-status");
  if (value === null) return false;
  x.grpcStatus = parseGrpcStatus(value);
  return true;
}

/** Answers with a status alone; `status` is what HTTP would call it. */
export function respondGrpc(x: Exchange, flag: Flag, status: number, text: string): void {
  const grpcStatus = statusOf(x, flag, status);
  x.status = 200;
  x.grpcStatus = grpcStatus;
  const head = new ResponseHead();
  head.status = 200;
  head.reason = reasonOf(200);
  head.framing = Framing.None;
  head.contentLength = 0;
  const { headers } = head;
  headers.push("content-type", "application/grpc");
  headers.push(...statusFields(grpcStatus, text));
  if (flag !== Flag.None) headers.push("x-weft-flag", flagRow(flag).code);
  if (x.wantsExplanation) headers.push("x-request-id", x.requestId);
  const edits = x.route?.responseEdits ?? null;
  if (edits !== null) editHeaders(headers, edits);
  x.downstream.respond(x, head);
  x.downstream.respondEnd(noTrailers);
}

/**
 * A response that has begun ends with the status of a deadline that has passed; false: it cannot be
 * ended so.
 */
export function endAtDeadline(x: Exchange, flag: Flag): boolean {
  if (flag !== Flag.UpstreamTimeout || x.grpcStatus >= 0) return false;
  x.grpcStatus = GrpcStatus.DeadlineExceeded;
  x.downstream.respondEnd(statusFields(GrpcStatus.DeadlineExceeded, flagRow(flag).text));
  return true;
}

/** The status of an exchange that is over, where no trailers said one. */
export function settleGrpc(x: Exchange): void {
  if (x.grpcStatus >= 0 || x.status === 0) return;
  if (x.flag === Flag.DownstreamClosed) x.grpcStatus = GrpcStatus.Cancelled;
  else if (x.flag !== Flag.None) x.grpcStatus = GrpcStatus.Unavailable;
  else x.grpcStatus = grpcStatusOfHttp(x.status);
}

/** Whether what was counted is a success (design section 7). */
export function isSuccess(code: number, flag: string, grpcStatus: number): boolean {
  if (grpcStatus >= 0) return !isGrpcFailure(grpcStatus as GrpcStatus);
  // Without a status the proxy failed, unless the downstream left first.
  return code === 0 ? flag === "DC" : code < 500;
}

function statusOf(x: Exchange, flag: Flag, status: number): GrpcStatus {
  if (flag === Flag.UpstreamTimeout && x.deadlineAtMs > 0) return GrpcStatus.DeadlineExceeded;
  return grpcStatusOfHttp(status);
}

function statusFields(status: GrpcStatus, text: string): HeaderList {
  return ["grpc-status", String(status), "grpc-message", encodeGrpcMessage(text.trim())];
}
