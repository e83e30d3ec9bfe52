// The embedded store (decision D2): SQLite in a thread of its own, objects and their recent past in
// memory here. A write is checked at once against what stands and what is on its way, travels with
// all others of its turn as one transaction, and becomes visible when the disk has it. A disk that
// refuses leaves reads and watches going.

import { Worker } from "node:worker_threads";
import type { Runtime, Timer } from "@weft/runtime";
import { refuseWish, type Wish } from "./preconditions.ts";
import { type Migrations, migrations } from "./sqlite-file.ts";
import type { LogRow, WorkerOptions, WorkerReply, WorkerRequest } from "./sqlite-messages.ts";
import {
  type FileStore,
  type ListOptions,
  type ListResult,
  StoreError,
  type StoredObject,
  type Watch,
  type Watcher,
} from "./store.ts";
import { defaultHistoryLimits, type HistoryLimits, Versions } from "./versions.ts";

export interface SqliteStoreOptions {
  readonly runtime: Runtime;
  readonly file: string;
  readonly history?: HistoryLimits;
  /** The file may not grow beyond this; 0 or absent: as far as the disk goes. */
  readonly bytesMax?: number;
  /** Other schema steps than this version's own, in tests of migrations. */
  readonly migrations?: Migrations;
}

/** Rejects with `unavailable` and a sentence for the user when the file cannot be used. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<FileStore> {
  const store = new SqliteStore(options);
  await store.opened;
  return store;
}

/** How often a store that cannot write tries again, and a healthy one looks for its file. */
const probePeriodMs = 2000;
/** Durable writes told to watches in one go; more wait for the next turn of the event loop. */
const appliedPerTurn = 256;
/** The file is compacted when so many revisions have left memory since it last was. */
const compactionStride = 1000;

interface PendingWrite {
  readonly wish: Wish;
  readonly revision: number;
  /** What stands once this write is durable. */
  readonly standing: { readonly modRevision: number; readonly createRevision: number } | null;
  readonly settled: Promise<void>;
  resolve(object: StoredObject): void;
  reject(error: StoreError): void;
}

