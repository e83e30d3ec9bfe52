// The server's end of ADS.

import type { Runtime } from "@weft/runtime";
import type { SnapshotSource, XdsPeer, XdsServerEvents } from "./snapshot.ts";
import type { XdsStream } from "./stream.ts";

export interface XdsServerOptions {
  readonly runtime: Runtime;
  readonly source: SnapshotSource;
  readonly events: XdsServerEvents;
}

export interface XdsServer {
  /** Serves a `DeltaAggregatedResources` stream until it ends. */
  delta(stream: XdsStream, peer: XdsPeer): void;
  /** Serves a `StreamAggregatedResources` stream until it ends. */
  sotw(stream: XdsStream, peer: XdsPeer): void;
  /** Ends every stream. */
  close(): void;
}

export function createXdsServer(_options: XdsServerOptions): XdsServer {
  throw new Error("not built yet");
}
