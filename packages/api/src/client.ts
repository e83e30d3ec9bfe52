// A client of the REST API over a passed-in `fetch`, so that it runs in the agent's tests, the
// command line and a browser alike. What the API refuses is an ApiError that carries the Status.

import type { ApiObject, KindInfo } from "./kind.ts";
import { restPath } from "./rest-path.ts";
import { failure, isStatus, type Status } from "./status.ts";

export interface ApiClientOptions {
  readonly fetch: typeof globalThis.fetch;
  /** e.g. `http://127.0.0.1:7070`. */
  readonly server: string;
  readonly token?: string;
  /** Stamped on writes as their field manager. */
  readonly fieldManager?: string;
}

export interface ListParameters {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly signal?: AbortSignal;
}

export interface WatchParameters extends ListParameters {
  readonly resourceVersion?: string;
}

export interface WriteParameters {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: "Ignore" | "Warn" | "Strict";
  readonly signal?: AbortSignal;
}

export interface PatchParameters extends WriteParameters {
  /** Takes over fields that other managers hold; only for `apply`. */
  readonly force?: boolean;
  readonly subresource?: string;
}

export interface ObjectList<T> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: T[];
}

export type ApiWatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | {
      readonly type: "BOOKMARK";
      readonly object: { readonly metadata: { readonly resourceVersion: string } };
    };

export class ApiError extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.message ?? "the API gave no reason");
    this.status = status;
  }
  get code(): number {
    return this.status.code ?? 500;
  }
}

const PATCH_TYPES = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

export type PatchType = keyof typeof PATCH_TYPES;

type Row<T extends ApiObject> = Pick<KindInfo<T>, "group" | "version" | "plural" | "namespaced"> & {
  readonly schema: KindInfo<T>["schema"];
};

export interface ApiClient {
  get<T extends ApiObject>(info: Row<T>, namespace: string | null, name: string): Promise<T>;
  list<T extends ApiObject>(info: Row<T>, parameters?: ListParameters): Promise<ObjectList<T>>;
  /**
   * Ends when the server ends the watch; throws an ApiError with code 410 when it must start again
   * from a list.
   */
  watch<T extends ApiObject>(
    info: Row<T>,
    parameters?: WatchParameters,
  ): AsyncIterable<ApiWatchEvent<T>>;
  create<T extends ApiObject>(info: Row<T>, object: T, parameters?: WriteParameters): Promise<T>;
  update<T extends ApiObject>(info: Row<T>, object: T, parameters?: PatchParameters): Promise<T>;
  patch<T extends ApiObject>(
    info: Row<T>,
    namespace: string | null,
    name: string,
    type: PatchType,
    patch: unknown,
    parameters?: PatchParameters,
  ): Promise<T>;
  delete<T extends ApiObject>(
    info: Row<T>,
    namespace: string | null,
    name: string,
    options?: { readonly uid?: string; readonly dryRun?: boolean; readonly signal?: AbortSignal },
  ): Promise<T | Status>;
  /** Any path of the API, for what is no object; answers the parsed JSON. */
  request(method: string, path: string, body?: unknown): Promise<unknown>;
}

