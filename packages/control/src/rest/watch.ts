// Watches: changes of selected objects as one JSON event per line, in revision order, beginning as
// resourceVersion and sendInitialEvents say
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch).
//
// Events wait as references to shared objects and are encoded when the connection takes more; a
// watcher that falls too far behind is ended, and begins again from a list.

import type { ApiObject } from "@weft/api";
import type { Timer } from "@weft/runtime";
import { type StoredObject, StoreError, type Watch, type WatchEvent } from "../store/store.ts";
import { decodeDeleted, decodeStored } from "./codec.ts";
import { isSelected, nextTurn, type Selection, selectedPrefix } from "./list.ts";
import type { Workspace } from "./operations.ts";
import { countOf, isTrue } from "./parameters.ts";
import type { RestStream, StreamSink } from "./request.ts";
import { badRequest, expired, invalid, statusOf } from "./status.ts";

type EventType = "ADDED" | "MODIFIED" | "DELETED";

interface WaitingEvent {
  readonly type: EventType;
  readonly object: ApiObject;
  /** About the bytes it keeps from being freed; 0 for what the store holds anyway. */
  readonly bytes: number;
}

export interface WatchOptions {
  /** 0: from what is there now, which comes first as ADDED events. */
  readonly fromRevision: number;
  readonly allowBookmarks: boolean;
  /** Ends the initial events with a bookmark that says so. */
  readonly marksInitialEvents: boolean;
  readonly timeoutMs: number;
}

/** The object of an event as the caller wants it: itself, a Table, metadata. */
export interface Show {
  object(object: ApiObject): object;
  /** A bookmark: no object, only how far the watch has come. */
  mark(metadata: MarkMetadata): object;
}

interface MarkMetadata {
  readonly resourceVersion: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What may wait for a slow reader beyond the objects it began with. */
const waitingMax = 2000;
const waitingBytesMax = 8 * 1024 * 1024;
/** Objects decoded, and events encoded, before other work gets its turn. */
const decodedPerTurn = 50;
const sentPerTurn = 100;
const bookmarkPeriodMs = 60_000;
const timeoutMinMs = 30 * 60_000;

export function watchOptionsOf(query: URLSearchParams, workspace: Workspace): WatchOptions {
  const resourceVersion = countOf(query, "resourceVersion") ?? 0;
  const timeoutSeconds = countOf(query, "timeoutSeconds");
  const sendInitial = query.get("sendInitialEvents");
  const match = query.get("resourceVersionMatch") ?? "";
  const allowBookmarks = isTrue(query, "allowWatchBookmarks");
  if (sendInitial === null && match !== "") {
    throw invalidOption("resourceVersionMatch", "is forbidden for watch");
  }
  if (sendInitial !== null && match !== "NotOlderThan") {
    throw invalidOption("resourceVersionMatch", "sendInitialEvents needs NotOlderThan");
  }
  const isInitial = sendInitial !== null && isTrue(query, "sendInitialEvents");
  if (isInitial && !allowBookmarks) throw badRequest("sendInitialEvents needs allowWatchBookmarks");
  const current = workspace.store.revision();
  const isFromNow = sendInitial !== null && !isInitial && resourceVersion === 0;
  const spreadMs = timeoutMinMs * (1 + workspace.runtime.random.next());
  return {
    fromRevision: isInitial ? 0 : isFromNow ? current : resourceVersion,
    allowBookmarks,
    marksInitialEvents: isInitial,
    timeoutMs: timeoutSeconds === null || timeoutSeconds === 0 ? spreadMs : timeoutSeconds * 1000,
  };
}

function invalidOption(field: string, why: string): Error {
  return invalid("ListOptions", "meta.k8s.io", "", [
    { path: field, reason: "FieldValueForbidden", message: `Forbidden: ${why}` },
  ]);
}

export function watchStream(
  workspace: Workspace,
  selection: Selection,
  options: WatchOptions,
  show: Show,
  open: Set<{ end(): void }>,
): RestStream {
  return {
    open(sink) {
      const stream = new WatchStream(workspace, selection, options, show, sink, () => {
        open.delete(stream);
      });
      open.add(stream);
      stream.begin();
      return stream;
    },
  };
}

const encoder = new TextEncoder();

class WatchStream {
  readonly #workspace: Workspace;
  readonly #selection: Selection;
  readonly #options: WatchOptions;
  readonly #show: Show;
  readonly #sink: StreamSink;
  readonly #onClose: () => void;
  #waiting: WaitingEvent[] = [];
  /** Initial events still among those waiting. */
  #initialCount = 0;
  #waitingBytes = 0;
  #owesInitialMark: boolean;
  #watch: Watch | null = null;
  #timers: Timer[] = [];
  /** Everything up to here has been sent or is waiting. */
  #revision = 0;
  #markedRevision = 0;
  #isBlocked = false;
  #isOver = false;

  constructor(
    workspace: Workspace,
    selection: Selection,
    options: WatchOptions,
    show: Show,
    sink: StreamSink,
    onClose: () => void,
  ) {
    this.#workspace = workspace;
    this.#selection = selection;
    this.#options = options;
    this.#show = show;
    this.#sink = sink;
    this.#onClose = onClose;
    this.#owesInitialMark = options.marksInitialEvents;
  }

