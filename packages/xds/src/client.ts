// The client's end of delta ADS.

import type { Runtime } from "@weft/runtime";
import type { Node } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import type { Status } from "./status.ts";
import type { XdsStream } from "./stream.ts";

export interface XdsUpdate {
  readonly name: string;
  readonly version: string;
  /** The encoded resource itself (the value of its Any). */
  readonly resource: Uint8Array;
}

export interface XdsClientHandler {
  /**
   * One response. null accepts it whole; a sentence refuses it whole, and what was held before stays in
   * force. Subscriptions made in here leave before the acknowledgement.
   */
  onUpdate(
    typeUrl: string,
    changed: readonly XdsUpdate[],
    removed: readonly string[],
  ): string | null;
  /** The first response of a new stream arrived. */
  onConnected?(): void;
  /** The stream ended; the client tries again after `retryMs`. */
  onDisconnected?(status: Status | null, retryMs: number): void;
}

export interface XdsClientOptions {
  readonly runtime: Runtime;
  readonly node: Node;
  readonly connect: () => XdsStream;
  readonly handler: XdsClientHandler;
  /** Versions held from an earlier life (a snapshot on disk): type URL, then name, then version. */
  readonly held?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
}

export interface XdsClient {
  /** Adds names, or with "*" everything of the type. */
  subscribe(typeUrl: string, names: readonly string[] | "*"): void;
  unsubscribe(typeUrl: string, names: readonly string[] | "*"): void;
  close(): void;
}

export function createXdsClient(_options: XdsClientOptions): XdsClient {
  throw new Error("not built yet");
}