class SqliteStore implements FileStore {
  readonly opened: Promise<void>;
  readonly #runtime: Runtime;
  readonly #versions: Versions;
  readonly #worker: Worker;
  #probe: Timer | null = null;
  /** The newest write on its way, by key: later ones are checked against it. */
  readonly #onTheWay = new Map<string, PendingWrite>();
  #queued: PendingWrite[] = [];
  #inFlight: PendingWrite[] = [];
  #durable: PendingWrite[] = [];
  #isFlushDue = false;
  #lastRevision = 1;
  #compactedOnDisk = 1;
  #readOnlyReason: string | null = null;
  #isLastingFailure = false;
  #isClosing = false;
  readonly #backups = new Map<number, PromiseWithResolvers<number>>();
  #lastBackup = 0;
  readonly #opening = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(options: SqliteStoreOptions) {
    this.#runtime = options.runtime;
    this.#versions = new Versions(options.history ?? defaultHistoryLimits);
    this.opened = this.#opening.promise;
    const workerData: WorkerOptions = {
      file: options.file,
      migrations: options.migrations ?? migrations,
      bytesMax: options.bytesMax ?? 0,
    };
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const program = new URL(`./sqlite-worker.${extension}`, import.meta.url);
    this.#worker = new Worker(program, { workerData, name: "weft-store" });
    this.#worker.on("message", (reply: WorkerReply) => this.#hear(reply));
    this.#worker.on("error", (error: unknown) => {
      this.#workerEnded(error instanceof Error ? error.message : String(error));
    });
    this.#worker.on("exit", () => this.#workerEnded("it exited"));
  }

  async get(key: string): Promise<StoredObject | null> {
    return this.#versions.get(key);
  }

  async list(options: ListOptions): Promise<ListResult> {
    return this.#versions.list(options);
  }

  create(key: string, value: Uint8Array): Promise<StoredObject> {
    return this.#write({ type: "create", key, value });
  }

  update(key: string, value: Uint8Array, expectedRevision: number): Promise<StoredObject> {
    return this.#write({ type: "update", key, value, expectedRevision });
  }

  delete(key: string, expectedRevision = 0): Promise<StoredObject> {
    return this.#write({ type: "delete", key, expectedRevision });
  }

  watch(options: { prefix: string; fromRevision: number }, watcher: Watcher): Watch {
    return this.#versions.watch(options, watcher);
  }

  revision(): number {
    return this.#versions.revision;
  }

  readOnlyReason(): string | null {
    return this.#readOnlyReason;
  }

  async backup(file: string): Promise<number> {
    const id = ++this.#lastBackup;
    const waiting = Promise.withResolvers<number>();
    this.#backups.set(id, waiting);
    this.#ask({ type: "backup", id, file });
    return waiting.promise;
  }

  /** Lets writes on their way end, then closes the file. */
  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#probe?.cancel();
      await Promise.all([...this.#onTheWay.values()].map((write) => write.settled));
      this.#versions.close();
      this.#ask({ type: "close" });
    }
    await this.#closed.promise;
  }

  async #write(wish: Wish): Promise<StoredObject> {
    for (;;) {
      if (this.#isClosing) throw new StoreError("unavailable", "the store is closed");
      if (this.#readOnlyReason !== null) throw new StoreError("unavailable", this.#readOnlyReason);
      const ahead = this.#onTheWay.get(wish.key);
      const standing = ahead === undefined ? this.#versions.get(wish.key) : ahead.standing;
      const refusal = refuseWish(wish, standing);
      if (refusal === null) return this.#queue(wish, standing);
      if (ahead === undefined) throw refusal;
      // Refused because of a write that may still fail: only a durable one may refuse.
      await ahead.settled;
    }
  }

  #queue(wish: Wish, standing: PendingWrite["standing"]): Promise<StoredObject> {
    const done = Promise.withResolvers<StoredObject>();
    const revision = ++this.#lastRevision;
    const createRevision = standing?.createRevision ?? revision;
    const write: PendingWrite = {
      wish,
      revision,
      standing: wish.type === "delete" ? null : { modRevision: revision, createRevision },
      settled: done.promise.then(
        () => undefined,
        () => undefined,
      ),
      resolve: done.resolve,
      reject: done.reject,
    };
    this.#onTheWay.set(wish.key, write);
    this.#queued.push(write);
    if (!this.#isFlushDue && this.#inFlight.length === 0) {
      this.#isFlushDue = true;
      // At the end of this turn, so that all writes of the turn share one fsync.
      queueMicrotask(() => this.#flush());
    }
    return done.promise;
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (this.#inFlight.length > 0 || this.#queued.length === 0) return;
    this.#inFlight = this.#queued;
    this.#queued = [];
    this.#ask({ type: "commit", rows: this.#inFlight.map(rowOf) });
  }

  #ask(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  #hear(reply: WorkerReply): void {
    switch (reply.type) {
      case "rows":
        return this.#load(reply.rows, reply.isHistory);
      case "opened":
        this.#versions.loaded(reply.revision, reply.compacted);
        this.#lastRevision = this.#versions.revision;
        this.#compactedOnDisk = reply.compacted;
        this.#probe = this.#runtime.timers.every(
          probePeriodMs,
          () => this.#ask({ type: "probe" }),
          { background: true },
        );
        return this.#opening.resolve();
      case "refused":
        this.#isClosing = true;
        return this.#opening.reject(new StoreError("unavailable", reply.message));
      case "committed":
        return this.#committed();
      case "failed":
        return this.#failed(reply.message, reply.isLasting);
      case "writable":
        return this.#setReadOnly(reply.reason, reply.isLasting);
      case "backed-up":
        return this.#backedUp(reply.id, reply.revision, reply.error);
      case "closed":
        return this.#closed.resolve();
    }
  }

  #load(rows: readonly LogRow[], isHistory: boolean): void {
    if (isHistory) {
      for (const row of rows) {
        if (row.value !== null) this.#versions.put(row.key, row.value, row.revision);
        else if (this.#versions.get(row.key) !== null) {
          this.#versions.remove(row.key, row.revision);
        }
      }
      return;
    }
    this.#versions.load(
      rows.map((row) => ({
        key: row.key,
        value: row.value as Uint8Array,
        createRevision: row.createRevision,
        modRevision: row.revision,
      })),
    );
  }

  #committed(): void {
    const isApplying = this.#durable.length > 0;
    this.#durable.push(...this.#inFlight);
    this.#inFlight = [];
    this.#flush();
    if (!isApplying) this.#applyDurable();
  }

  /** Makes durable writes visible, in order, a slice at a time. */
  #applyDurable(): void {
    for (const write of this.#durable.splice(0, appliedPerTurn)) {
      const { wish, revision } = write;
      if (this.#onTheWay.get(wish.key) === write) this.#onTheWay.delete(wish.key);
      const object =
        wish.type === "delete"
          ? this.#versions.remove(wish.key, revision)
          : this.#versions.put(wish.key, wish.value, revision);
      write.resolve(object);
    }
    this.#versions.progress();
    if (this.#durable.length > 0) this.#runtime.timers.after(0, () => this.#applyDurable());
    else if (this.#versions.compacted - this.#compactedOnDisk >= compactionStride) {
      this.#compactedOnDisk = this.#versions.compacted;
      this.#ask({ type: "compact", revision: this.#compactedOnDisk });
    }
  }

  #failed(message: string, isLasting: boolean): void {
    this.#setReadOnly(message, isLasting);
    const failed = [...this.#inFlight, ...this.#queued];
    this.#inFlight = [];
    this.#queued = [];
    // Nothing of these was kept, so their revisions are given out again.
    this.#lastRevision = this.#durable.at(-1)?.revision ?? this.#versions.revision;
    for (const write of failed) {
      if (this.#onTheWay.get(write.wish.key) === write) this.#onTheWay.delete(write.wish.key);
      write.reject(new StoreError("unavailable", message));
    }
  }

  #setReadOnly(reason: string | null, isLasting: boolean): void {
    if (this.#isLastingFailure || reason === this.#readOnlyReason) return;
    this.#isLastingFailure = isLasting;
    this.#readOnlyReason = reason;
    if (reason !== null) this.#runtime.log.error("store is read-only", { reason });
    else this.#runtime.log.info("store can be written again");
  }

  #backedUp(id: number, revision: number, error: string | null): void {
    const waiting = this.#backups.get(id);
    this.#backups.delete(id);
    if (error === null) waiting?.resolve(revision);
    else waiting?.reject(new StoreError("unavailable", `the backup failed: ${error}`));
  }

  #workerEnded(how: string): void {
    this.#closed.resolve();
    if (this.#isClosing) return;
    const reason = `the store's thread ended (${how}): restart the control plane`;
    this.#opening.reject(new StoreError("unavailable", reason));
    this.#failed(reason, true);
    for (const id of this.#backups.keys()) this.#backedUp(id, 0, how);
  }
}

function rowOf(write: PendingWrite): LogRow {
  const { wish, revision, standing } = write;
  return {
    revision,
    key: wish.key,
    createRevision: standing?.createRevision ?? revision,
    value: wish.type === "delete" ? null : wish.value,
  };
}
