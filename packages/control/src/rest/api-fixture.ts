// A REST API over a store in memory under simulated time, for the tests of this folder.

import { type Runtime, seededRandom, silentLogger, SimClock } from "@weft/runtime";
import { createMemoryStore, type MemoryStore } from "../store/memory.ts";
import type { HistoryLimits } from "../store/versions.ts";
import type { RestRequest, RestResponse } from "./request.ts";
import { createRest, type Rest } from "./rest.ts";

interface CallOptions {
  readonly body?: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly headers: RestResponse["headers"];
  // Answers are looked into by tests that know what they asked for.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

interface WatchRecord {
  /** `ADDED name`, `BOOKMARK 7`, `ERROR 410`. */
  readonly lines: string[];
  readonly events: { readonly type: string; readonly object: Record<string, unknown> }[];
  isEnded: boolean;
  /** What the connection answers to writes; false: it is full. */
  takesMore: boolean;
  resume(): void;
  close(): void;
}

export interface ApiFixture {
  readonly rest: Rest;
  readonly store: MemoryStore;
  readonly clock: SimClock;
  call(method: string, url: string, options?: CallOptions): Promise<Answer>;
  watch(url: string, accept?: string): Promise<WatchRecord>;
}

export async function openApiFixture(history?: HistoryLimits): Promise<ApiFixture> {
  const clock = new SimClock(Date.parse("2026-01-01T00:00:00Z"));
  const runtime: Runtime = {
    clock,
    timers: clock,
    random: seededRandom(7),
    log: silentLogger,
  };
  const store = createMemoryStore(history === undefined ? {} : { history });
  const rest = createRest({ runtime, store, version: "0.0.0" });
  await rest.prepare();
  const ask = (method: string, url: string, options: CallOptions): Promise<RestResponse> =>
    rest.handle(requestOf(method, url, options));
  return {
    rest,
    store,
    clock,
    async call(method, url, options = {}) {
      const { status, headers, body } = await ask(method, url, options);
      if ("open" in body) throw new Error(`${url} answered with a stream`);
      const text = new TextDecoder().decode(body);
      const isJson = headers["content-type"] === "application/json";
      return { status, headers, body: isJson && text !== "" ? JSON.parse(text) : text };
    },
    async watch(url, accept = "application/json") {
      const response = await ask("GET", url, { headers: { accept } });
      if (!("open" in response.body)) {
        throw new Error(`no watch: ${new TextDecoder().decode(response.body)}`);
      }
      return recordOf(response.body);
    },
  };
}

function requestOf(method: string, url: string, options: CallOptions): RestRequest {
  const [path = "", query = ""] = url.split("?", 2);
  const { body, headers = {}, type = "application/json" } = options;
  const all = new Map(Object.entries(headers));
  if (body !== undefined) all.set("content-type", type);
  const text = typeof body === "string" ? body : JSON.stringify(body ?? "");
  return {
    method,
    path,
    query: new URLSearchParams(query),
    headers: all,
    body: new TextEncoder().encode(body === undefined ? "" : text),
    user: { name: "tester", groups: [] },
  };
}

function recordOf(stream: Extract<RestResponse["body"], { open: unknown }>): WatchRecord {
  const record: WatchRecord = {
    lines: [],
    events: [],
    isEnded: false,
    takesMore: true,
    resume: () => open.resume(),
    close: () => open.close(),
  };
  const open = stream.open({
    write(chunk) {
      const event = JSON.parse(new TextDecoder().decode(chunk));
      record.events.push(event);
      record.lines.push(lineOf(event));
      return record.takesMore;
    },
    end: () => {
      record.isEnded = true;
    },
  });
  return record;
}

interface WatchedEvent {
  readonly type: string;
  readonly object: {
    readonly code?: number;
    readonly metadata: { readonly name?: string; readonly resourceVersion?: string };
  };
}

function lineOf({ type, object }: WatchedEvent): string {
  if (type === "ERROR") return `ERROR ${object.code}`;
  const { name, resourceVersion } = object.metadata;
  return type === "BOOKMARK" ? `BOOKMARK ${resourceVersion}` : `${type} ${name}`;
}

/** Lets promises settle that need no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}
