// The one store interface (decision D2), with etcd's revision semantics: one counter for the whole
// store, every write gets the next revision, a watch sees every write in revision order, old
// revisions are compacted.

/** An object as stored: JSON bytes under a key, with the revisions etcd would give it. */
export interface StoredObject {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
}

export interface ListOptions {
  /** Only keys that start so, e.g. `weft.dev/workloads/shop/`. */
  readonly prefix: string;
  /** At most so many; 0 or absent for all. */
  readonly limit?: number;
  /** Only keys after this one (the `continue` of an earlier page). */
  readonly startAfter?: string;
  /** Read as of this revision; "compacted" when it is gone. Absent: the newest. */
  readonly revision?: number;
}

export interface ListResult {
  readonly items: readonly StoredObject[];
  /** The store's revision the list was read at. */
  readonly revision: number;
  /** How many keys under the prefix were left out by `limit`. */
  readonly remaining: number;
}

export type WatchEvent =
  | {
      readonly type: "put";
      readonly object: StoredObject;
      /** What stood there before, or null for a create. */
      readonly previous: StoredObject | null;
    }
  | {
      readonly type: "delete";
      readonly key: string;
      readonly revision: number;
      readonly previous: StoredObject;
    };

export interface Watcher {
  /** In revision order, each exactly once. */
  onEvent(event: WatchEvent): void;
  /**
   * The store has nothing newer than `revision` for this watch; called after replay and now and
   * then.
   */
  onProgress?(revision: number): void;
  /** The watch is over; `compacted`: start again from a list (HTTP 410). */
  onEnd(reason: "compacted" | "closed"): void;
}

export interface Watch {
  close(): void;
}

export type StoreErrorCode = "exists" | "not-found" | "conflict" | "compacted" | "unavailable";

/** What a store refuses; `unavailable` is a full disk or a lost file: reads may still work. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface ResourceStore {
  get(key: string): Promise<StoredObject | null>;
  list(options: ListOptions): Promise<ListResult>;
  /** Resolves when the write is durable. Rejects with `exists`. */
  create(key: string, value: Uint8Array): Promise<StoredObject>;
  /**
   * Rejects with `not-found`, or `conflict` when the stored modRevision is not `expectedRevision`.
   */
  update(key: string, value: Uint8Array, expectedRevision: number): Promise<StoredObject>;
  /** Deletes; answers what was deleted. `expectedRevision` 0 means whatever stands there. */
  delete(key: string, expectedRevision?: number): Promise<StoredObject>;
  /** Events after `fromRevision` (0: from now on). */
  watch(options: { prefix: string; fromRevision: number }, watcher: Watcher): Watch;
  /** The newest revision. */
  revision(): number;
  /** Null while writes work, else the sentence that says why not. */
  readOnlyReason(): string | null;
  close(): Promise<void>;
}

/** A store that lives in a file of this machine. */
export interface FileStore extends ResourceStore {
  /** Writes a consistent copy to a new file; resolves to the one revision it holds. */
  backup(file: string): Promise<number>;
}
