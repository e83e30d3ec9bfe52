// The memory side of a store: live objects in key order, the recent past for watches and for lists
// at an older revision, and the watches. Every driver that keeps its objects in memory applies its
// durable writes here, so reads, watches and compaction mean the same in each of them (the
// semantics are etcd's).

import {
  type ListOptions,
  type ListResult,
  StoreError,
  type StoredObject,
  type Watch,
  type Watcher,
  type WatchEvent,
} from "./store.ts";

export interface HistoryLimits {
  /** So many events are kept for watches and older lists. */
  readonly eventsMax: number;
  /** And so many bytes of values at most. */
  readonly bytesMax: number;
}

export const defaultHistoryLimits: HistoryLimits = {
  eventsMax: 10_000,
  bytesMax: 64 * 1024 * 1024,
};

interface OpenWatch {
  readonly prefix: string;
  readonly watcher: Watcher;
  fromRevision: number;
  isStarted: boolean;
}

export class Versions {
  readonly #limits: HistoryLimits;
  readonly #live = new Map<string, StoredObject>();
  /** The live keys in order. */
  readonly #keys: string[] = [];
  /** Events in revision order; those before `#historyStart` are forgotten already. */
  #history: WatchEvent[] = [];
  #historyStart = 0;
  #historyBytes = 0;
  /** Starts at 1, as in etcd: 0 means "unspecified" in requests. */
  #revision = 1;
  #compacted = 1;
  readonly #watches = new Set<OpenWatch>();