export function createApiClient(options: ApiClientOptions): ApiClient {
  const call = (request: Call): Promise<Response> => send(options, request);
  const json = async (request: Call): Promise<unknown> => (await call(request)).json();
  return {
    get: (info, namespace, name) => {
      return json({ method: "GET", path: restPath(info, namespace, name) }) as Promise<never>;
    },
    list: (info, parameters = {}) => {
      const path = restPath(info, parameters.namespace) + listQuery(parameters);
      return json({ method: "GET", path, signal: parameters.signal }) as Promise<never>;
    },
    watch: (info, parameters = {}) => watch(call, info, parameters) as AsyncIterable<never>,
    create: (info, object, parameters = {}) => {
      const path = restPath(info, object.metadata.namespace) + writeQuery(options, parameters);
      return json({
        method: "POST",
        path,
        body: object,
        signal: parameters.signal,
      }) as Promise<never>;
    },
    update: (info, object, parameters = {}) => {
      const { name, namespace } = object.metadata;
      const path = restPath(info, namespace, name, parameters.subresource);
      return json({
        method: "PUT",
        path: path + writeQuery(options, parameters),
        body: object,
        signal: parameters.signal,
      }) as Promise<never>;
    },
    patch: (info, namespace, name, type, patch, parameters = {}) => {
      const path = restPath(info, namespace, name, parameters.subresource);
      return json({
        method: "PATCH",
        path: path + writeQuery(options, parameters),
        body: patch,
        contentType: PATCH_TYPES[type],
        signal: parameters.signal,
      }) as Promise<never>;
    },
    delete: (info, namespace, name, { uid, dryRun, signal } = {}) => {
      const body = {
        kind: "DeleteOptions",
        apiVersion: "v1",
        ...(uid === undefined ? {} : { preconditions: { uid } }),
        ...(dryRun === true ? { dryRun: ["All"] } : {}),
      };
      const path = restPath(info, namespace, name);
      return json({ method: "DELETE", path, body, signal }) as Promise<never>;
    },
    request: (method, path, body) => json({ method, path, body }),
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

async function send(options: ApiClientOptions, call: Call): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
  if (call.body !== undefined) headers["content-type"] = call.contentType ?? "application/json";
  const response = await options.fetch(options.server.replace(/\/$/, "") + call.path, {
    method: call.method,
    headers,
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  });
  if (!response.ok) throw new ApiError(await statusOf(response));
  return response;
}

/** The Status in the answer, or one made of whatever else answered. */
async function statusOf(response: Response): Promise<Status> {
  const text = await response.text();
  try {
    const value: unknown = JSON.parse(text);
    if (isStatus(value)) return { ...value, code: value.code ?? response.status };
  } catch {
    // Not JSON: whoever answered is not the API; its own words follow below.
  }
  const message = text.trim().slice(0, 1024) || `the server answered ${response.status}`;
  return { ...failure("InternalError", message), code: response.status };
}

function listQuery(parameters: WatchParameters, isWatch = false): string {
  const query = new URLSearchParams();
  const { labelSelector, fieldSelector, limit, continue: token, resourceVersion } = parameters;
  if (labelSelector !== undefined) query.set("labelSelector", labelSelector);
  if (fieldSelector !== undefined) query.set("fieldSelector", fieldSelector);
  if (limit !== undefined) query.set("limit", String(limit));
  if (token !== undefined) query.set("continue", token);
  if (resourceVersion !== undefined) query.set("resourceVersion", resourceVersion);
  if (isWatch) {
    query.set("watch", "true");
    query.set("allowWatchBookmarks", "true");
  }
  return withQuery(query);
}

function writeQuery(options: ApiClientOptions, parameters: PatchParameters): string {
  const query = new URLSearchParams();
  const fieldManager = parameters.fieldManager ?? options.fieldManager;
  if (fieldManager !== undefined) query.set("fieldManager", fieldManager);
  if (parameters.dryRun === true) query.set("dryRun", "All");
  if (parameters.force === true) query.set("force", "true");
  if (parameters.fieldValidation !== undefined) {
    query.set("fieldValidation", parameters.fieldValidation);
  }
  return withQuery(query);
}

function withQuery(query: URLSearchParams): string {
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

async function* watch<T extends ApiObject>(
  call: (request: Call) => Promise<Response>,
  info: Row<T>,
  parameters: WatchParameters,
): AsyncGenerator<ApiWatchEvent<T>> {
  const path = restPath(info, parameters.namespace) + listQuery(parameters, true);
  const response = await call({ method: "GET", path, signal: parameters.signal });
  for await (const line of linesOf(response)) {
    const event = JSON.parse(line) as ApiWatchEvent<T> | { type: "ERROR"; object: Status };
    if (event.type === "ERROR") throw new ApiError(event.object);
    yield event;
  }
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line;
  }
  if (rest.trim() !== "") yield rest;
}
