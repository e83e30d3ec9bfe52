// The whole REST API as one function from request to response over a store.

import { storedKinds } from "@weft/api";
import type { Runtime } from "@weft/runtime";
import type { ResourceStore } from "../store/store.ts";
import { answerReview } from "./access-review.ts";
import { createCatalog } from "./catalog.ts";
import { jsonBytes } from "./codec.ts";
import { discoveryDocument } from "./discovery.ts";
import { createNamespaceKeeper } from "./namespaces.ts";
import { handleObjects, type ObjectApi } from "./object-api.ts";
import type { Objects } from "./objects.ts";
import type { Workspace } from "./operations.ts";
import { openapiDocument } from "./openapi.ts";
import { createObjects } from "./own-objects.ts";
import { parseObjectPath } from "./path.ts";
import type { RestRequest, RestResponse, RestRoute } from "./request.ts";
import { noSuchResource, statusOf } from "./status.ts";

export interface RestOptions {
  readonly runtime: Runtime;
  readonly store: ResourceStore;
  /** Weft's version, e.g. `0.1.0`, for `/version`. */
  readonly version: string;
  /** Why a pattern is not RE2 (decision D9), or null when it is. */
  readonly regexError?: (pattern: string) => string | null;
  /** Further handlers (`/metrics`, questions to proxies), asked before the object API. */
  readonly routes?: readonly RestRoute[];
  /** Null when the control plane serves, else why not yet; for `/readyz`. */
  readonly notReady?: () => string | null;
  /** Called after every response head, for metrics. */
  readonly onResponse?: (request: RestRequest, status: number, durationMs: number) => void;
}

export interface Rest {
  readonly objects: Objects;
  handle(request: RestRequest): Promise<RestResponse>;
  /** Creates the namespaces that always exist and goes on with interrupted namespace deletions. */
  prepare(): Promise<void>;
  /** Ends the watches of REST clients, so that their connections can close. */
  endWatches(): void;
  /** Ends everything that goes on. */
  close(): void;
}

export function createRest(options: RestOptions): Rest {
  const { runtime, store } = options;
  const workspace: Workspace = {
    runtime,
    store,
    catalog: createCatalog(storedKinds),
    regexError: options.regexError ?? null,
  };
  const api: ObjectApi = { workspace, openWatches: new Set() };
  const objects = createObjects(workspace);
  const namespaces = createNamespaceKeeper(workspace);
  const endWatches = (): void => {
    for (const watch of api.openWatches) watch.end();
  };
  return {
    objects,
    async handle(request) {
      const startedAtMs = runtime.clock.monotonicMs();
      const response = await answer(options, api, request);
      const durationMs = runtime.clock.monotonicMs() - startedAtMs;
      options.onResponse?.(request, response.status, durationMs);
      return request.method === "HEAD" ? { ...response, body: new Uint8Array() } : response;
    },
    prepare: () => namespaces.begin(),
    endWatches,
    close() {
      namespaces.close();
      objects.close();
      endWatches();
    },
  };
}

async function answer(
  options: RestOptions,
  api: ObjectApi,
  request: RestRequest,
): Promise<RestResponse> {
  try {
    for (const route of options.routes ?? []) {
      const answered = route(request);
      if (answered !== null) return await answered;
    }
    const fixed =
      answerHealth(options, request) ?? answerDocument(options, request) ?? answerReview(request);
    if (fixed !== null) return fixed;
    const path = parseObjectPath(request.path);
    if (path === null) throw noSuchResource();
    return await handleObjects(api, request, path);
  } catch (error) {
    return answerError(options, request, error);
  }
}

function answerError(options: RestOptions, request: RestRequest, error: unknown): RestResponse {
  const status = statusOf(error);
  if (status.code === 500) {
    options.runtime.log.error("request failed", {
      method: request.method,
      path: request.path,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
  const seconds = status.details?.retryAfterSeconds;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (seconds !== undefined) headers["retry-after"] = String(seconds);
  return { status: status.code, headers, body: jsonBytes(status) };
}

/** Health. */
function answerHealth(options: RestOptions, request: RestRequest): RestResponse | null {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  switch (request.path) {
    case "/healthz":
    case "/livez":
      return text(200, "ok");
    case "/readyz": {
      const why = options.notReady?.() ?? null;
      return why === null ? text(200, "ok") : text(503, why);
    }
    default:
      return null;
  }
}

/** Discovery and OpenAPI: made from the table of kinds. */
function answerDocument(options: RestOptions, request: RestRequest): RestResponse | null {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  const accept = request.headers.get("accept") ?? "";
  const found = discoveryDocument(request.path, accept, options.version);
  if (found !== null) {
    const headers = { "content-type": found.contentType, vary: "accept" };
    return { status: 200, headers, body: encoder.encode(found.body) };
  }
  const document = openapiDocument(request.path, accept);
  if (document === null) return null;
  const { etag, contentType, body } = document;
  const headers = { "content-type": contentType, etag, vary: "accept" };
  if (request.headers.get("if-none-match") === etag) {
    return { status: 304, headers, body: new Uint8Array() };
  }
  return { status: 200, headers, body: typeof body === "string" ? encoder.encode(body) : body };
}

const encoder = new TextEncoder();

function text(status: number, line: string): RestResponse {
  const headers = { "content-type": "text/plain; charset=utf-8" };
  return { status, headers, body: encoder.encode(`${line}\n`) };
}
