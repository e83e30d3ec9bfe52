// What an agent says of itself, read back and held against its certificate.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Node } from "../messages/envoy/config/core/v3/base.js";
import { type NodeDescription, readNode, refuseNode, writeNode } from "./node.ts";
import { StatusCode } from "./status.ts";

const description: NodeDescription = {
  namespace: "shop",
  workload: "web-kvtqz",
  serviceAccount: "web",
  cluster: "web",
  kind: "builtin",
  version: "0.1.0",
  ports: [{ name: "http", port: 8080, protocol: "http", meshPort: 15006 }],
};

const peer = (
  spiffeId: string | null,
): { spiffeId: string | null; token: null; address: string } => ({
  spiffeId,
  token: null,
  address: "127.0.0.1:1",
});

test("a description survives the wire", () => {
  const node = Node.decode(Node.encode(writeNode(description)).finish());
  assert.equal(node.id, "shop/web-kvtqz");
  assert.deepEqual(readNode(node), description);
  const placed = { ...description, kind: "envoy", outboundPort: 15_101 };
  assert.deepEqual(readNode(Node.decode(Node.encode(writeNode(placed)).finish())), placed);
});

test("ids that are not namespace/workload, or differ from the metadata, are no description", () => {
  assert.equal(readNode(Node.fromPartial({ id: "web" })), null);
  assert.equal(readNode(Node.fromPartial({ id: "a/b/c" })), null);
  const node = writeNode(description);
  assert.equal(readNode({ ...node, id: "other/web-kvtqz" }), null);
  assert.equal(readNode({ ...node, id: "shop/other" }), null);
});

test("metadata from elsewhere is read with care", () => {
  const metadata = {
    PORTS: ["x", null, { name: "a" }, { name: "b", port: 1 }],
    KIND: 7,
    OUTBOUND_PORT: 70_000,
  };
  const read = readNode(Node.fromPartial({ id: "shop/w", metadata }));
  assert.deepEqual(read?.ports, [{ name: "b", port: 1, protocol: "tcp", meshPort: 0 }]);
  assert.equal(read?.kind, "");
  assert.equal(read?.outboundPort, undefined);
});

test("a node is let in only under the identity of its namespace and service account", () => {
  const node = writeNode(description);
  assert.equal(refuseNode(node, peer("spiffe://weft.local/ns/shop/sa/web")), null);
  for (const id of [
    "spiffe://weft.local/ns/shop/sa/other",
    "spiffe://weft.local/ns/other/sa/web",
    "spiffe://weft.local/ns/shop/sa/web/x",
  ]) {
    assert.equal(refuseNode(node, peer(id))?.refused.code, StatusCode.permissionDenied, id);
  }
  const nobody = refuseNode(node, peer(null));
  assert.equal(nobody?.refused.code, StatusCode.unauthenticated);
});
