// A gRPC duplex call as a message stream: counts the bytes under way, turns every way a call can
// end into one `onEnd`, and answers broken messages with a status instead of an exception.

import type { ClientDuplexStream, ServerDuplexStream } from "@grpc/grpc-js";
import type { Runtime } from "@weft/runtime";
import { type Status, StatusCode } from "../status.ts";
import type { MessageSink, MessageStream } from "../stream.ts";
import { tryDecode } from "../try-decode.ts";
import type { Codec } from "./methods.ts";

/** Bytes under way from which `send` answers false. */
const highWaterBytes = 1024 * 1024;
/** A peer gets this long to take the end of a stream. */
export const closeGraceMs = 2000;

export function serverStream<In, Out>(
  runtime: Runtime,
  call: ServerDuplexStream<Buffer, Buffer>,
  up: Codec<In>,
  down: Codec<Out>,
  /** Drops the connection of a peer that does not take the end. */
  abort: () => void,
): MessageStream<In, Out> {
  const stream = new DuplexStream<In, Out>(call, up, down, (status) => {
    if (status === null) call.end();
    else {
      const { code, message } = status;
      call.emit("error", Object.assign(new Error(message), { code, details: message }));
    }
    const timer = runtime.timers.after(closeGraceMs, abort, { background: true });
    call.once("cancelled", () => timer.cancel());
  });
  call.on("end", () => {
    // A lost connection looks like a half-closed one until the turn is over.
    runtime.timers.after(0, () => {
      if (!call.cancelled) stream.halfClosed();
    });
  });
  call.on("cancelled", () => stream.ended(lost));
  call.on("error", (error: Error) => {
    stream.ended({ code: StatusCode.internal, message: error.message });
  });
  return stream;
}

const lost: Status = {
  code: StatusCode.cancelled,
  message: "the connection was lost or the call cancelled",
};

export function clientStream<In, Out>(
  runtime: Runtime,
  call: ClientDuplexStream<Buffer, Buffer>,
  up: Codec<Out>,
  down: Codec<In>,
): MessageStream<In, Out> {
  const stream = new DuplexStream<In, Out>(call, down, up, (status) => {
    if (status !== null) return call.cancel();
    call.end();
    const timer = runtime.timers.after(closeGraceMs, () => call.cancel(), { background: true });
    call.once("status", () => timer.cancel());
  });
  call.on("status", ({ code, details }) => {
    stream.ended(code === StatusCode.ok ? null : { code, message: details });
  });
  // "status" tells the same; without a listener Node would throw.
  call.on("error", () => undefined);
  return stream;
}

/** What both kinds of call have in common. */
interface Duplex {
  on(event: "data", listener: (bytes: Buffer) => void): unknown;
  write(bytes: Buffer, done: () => void): boolean;
}

class DuplexStream<In, Out> implements MessageStream<In, Out> {
  readonly #call: Duplex;
  readonly #in: Codec<In>;
  readonly #out: Codec<Out>;
  readonly #finish: (status: Status | null) => void;
  #sink: MessageSink<In> | null = null;
  #early: Status | null | undefined;
  #queuedBytes = 0;
  #isFull = false;
  #isEnded = false;

  constructor(
    call: Duplex,
    incoming: Codec<In>,
    outgoing: Codec<Out>,
    finish: (status: Status | null) => void,
  ) {
    this.#call = call;
    this.#in = incoming;
    this.#out = outgoing;
    this.#finish = finish;
  }

  begin(sink: MessageSink<In>): void {
    this.#sink = sink;
    if (this.#early !== undefined) return sink.onEnd(this.#early);
    // Listening starts the flow, so nothing was lost before.
    this.#call.on("data", (bytes) => this.#onData(bytes));
  }

  send(message: Out): boolean {
    if (this.#isEnded) return true;
    const bytes = this.#out.encode(message);
    this.#queuedBytes += bytes.length;
    this.#call.write(bytes, () => this.#onSent(bytes.length));
    this.#isFull = this.#queuedBytes >= highWaterBytes;
    return !this.#isFull;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  close(status?: Status): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#finish(status === undefined || status.code === StatusCode.ok ? null : status);
  }

  /** The other side will send no more: the stream is over, so this side ends it too. */
  halfClosed(): void {
    if (this.#isEnded) return;
    this.#finish(null);
    this.ended(null);
  }

  /** The call is over. */
  ended(status: Status | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#sink === null) this.#early = status;
    else this.#sink.onEnd(status);
  }

  #onData(bytes: Buffer): void {
    if (this.#isEnded || this.#sink === null) return;
    const message = tryDecode(this.#in, bytes);
    if (message !== null) return this.#sink.onMessage(message);
    const status = { code: StatusCode.invalidArgument, message: "a message cannot be decoded" };
    this.close(status);
    this.#sink.onEnd(status);
  }

  #onSent(size: number): void {
    this.#queuedBytes -= size;
    if (!this.#isFull || this.#queuedBytes >= highWaterBytes / 2) return;
    this.#isFull = false;
    if (!this.#isEnded) this.#sink?.onDrain();
  }
}