  begin(): void {
    const { timers } = this.#workspace.runtime;
    const background = { background: true };
    this.#timers.push(timers.after(this.#options.timeoutMs, () => this.end(), background));
    if (this.#options.allowBookmarks) {
      this.#timers.push(timers.every(bookmarkPeriodMs, () => this.#bookmark(), background));
    }
    if (this.#options.fromRevision === 0) void this.#beginWithList();
    else this.#follow(this.#options.fromRevision);
  }

  /** The connection takes bytes again. */
  resume(): void {
    this.#isBlocked = false;
    this.#drain();
  }

  /** The client left. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch?.close();
    for (const timer of this.#timers) timer.cancel();
    this.#waiting = [];
    this.#onClose();
  }

  /** The watch is over: time is up, the reader too slow, or the server closing. */
  end(): void {
    if (this.#isOver) return;
    this.close();
    this.#sink.end();
  }

  async #beginWithList(): Promise<void> {
    try {
      const prefix = selectedPrefix(this.#selection);
      const list = await this.#workspace.store.list({ prefix });
      for (let at = 0; at < list.items.length; at += decodedPerTurn) {
        if (at > 0) await nextTurn(this.#workspace);
        if (this.#isOver) return;
        this.#addInitial(list.items.slice(at, at + decodedPerTurn));
      }
      this.#revision = list.revision;
      this.#follow(list.revision);
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
  }

  #addInitial(items: readonly StoredObject[]): void {
    for (const item of items) {
      const object = decodeStored(item);
      if (!isSelected(this.#selection, object)) continue;
      this.#waiting.push({ type: "ADDED", object, bytes: 0 });
      this.#initialCount++;
    }
  }

  #follow(fromRevision: number): void {
    const prefix = selectedPrefix(this.#selection);
    this.#watch = this.#workspace.store.watch(
      { prefix, fromRevision },
      {
        onEvent: (event) => this.#hear(event),
        onProgress: (revision) => {
          this.#revision = revision;
        },
        onEnd: (reason) => {
          if (reason === "closed") return this.end();
          const current = this.#workspace.store.revision();
          this.#fail(expired(`too old resource version: ${fromRevision} (${current})`));
        },
      },
    );
  }

  #hear(event: WatchEvent): void {
    const before = event.previous === null ? null : decodeStored(event.previous);
    const wasSelected = before !== null && isSelected(this.#selection, before);
    if (event.type === "delete") {
      this.#revision = event.revision;
      const bytes = event.previous.value.length;
      if (wasSelected) this.#add("DELETED", decodeDeleted(event.previous, event.revision), bytes);
      return;
    }
    const object = decodeStored(event.object);
    const bytes = event.object.value.length;
    this.#revision = event.object.modRevision;
    if (isSelected(this.#selection, object)) {
      this.#add(wasSelected ? "MODIFIED" : "ADDED", object, bytes);
    } else if (wasSelected && event.previous !== null) {
      this.#add("DELETED", decodeDeleted(event.previous, event.object.modRevision), bytes);
    }
  }

  #add(type: EventType, object: ApiObject, bytes: number): void {
    this.#waiting.push({ type, object, bytes });
    this.#waitingBytes += bytes;
    const count = this.#waiting.length - this.#initialCount;
    if (count > waitingMax || this.#waitingBytes > waitingBytesMax) {
      this.#workspace.runtime.log.warn("ended a watch whose reader is too slow", {
        kind: this.#selection.info.kind,
        waiting: this.#waiting.length,
      });
      return this.end();
    }
    this.#drain();
  }

  /** Sends what waits for as long as the connection takes it. */
  #drain(): void {
    let sent = 0;
    while (!this.#isBlocked && !this.#isOver && sent < sentPerTurn) {
      const event = this.#waiting[sent];
      if (event === undefined) break;
      sent++;
      this.#waitingBytes -= event.bytes;
      this.#send(event.type, this.#show.object(event.object));
    }
    if (sent > 0) this.#waiting.splice(0, sent);
    this.#initialCount = Math.max(0, this.#initialCount - sent);
    if (sent === sentPerTurn) this.#drainLater();
    if (this.#waiting.length === 0 && this.#owesInitialMark && this.#watch !== null) {
      this.#owesInitialMark = false;
      this.#sendBookmark({ "k8s.io/initial-events-end": "true" });
    }
  }

  /** Blocked until then, so that events meanwhile only join those that wait. */
  #drainLater(): void {
    if (this.#isBlocked || this.#isOver) return;
    this.#isBlocked = true;
    this.#workspace.runtime.timers.after(0, () => this.resume());
  }

  #bookmark(): void {
    if (this.#waiting.length > 0 || this.#revision === this.#markedRevision) return;
    this.#sendBookmark(null);
  }

  #sendBookmark(annotations: Record<string, string> | null): void {
    this.#markedRevision = this.#revision;
    const resourceVersion = String(this.#revision);
    const metadata = annotations === null ? { resourceVersion } : { resourceVersion, annotations };
    this.#send("BOOKMARK", this.#show.mark(metadata));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    if (error instanceof StoreError && error.code === "unavailable") return this.end();
    this.#send("ERROR", statusOf(error));
    this.end();
  }

  #send(type: EventType | "BOOKMARK" | "ERROR", object: object): void {
    if (this.#isOver) return;
    const line = `{"type":"${type}","object":${JSON.stringify(object)}}\n`;
    if (!this.#sink.write(encoder.encode(line))) this.#isBlocked = true;
  }
}
