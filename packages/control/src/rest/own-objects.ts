// `Objects` over a store: what the control plane's own parts read and write, through the operations
// that serve REST.

import type { ApiObject, KindInfo } from "@weft/api";
import type { StoredObject, Watch } from "../store/store.ts";
import { keyPrefix } from "./catalog.ts";
import { copyJson, decodeDeleted, decodeStored } from "./codec.ts";
import { createEventRecorder } from "./events.ts";
import { nextTurn } from "./list.ts";
import type { ObjectEvent, Objects, WriteOptions } from "./objects.ts";
import {
  changeObject,
  createObject,
  deleteObject,
  readObject,
  type Workspace,
  type WriteContext,
} from "./operations.ts";
import { noSuchResource, notFound, StatusError } from "./status.ts";

const statusManager = "weft-control-plane";

/** `close` ends its watches and timers. */
export function createObjects(workspace: Workspace): Objects & { close(): void } {
  const watches = new Set<AllWatch>();
  const recorder = createEventRecorder(workspace);
  const change = changer(workspace);
  return {
    async get<T extends ApiObject>(kind: string, namespace: string | null, name: string) {
      const info = kindOf(workspace, kind);
      return (await readObject(workspace, info, namespace, name)) as T | null;
    },
    async list<T extends ApiObject>(kind: string, namespace: string | null = null) {
      const prefix = keyPrefix(kindOf(workspace, kind), namespace);
      const { items, revision } = await workspace.store.list({ prefix });
      return { items: items.map(decodeStored) as T[], resourceVersion: String(revision) };
    },
    async create<T extends ApiObject>(object: T, options: WriteOptions) {
      const context = contextOf(workspace, object, options.fieldManager);
      return (await createObject(workspace, context, object)) as T;
    },
    async update<T extends ApiObject>(object: T, options: WriteOptions) {
      const context = contextOf(workspace, object, options.fieldManager);
      const { name } = object.metadata;
      const changed = await changeObject(workspace, context, name, (standing) => {
        if (standing === null) throw notFound(context.info, name);
        return { object, managedFields: null };
      });
      return changed.object as T;
    },
    change: (kind, namespace, name, mutate, options) =>
      change("", kind, namespace, name, mutate, options),
    patchStatus: (kind, namespace, name, mutate, options) =>
      change("status", kind, namespace, name, mutate, options ?? { fieldManager: statusManager }),
    async delete<T extends ApiObject>(
      kind: string,
      namespace: string | null,
      name: string,
      options: { readonly uid?: string } = {},
    ) {
      const info = kindOf(workspace, kind);
      const context = contextFor(info, namespace, statusManager, "");
      const preconditions = { uid: options.uid ?? null, resourceVersion: null };
      try {
        return (await deleteObject(workspace, context, name, preconditions)).object as T;
      } catch (error) {
        if (error instanceof StatusError && error.code === 404) return null;
        throw error;
      }
    },
    event: (involved, text) => recorder.record(involved, text),
    watchAll(onEvent, onSynced) {
      const watch = new AllWatch(workspace, onEvent, onSynced);
      watches.add(watch);
      void watch.begin();
      return {
        close: () => {
          watches.delete(watch);
          watch.close();
        },
      };
    },
    revision: () => workspace.store.revision(),
    close() {
      recorder.close();
      for (const watch of watches) watch.close();
      watches.clear();
    },
  };
}

function kindOf(workspace: Workspace, kind: string): KindInfo {
  const info = workspace.catalog.ofKind(kind);
  if (info === null) throw noSuchResource();
  return info;
}

function contextFor(
  info: KindInfo,
  namespace: string | null,
  manager: string,
  subresource: "" | "status",
): WriteContext {
  const place = info.namespaced ? namespace : null;
  return {
    info,
    version: info.version,
    namespace: place,
    manager,
    subresource,
    isDryRun: false,
  };
}

function contextOf(workspace: Workspace, object: ApiObject, manager: string): WriteContext {
  const info = kindOf(workspace, object.kind);
  return contextFor(info, object.metadata.namespace ?? null, manager, "");
}

type Change = <T extends ApiObject>(
  subresource: "" | "status",
  kind: string,
  namespace: string | null,
  name: string,
  mutate: (object: T) => void,
  options: WriteOptions,
) => Promise<T | null>;

/** Thrown by an edit that finds nothing to edit; never leaves this file. */
const gone = new Error("there is no such object");

function changer(workspace: Workspace): Change {
  return async <T extends ApiObject>(
    subresource: "" | "status",
    kind: string,
    namespace: string | null,
    name: string,
    mutate: (object: T) => void,
    options: WriteOptions,
  ) => {
    const info = kindOf(workspace, kind);
    const context = contextFor(info, namespace, options.fieldManager, subresource);
    try {
      const changed = await changeObject(workspace, context, name, (standing) => {
        if (standing === null) throw gone;
        const object = copyJson(standing) as T;
        mutate(object);
        return { object, managedFields: null };
      });
      return changed.object as T;
    } catch (error) {
      if (error === gone) return null;
      throw error;
    }
  };
}

/** Objects decoded before other work gets its turn. */
const decodedPerTurn = 50;

/** Everything in the store as events, for as long as it is open, whatever happens to history. */
class AllWatch {
  readonly #workspace: Workspace;
  readonly #onEvent: (event: ObjectEvent) => void;
  readonly #onSynced: (revision: number) => void;
  /** What the consumer has been told of, to find what it missed. */
  readonly #told = new Map<string, StoredObject>();
  #isSynced = false;
  #isClosed = false;
  #watch: Watch | null = null;

  constructor(
    workspace: Workspace,
    onEvent: (event: ObjectEvent) => void,
    onSynced: (revision: number) => void,
  ) {
    this.#workspace = workspace;
    this.#onEvent = onEvent;
    this.#onSynced = onSynced;
  }

  async begin(): Promise<void> {
    const list = await this.#workspace.store.list({ prefix: "" });
    const missing = new Set(this.#told.keys());
    for (const [index, item] of list.items.entries()) {
      if (index > 0 && index % decodedPerTurn === 0) await nextTurn(this.#workspace);
      if (this.#isClosed) return;
      missing.delete(item.key);
      if (this.#told.get(item.key)?.modRevision !== item.modRevision) this.#put(item);
    }
    for (const key of missing) this.#remove(key, list.revision);
    this.#follow(list.revision);
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#onSynced(list.revision);
  }

  close(): void {
    this.#isClosed = true;
    this.#watch?.close();
  }

  #follow(fromRevision: number): void {
    this.#watch = this.#workspace.store.watch(
      { prefix: "", fromRevision },
      {
        onEvent: (event) => {
          if (event.type === "put") this.#put(event.object);
          else this.#remove(event.key, event.revision);
        },
        onEnd: (reason) => {
          if (reason === "compacted" && !this.#isClosed) void this.begin();
        },
      },
    );
  }

  #put(stored: StoredObject): void {
    const info = this.#workspace.catalog.ofKey(stored.key);
    const before = this.#told.get(stored.key);
    this.#told.set(stored.key, stored);
    if (info === null) return;
    this.#onEvent({
      type: "put",
      kind: info.kind,
      object: decodeStored(stored),
      previous: before === undefined ? null : decodeStored(before),
      revision: stored.modRevision,
    });
  }

  #remove(key: string, revision: number): void {
    const info = this.#workspace.catalog.ofKey(key);
    const before = this.#told.get(key);
    this.#told.delete(key);
    if (info === null || before === undefined) return;
    const object = decodeDeleted(before, revision);
    this.#onEvent({ type: "delete", kind: info.kind, object, revision });
  }
}
