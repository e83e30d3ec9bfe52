// A store without a disk, for simulation and tests. A write is durable at once; everything else is
// as in the other drivers.

import { refuseWish, type Wish } from "./preconditions.ts";
import {
  type ListOptions,
  type ListResult,
  type ResourceStore,
  type StoredObject,
  StoreError,
  type Watch,
  type Watcher,
} from "./store.ts";
import { defaultHistoryLimits, type HistoryLimits, Versions } from "./versions.ts";

export interface MemoryStoreOptions {
  readonly history?: HistoryLimits;
}

export interface MemoryStore extends ResourceStore {
  /** Refuses writes with this sentence, as a full disk would; null ends it. */
  setReadOnly(reason: string | null): void;
}

export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const versions = new Versions(options.history ?? defaultHistoryLimits);
  let readOnlyReason: string | null = null;
  const write = async (wish: Wish): Promise<StoredObject> => {
    if (readOnlyReason !== null) throw new StoreError("unavailable", readOnlyReason);
    const refusal = refuseWish(wish, versions.get(wish.key));
    if (refusal !== null) throw refusal;
    const revision = versions.revision + 1;
    const object =
      wish.type === "delete"
        ? versions.remove(wish.key, revision)
        : versions.put(wish.key, wish.value, revision);
    versions.progress();
    return object;
  };
  return {
    get: async (key) => versions.get(key),
    list: async (list: ListOptions): Promise<ListResult> => versions.list(list),
    create: (key, value) => write({ type: "create", key, value }),
    update: (key, value, expectedRevision) =>
      write({ type: "update", key, value, expectedRevision }),
    delete: (key, expectedRevision = 0) => write({ type: "delete", key, expectedRevision }),
    watch: (watch, watcher: Watcher): Watch => versions.watch(watch, watcher),
    revision: () => versions.revision,
    readOnlyReason: () => readOnlyReason,
    close: async () => {
      versions.close();
      readOnlyReason = "the store is closed";
    },
    setReadOnly: (reason) => {
      readOnlyReason = reason;
    },
  };
}
