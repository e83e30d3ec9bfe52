// The in-memory store against the store contract.

import assert from "node:assert/strict";
import { test } from "node:test";
import { storeContract } from "./contract.ts";
import { createMemoryStore } from "./memory.ts";

storeContract("memory store", async (history) => createMemoryStore({ history }));

test("a read-only memory store refuses writes with its reason and goes on reading", async () => {
  const store = createMemoryStore();
  await store.create("k/a", new Uint8Array([1]));
  store.setReadOnly("the disk is full");
  assert.equal(store.readOnlyReason(), "the disk is full");
  await assert.rejects(store.delete("k/a"), { code: "unavailable", message: "the disk is full" });
  assert.notEqual(await store.get("k/a"), null);
  store.setReadOnly(null);
  await store.delete("k/a");
  assert.equal(await store.get("k/a"), null);
});
