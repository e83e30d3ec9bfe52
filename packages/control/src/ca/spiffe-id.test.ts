import assert from "node:assert/strict";
import { it } from "node:test";
import { formatSpiffeId, isNamespaceName, isObjectName, parseSpiffeId } from "./spiffe-id.ts";

it("reads the SPIFFE IDs it writes, and no others", () => {
  const web = { namespace: "shop", serviceAccount: "web" };
  assert.deepEqual(parseSpiffeId(formatSpiffeId("weft.local", web), "weft.local"), web);
  const others = [
    "spiffe://other.local/ns/shop/sa/web",
    "spiffe://weft.local/ns/shop/sa/web/",
    "spiffe://weft.local/ns/shop/sa/web/x",
    "spiffe://weft.local/ns/shop/sa/",
    "spiffe://weft.local/ns/../sa/web",
    "spiffe://weft.local/ns/sh%6fp/sa/web",
    "spiffe://weft.local/ns/shop/sa/web?x",
    "spiffe://weft.local/sa/shop/ns/web",
    `spiffe://weft.local/ns/shop/sa/${"a".repeat(2048)}`,
    "https://weft.local/ns/shop/sa/web",
  ];
  for (const uri of others) assert.equal(parseSpiffeId(uri, "weft.local"), null, uri);
});

it("knows which names Kubernetes would accept", () => {
  for (const name of ["a", "a-b", "a1"]) assert.ok(isNamespaceName(name));
  for (const name of ["", "A", "a.b", "-a", "a-", "a".repeat(64), "a/b"]) {
    assert.equal(isNamespaceName(name), false, name);
  }
  for (const name of ["a.b-c", "a"]) assert.ok(isObjectName(name));
  for (const name of ["", ".a", "a..b", "a_b", "a".repeat(254)]) {
    assert.equal(isObjectName(name), false, name);
  }
});