  constructor(limits: HistoryLimits = defaultHistoryLimits) {
    this.#limits = limits;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Revisions below this one cannot be read or watched from any more. */
  get compacted(): number {
    return this.#compacted;
  }

  get(key: string): StoredObject | null {
    return this.#live.get(key) ?? null;
  }

  /** Sets the starting point: objects known at `revision`, without their history. */
  load(objects: readonly StoredObject[]): void {
    for (const object of objects) this.#place(object);
  }

  loaded(revision: number, compacted: number): void {
    this.#revision = Math.max(this.#revision, revision);
    this.#compacted = Math.max(this.#compacted, compacted);
  }

  /** A write became durable: visible from now on, told to every watch. */
  put(key: string, value: Uint8Array, revision: number): StoredObject {
    const previous = this.get(key);
    const createRevision = previous?.createRevision ?? revision;
    const object: StoredObject = { key, value, createRevision, modRevision: revision };
    this.#place(object);
    this.#record({ type: "put", object, previous }, revision);
    return object;
  }

  /** A delete became durable. */
  remove(key: string, revision: number): StoredObject {
    const previous = this.get(key);
    if (previous === null) throw new Error(`nothing to remove at ${key}`);
    this.#live.delete(key);
    this.#keys.splice(lowerBound(this.#keys, key), 1);
    this.#record({ type: "delete", key, revision, previous }, revision);
    return previous;
  }

  /** Tells every watch how far the store has come; call after a group of writes. */
  progress(): void {
    for (const watch of this.#watches) {
      if (watch.isStarted) watch.watcher.onProgress?.(this.#revision);
    }
  }

  list(options: ListOptions): ListResult {
    const revision = options.revision ?? this.#revision;
    if (revision < this.#compacted) {
      throw new StoreError("compacted", `revision ${revision} has been compacted`);
    }
    if (revision > this.#revision) {
      throw new StoreError("compacted", `revision ${revision} is not known to this store`);
    }
    const past = revision < this.#revision ? this.#pastOf(options.prefix, revision) : null;
    const keys = past === null ? this.#keys : past.keys;
    const first = options.startAfter === undefined ? options.prefix : `${options.startAfter}\0`;
    const from = lowerBound(keys, first < options.prefix ? options.prefix : first);
    const to = prefixEnd(keys, options.prefix, from);
    const limit = options.limit === undefined || options.limit === 0 ? to - from : options.limit;
    const until = Math.min(to, from + limit);
    const items: StoredObject[] = [];
    for (let at = from; at < until; at++) {
      const key = keys[at] as string;
      const object = past?.objects.get(key) ?? this.#live.get(key);
      if (object !== undefined) items.push(object);
    }
    return { items, revision, remaining: to - until };
  }

  watch(options: { prefix: string; fromRevision: number }, watcher: Watcher): Watch {
    const fromRevision = options.fromRevision === 0 ? this.#revision : options.fromRevision;
    const watch: OpenWatch = { prefix: options.prefix, watcher, fromRevision, isStarted: false };
    this.#watches.add(watch);
    queueMicrotask(() => this.#start(watch));
    return { close: () => this.#watches.delete(watch) };
  }

  /** Ends every watch. */
  close(): void {
    const watches = [...this.#watches];
    this.#watches.clear();
    for (const watch of watches) watch.watcher.onEnd("closed");
  }

  /** Replays what happened after the watch's revision; from then on events come as they happen. */
  #start(watch: OpenWatch): void {
    if (!this.#watches.has(watch)) return;
    if (watch.fromRevision < this.#compacted || watch.fromRevision > this.#revision) {
      this.#watches.delete(watch);
      watch.watcher.onEnd("compacted");
      return;
    }
    watch.isStarted = true;
    for (let at = this.#firstAfter(watch.fromRevision); at < this.#history.length; at++) {
      const event = this.#history[at] as WatchEvent;
      if (keyOf(event).startsWith(watch.prefix)) tell(watch.watcher, event);
      if (!this.#watches.has(watch)) return;
    }
    watch.watcher.onProgress?.(this.#revision);
  }

  #place(object: StoredObject): void {
    if (!this.#live.has(object.key)) {
      const last = this.#keys.at(-1);
      if (last === undefined || last < object.key) this.#keys.push(object.key);
      else this.#keys.splice(lowerBound(this.#keys, object.key), 0, object.key);
    }
    this.#live.set(object.key, object);
  }

  #record(event: WatchEvent, revision: number): void {
    this.#revision = revision;
    this.#history.push(event);
    this.#historyBytes += sizeOf(event);
    this.#trim();
    const key = keyOf(event);
    for (const watch of this.#watches) {
      if (watch.isStarted && key.startsWith(watch.prefix)) tell(watch.watcher, event);
    }
  }

  #trim(): void {
    while (
      this.#history.length - this.#historyStart > this.#limits.eventsMax ||
      (this.#historyBytes > this.#limits.bytesMax && this.#history.length - this.#historyStart > 1)
    ) {
      const oldest = this.#history[this.#historyStart++] as WatchEvent;
      this.#historyBytes -= sizeOf(oldest);
      this.#compacted = revisionOf(oldest);
    }
    if (this.#historyStart > 1024 && this.#historyStart * 2 > this.#history.length) {
      this.#history = this.#history.slice(this.#historyStart);
      this.#historyStart = 0;
    }
  }

  /** The keys under a prefix as they stood at `revision`, found by undoing what came later. */
  #pastOf(prefix: string, revision: number): PastView {
    const undone = new Map<string, StoredObject | null>();
    const first = this.#firstAfter(revision);
    for (let at = this.#history.length - 1; at >= first; at--) {
      const event = this.#history[at] as WatchEvent;
      const key = keyOf(event);
      if (key.startsWith(prefix)) undone.set(key, event.previous);
    }
    const from = lowerBound(this.#keys, prefix);
    const keys = this.#keys
      .slice(from, prefixEnd(this.#keys, prefix, from))
      .filter((key) => undone.get(key) !== null);
    const objects = new Map<string, StoredObject>();
    for (const [key, object] of undone) {
      if (object === null) continue;
      objects.set(key, object);
      if (!this.#live.has(key)) keys.splice(lowerBound(keys, key), 0, key);
    }
    return { keys, objects };
  }

  /** The place in the history of the first event after `revision`. */
  #firstAfter(revision: number): number {
    let low = this.#historyStart;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (revisionOf(this.#history[middle] as WatchEvent) > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

interface PastView {
  readonly keys: readonly string[];
  readonly objects: ReadonlyMap<string, StoredObject>;
}

function keyOf(event: WatchEvent): string {
  return event.type === "put" ? event.object.key : event.key;
}

function revisionOf(event: WatchEvent): number {
  return event.type === "put" ? event.object.modRevision : event.revision;
}

/** A watcher that throws is a bug of its own and must not keep others from hearing. */
function tell(watcher: Watcher, event: WatchEvent): void {
  try {
    watcher.onEvent(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function sizeOf(event: WatchEvent): number {
  return event.type === "put" ? event.object.value.length : 64;
}

/** The first place whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first place at or after `from` whose key does not start with `prefix`. */
function prefixEnd(keys: readonly string[], prefix: string, from: number): number {
  let low = from;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string).startsWith(prefix)) low = middle + 1;
    else high = middle;
  }
  return low;
}
