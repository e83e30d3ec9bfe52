// What every store driver must do, as tests: run with `storeContract(name, open)` from a driver's
// own test file. The semantics are etcd's, as `store.ts` says them.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ResourceStore, StoreError, type WatchEvent } from "./store.ts";
import type { HistoryLimits } from "./versions.ts";

/** A fresh, empty store that keeps only so much history. */
export type OpenStore = (history: HistoryLimits) => Promise<ResourceStore>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);
const roomy: HistoryLimits = { eventsMax: 1000, bytesMax: 1 << 20 };

export function storeContract(name: string, open: OpenStore): void {
  const test = (
    title: string,
    run: (store: ResourceStore) => Promise<void>,
    limits: HistoryLimits = roomy,
  ): void => {
    it(title, async () => {
      const store = await open(limits);
      try {
        await run(store);
      } finally {
        await store.close();
      }
    });
  };
  describe(`${name}: objects`, () => objectTests(test));
  describe(`${name}: lists`, () => listTests(test));
  describe(`${name}: watches`, () => watchTests(test));
  describe(`${name}: history`, () => historyTests(test));
}

type StoreTest = (
  title: string,
  run: (store: ResourceStore) => Promise<void>,
  limits?: HistoryLimits,
) => void;

function objectTests(test: StoreTest): void {
  test("a created object is read back with one revision for both", async (store) => {
    const before = store.revision();
    const made = await store.create("k/a", bytes("1"));
    assert.equal(made.createRevision, made.modRevision);
    assert.ok(made.modRevision > before);
    assert.equal(store.revision(), made.modRevision);
    const read = await store.get("k/a");
    assert.equal(text(read?.value ?? bytes("")), "1");
    assert.equal(read?.modRevision, made.modRevision);
  });

  test("a second create of the same key is refused", async (store) => {
    await store.create("k/a", bytes("1"));
    await assert.rejects(store.create("k/a", bytes("2")), { code: "exists" });
    assert.equal(text((await store.get("k/a"))?.value ?? bytes("")), "1");
  });

  test("an update needs the standing revision and keeps the create revision", async (store) => {
    const made = await store.create("k/a", bytes("1"));
    const changed = await store.update("k/a", bytes("2"), made.modRevision);
    assert.equal(changed.createRevision, made.createRevision);
    assert.ok(changed.modRevision > made.modRevision);
    await assert.rejects(store.update("k/a", bytes("3"), made.modRevision), { code: "conflict" });
    await assert.rejects(store.update("k/b", bytes("3"), 1), { code: "not-found" });
    assert.equal(text((await store.get("k/a"))?.value ?? bytes("")), "2");
  });

  test("a delete answers what stood there, and may demand a revision", async (store) => {
    const made = await store.create("k/a", bytes("1"));
    await assert.rejects(store.delete("k/a", made.modRevision + 1), { code: "conflict" });
    const gone = await store.delete("k/a", made.modRevision);
    assert.equal(text(gone.value), "1");
    assert.equal(gone.modRevision, made.modRevision);
    assert.equal(await store.get("k/a"), null);
    assert.ok(store.revision() > made.modRevision);
    await assert.rejects(store.delete("k/a"), { code: "not-found" });
    const again = await store.create("k/a", bytes("2"));
    assert.equal(again.createRevision, again.modRevision);
  });

  test("writes of one turn get successive revisions; of two rivals one wins", async (store) => {
    const first = store.revision();
    const made = await Promise.all(["a", "b", "c"].map((k) => store.create(`k/${k}`, bytes(k))));
    assert.deepEqual(
      made.map((object) => object.modRevision - first),
      [1, 2, 3],
    );
    const revision = made[0]?.modRevision ?? 0;
    const rivals = await Promise.allSettled([
      store.update("k/a", bytes("x"), revision),
      store.update("k/a", bytes("y"), revision),
      store.create("k/a", bytes("z")),
    ]);
    assert.deepEqual(
      rivals.map((rival) => (rival.status === "rejected" ? rival.reason.code : "done")),
      ["done", "conflict", "exists"],
    );
    assert.equal(text((await store.get("k/a"))?.value ?? bytes("")), "x");
  });

  test("a delete and a create of the same key in one turn both happen", async (store) => {
    await store.create("k/a", bytes("1"));
    const [gone, made] = await Promise.all([store.delete("k/a"), store.create("k/a", bytes("2"))]);
    assert.equal(text(gone.value), "1");
    assert.equal(made.createRevision, made.modRevision);
    assert.equal(text((await store.get("k/a"))?.value ?? bytes("")), "2");
  });
}

async function fill(store: ResourceStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.create(key, bytes(key));
}

