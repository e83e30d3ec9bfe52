// The whole REST API as one function from request to response over a store.

import type { Runtime } from "@weft/runtime";
import type { ResourceStore } from "../store/store.ts";
import type { Objects } from "./objects.ts";
import type { RestRequest, RestResponse, RestRoute } from "./request.ts";

export interface RestOptions {
  readonly runtime: Runtime;
  readonly store: ResourceStore;
  /** Weft's version, e.g. `0.1.0`, for `/version`. */
  readonly version: string;
  /**
   * Further handlers (`/metrics`, `/healthz`, questions to proxies), asked before the object API.
   */
  readonly routes?: readonly RestRoute[];
  /** Called after every response head, for metrics. */
  readonly onResponse?: (request: RestRequest, status: number, durationMs: number) => void;
}

export interface Rest {
  readonly objects: Objects;
  handle(request: RestRequest): Promise<RestResponse>;
  /** Creates the namespaces that always exist and goes on with interrupted namespace deletions. */
  prepare(): Promise<void>;
  /** Ends all watches. */
  close(): void;
}

export declare function createRest(options: RestOptions): Rest;
