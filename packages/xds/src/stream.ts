// The seam under every conversation of this package: a stream of whole messages in both directions.
// gRPC is one adapter (`grpc/`), the simulated pair in `sim/stream.ts` another; nothing above
// knows which.

import type { Status } from "./status.ts";

export interface MessageSink<In> {
  onMessage(message: In): void;
  /** The queue fell under its high-water mark after `send` had answered false. */
  onDrain(): void;
  /**
   * Called once, and last; null when the other side ended without an error. Not called after
   * `close`.
   */
  onEnd(status: Status | null): void;
}

export interface MessageStream<In, Out> {
  /** Starts delivery; messages that came before are kept until then. Call it once. */
  begin(sink: MessageSink<In>): void;
  /** Queues one message. False: it was taken, but wait for `onDrain` before sending more. */
  send(message: Out): boolean;
  /** Bytes taken by `send` that have not left this process yet. */
  readonly queuedBytes: number;
  /** Ends the stream; without a status the end is OK. Nothing is delivered afterwards. */
  close(status?: Status): void;
}

/** Encoded discovery requests one way, encoded discovery responses the other. */
export type XdsStream = MessageStream<Uint8Array, Uint8Array>;