function listTests(test: StoreTest): void {
  test("a list is in key order and holds only its prefix", async (store) => {
    await fill(store, ["k/b", "l/a", "k/a", "k", "k/c", "k0"]);
    const list = await store.list({ prefix: "k/" });
    assert.deepEqual(
      list.items.map((item) => item.key),
      ["k/a", "k/b", "k/c"],
    );
    assert.equal(list.remaining, 0);
    assert.equal(list.revision, store.revision());
    assert.deepEqual((await store.list({ prefix: "zzz" })).items, []);
  });

  test("pages of one revision do not see what changed in between", async (store) => {
    await fill(store, ["k/a", "k/b", "k/c", "k/d", "k/e"]);
    const first = await store.list({ prefix: "k/", limit: 2 });
    assert.equal(first.remaining, 3);
    await store.create("k/bb", bytes("new"));
    await store.delete("k/c");
    const d = await store.get("k/d");
    await store.update("k/d", bytes("changed"), d?.modRevision ?? 0);
    const second = await store.list({
      prefix: "k/",
      limit: 2,
      startAfter: "k/b",
      revision: first.revision,
    });
    assert.deepEqual(
      second.items.map((item) => [item.key, text(item.value)]),
      [
        ["k/c", "k/c"],
        ["k/d", "k/d"],
      ],
    );
    assert.equal(second.remaining, 1);
    assert.equal(second.revision, first.revision);
    const now = await store.list({ prefix: "k/" });
    assert.deepEqual(
      now.items.map((item) => item.key),
      ["k/a", "k/b", "k/bb", "k/d", "k/e"],
    );
  });

  test(
    "a list at a compacted revision is refused",
    async (store) => {
      await fill(store, ["k/a"]);
      const old = store.revision();
      await fill(store, ["k/b", "k/c", "k/d", "k/e", "k/f"]);
      await assert.rejects(store.list({ prefix: "k/", revision: old }), { code: "compacted" });
      await assert.rejects(store.list({ prefix: "k/", revision: store.revision() + 1 }));
    },
    { eventsMax: 3, bytesMax: 1 << 20 },
  );
}

interface Heard {
  readonly events: string[];
  readonly revisions: number[];
  readonly progress: number[];
  ended: string | null;
}

function listen(
  store: ResourceStore,
  prefix: string,
  fromRevision: number,
): { heard: Heard; close: () => void } {
  const heard: Heard = { events: [], revisions: [], progress: [], ended: null };
  const watch = store.watch(
    { prefix, fromRevision },
    {
      onEvent: (event) => {
        heard.events.push(describeEvent(event));
        heard.revisions.push(event.type === "put" ? event.object.modRevision : event.revision);
      },
      onProgress: (revision) => heard.progress.push(revision),
      onEnd: (reason) => {
        heard.ended = reason;
      },
    },
  );
  return { heard, close: () => watch.close() };
}

function describeEvent(event: WatchEvent): string {
  const before = event.previous === null ? "-" : text(event.previous.value);
  if (event.type === "delete") return `delete ${event.key} ${before}`;
  return `put ${event.object.key} ${text(event.object.value)} ${before}`;
}

/** Two turns of the microtask queue: enough for a replay that needs no disk. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
}

function watchTests(test: StoreTest): void {
  test("a watch from now on hears every write under its prefix, in order", async (store) => {
    await fill(store, ["k/old"]);
    const { heard } = listen(store, "k/", 0);
    const made = await store.create("k/a", bytes("1"));
    await store.create("l/other", bytes("1"));
    await store.update("k/a", bytes("2"), made.modRevision);
    await store.delete("k/a");
    assert.deepEqual(heard.events, ["put k/a 1 -", "put k/a 2 1", "delete k/a 2"]);
    assert.deepEqual(
      heard.revisions,
      heard.revisions.toSorted((a, b) => a - b),
    );
    assert.equal(heard.progress.at(-1), store.revision());
  });

  test("a watch from an older revision replays, then goes on without a gap", async (store) => {
    await fill(store, ["k/a"]);
    const from = store.revision();
    await fill(store, ["k/b", "l/x", "k/c"]);
    const { heard } = listen(store, "k/", from);
    await store.create("k/d", bytes("d"));
    await settle();
    assert.deepEqual(heard.events, ["put k/b k/b -", "put k/c k/c -", "put k/d d -"]);
  });

  test("closing the store ends its watches and refuses writes", async (store) => {
    const { heard } = listen(store, "k/", 0);
    await store.create("k/a", bytes("1"));
    await store.close();
    assert.equal(heard.ended, "closed");
    await assert.rejects(store.create("k/b", bytes("1")), { code: "unavailable" });
  });

  test("a closed watch hears nothing more", async (store) => {
    const { heard, close } = listen(store, "k/", 0);
    await store.create("k/a", bytes("1"));
    close();
    await store.create("k/b", bytes("1"));
    assert.deepEqual(heard.events, ["put k/a 1 -"]);
  });
}

function historyTests(test: StoreTest): void {
  test(
    "a watch from a compacted or unknown revision ends at once",
    async (store) => {
      await fill(store, ["k/a"]);
      const old = store.revision();
      await fill(store, ["k/b", "k/c", "k/d", "k/e"]);
      const past = listen(store, "k/", old);
      const future = listen(store, "k/", store.revision() + 100);
      await settle();
      assert.equal(past.heard.ended, "compacted");
      assert.equal(future.heard.ended, "compacted");
      assert.deepEqual(past.heard.events, []);
    },
    { eventsMax: 2, bytesMax: 1 << 20 },
  );

  test(
    "history is bounded by bytes too, and an open watch loses nothing by it",
    async (store) => {
      await fill(store, ["k/a"]);
      const old = store.revision();
      const { heard } = listen(store, "k/", 0);
      for (let i = 0; i < 8; i++) await store.create(`k/big${i}`, new Uint8Array(400));
      assert.equal(heard.events.length, 8);
      await assert.rejects(
        store.list({ prefix: "k/", revision: old }),
        (error: unknown) => error instanceof StoreError && error.code === "compacted",
      );
    },
    { eventsMax: 1000, bytesMax: 1000 },
  );
}
