// The server's end of ADS: delta and state-of-the-world streams over one source of snapshots.

import type { Runtime } from "@weft/runtime";
import {
  ServerStream,
  type ServerStreamContext,
  type ServerStreamReport,
  type XdsServerLimits,
} from "./server-stream.ts";
import type { SnapshotSource, XdsPeer, XdsServerEvents } from "./snapshot.ts";
import { type Status, StatusCode } from "./status.ts";
import type { XdsStream } from "./stream.ts";

export interface XdsServerOptions {
  readonly runtime: Runtime;
  readonly source: SnapshotSource;
  readonly events: XdsServerEvents;
  readonly limits?: Partial<XdsServerLimits>;
}

/** Totals since the server was made, and what is open now. */
export interface XdsServerFigures {
  readonly streams: number;
  readonly responses: number;
  readonly bytes: number;
  readonly nacks: number;
}

export interface XdsServer {
  /** Serves a `DeltaAggregatedResources` stream until it ends. */
  delta(stream: XdsStream, peer: XdsPeer): void;
  /** Serves a `StreamAggregatedResources` stream until it ends. */
  sotw(stream: XdsStream, peer: XdsPeer): void;
  report(): readonly ServerStreamReport[];
  figures(): XdsServerFigures;
  /** Ends every stream. */
  close(): void;
}

const defaultLimits: XdsServerLimits = {
  ackTimeoutMs: 10_000,
  warmTimeoutMs: 2000,
  settleInMs: 2000,
  stallTimeoutMs: 30_000,
  ageMaxMs: 3_600_000,
  typesMax: 32,
  namesMax: 100_000,
};

export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { runtime, source, events } = options;
  const streams = new Set<ServerStream>();
  const count = { responses: 0, bytes: 0, nacks: 0 };
  let lastId = 0;
  let isClosed = false;
  const context: ServerStreamContext = {
    runtime,
    source,
    events,
    limits: { ...defaultLimits, ...options.limits },
    count,
    nextId: () => ++lastId,
  };
  const ticker = runtime.timers.every(
    500,
    () => {
      for (const stream of streams) stream.tick();
    },
    { background: true },
  );
  const serve = (stream: XdsStream, peer: XdsPeer, isDelta: boolean): void => {
    if (isClosed) return stream.close(goingAway);
    const served = new ServerStream(context, stream, peer, isDelta, (ended) => {
      streams.delete(ended);
    });
    streams.add(served);
    served.begin();
  };
  return {
    delta: (stream, peer) => serve(stream, peer, true),
    sotw: (stream, peer) => serve(stream, peer, false),
    report: () => [...streams].map((stream) => stream.report()),
    figures: () => ({ streams: streams.size, ...count }),
    close() {
      isClosed = true;
      ticker.cancel();
      for (const stream of streams) stream.close(goingAway);
    },
  };
}

const goingAway: Status = {
  code: StatusCode.unavailable,
  message: "the control plane is shutting down",
};
