import assert from "node:assert/strict";
import { test } from "node:test";
import { declaredProtocol, undeclaredProtocol } from "./protocol.ts";

test("appProtocol says what a port speaks, else the first word of its name", () => {
  const rows: readonly [name: string, appProtocol: string | undefined, spoken: string | null][] = [
    ["", "http", "http"],
    ["", "HTTP2", "http2"],
    ["", "kubernetes.io/h2c", "http2"],
    ["", "kubernetes.io/ws", "http"],
    ["", "kubernetes.io/wss", "tcp"],
    ["", "grpc", "grpc"],
    ["", "grpc-web", "http"],
    ["", "https", "tcp"],
    ["", "example.com/own", "tcp"],
    ["http-admin", "postgres", "tcp"],
    ["http-admin", undefined, "http"],
    ["http-admin", "", "http"],
    ["grpc-web-x", undefined, "http"],
    ["grpc", undefined, "grpc"],
    ["mysql-main", undefined, "tcp"],
    ["redis", undefined, "tcp"],
    ["metrics", undefined, null],
    ["", undefined, null],
  ];
  for (const [name, appProtocol, spoken] of rows) {
    assert.equal(declaredProtocol(name, appProtocol), spoken, `${name} ${appProtocol}`);
  }
});

test("undeclared, the ports of servers that speak first are byte streams", () => {
  for (const port of [21, 22, 25, 110, 143, 3306, 4222]) {
    assert.equal(undeclaredProtocol(port), "tcp", String(port));
  }
  assert.equal(undeclaredProtocol(80), "http");
  assert.equal(undeclaredProtocol(9999), "auto");
});
