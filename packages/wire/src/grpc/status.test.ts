import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeGrpcMessage,
  GrpcStatus,
  grpcStatusOfHttp,
  httpStatusOfGrpc,
  isGrpcContentType,
  isGrpcFailure,
  parseGrpcStatus,
} from "./status.ts";

test("HTTP statuses mean what gRPC's table says", () => {
  const rows: [number, string][] = [
    [400, "Internal"],
    [401, "Unauthenticated"],
    [403, "PermissionDenied"],
    [404, "Unimplemented"],
    [429, "Unavailable"],
    [502, "Unavailable"],
    [503, "Unavailable"],
    [504, "Unavailable"],
    [200, "Unknown"],
    [500, "Unknown"],
    [418, "Unknown"],
  ];
  for (const [http, name] of rows) {
    assert.equal(grpcStatusOfHttp(http), GrpcStatus[name as keyof typeof GrpcStatus], `${http}`);
  }
});

test("every gRPC status has an HTTP status", () => {
  const found = Object.values(GrpcStatus).map(httpStatusOfGrpc);
  assert.deepEqual(found.slice(0, 5), [200, 499, 500, 400, 504]);
  assert.equal(found.length, 17);
  assert.equal(httpStatusOfGrpc(GrpcStatus.Unavailable), 503);
  assert.equal(httpStatusOfGrpc(GrpcStatus.Unauthenticated), 401);
});

test("what is no status is UNKNOWN", () => {
  assert.equal(parseGrpcStatus("0"), GrpcStatus.Ok);
  assert.equal(parseGrpcStatus("16"), GrpcStatus.Unauthenticated);
  for (const value of [null, "", "17", "-1", "1 ", "01", "a"]) {
    assert.equal(parseGrpcStatus(value), GrpcStatus.Unknown, String(value));
  }
});

test("five statuses are failures of the server", () => {
  const failures = Object.entries(GrpcStatus).filter(([, status]) => isGrpcFailure(status));
  assert.deepEqual(
    failures.map(([name]) => name),
    ["Unknown", "DeadlineExceeded", "Internal", "Unavailable", "DataLoss"],
  );
});

test("messages are percent-encoded outside printable ASCII", () => {
  assert.equal(encodeGrpcMessage("plain ~ text"), "plain ~ text");
  assert.equal(encodeGrpcMessage("100%\r\n"), "100%25%0D%0A");
  assert.equal(encodeGrpcMessage("ä☺"), "%C3%A4%E2%98%BA");
  assert.equal(encodeGrpcMessage("\u007f"), "%7F");
});

test("gRPC-Web is another content type", () => {
  for (const value of ["application/grpc", "application/grpc+proto", "application/grpc;a=b"]) {
    assert.equal(isGrpcContentType(value), true, value);
  }
  for (const value of ["application/grpc-web", "application/grpcx", "application/json", ""]) {
    assert.equal(isGrpcContentType(value), false, value);
  }
});
