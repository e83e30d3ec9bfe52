// The HTTP adapter: hono on node:http around `Rest.handle`, with the checks that belong to the wire
// (Host, Origin, body size, loopback).

import type { Runtime } from "@weft/runtime";
import type { Rest } from "./rest.ts";

export interface HttpOptions {
  readonly runtime: Runtime;
  readonly rest: Rest;
  /** `host:port`; port 0 for a free one. */
  readonly listen: string;
  /** Names besides loopback ones that a Host header may carry. */
  readonly hostNames?: readonly string[];
}

export interface HttpHandle {
  /** `host:port` as bound. */
  readonly address: string;
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Null when `listen` may be bound, else the sentence that says why not: no authentication, so
 * loopback only.
 */
export declare function refuseListen(listen: string, isAuthenticated: boolean): string | null;

/** Binds and serves; rejects when the port is taken. */
export declare function openHttp(options: HttpOptions): Promise<HttpHandle>;
