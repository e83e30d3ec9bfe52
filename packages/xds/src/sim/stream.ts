// A stream in memory, the twin of a gRPC stream: two ends, a delay, an order, a queue with a
// high-water mark.

import type { Timers } from "@weft/runtime";
import type { Status } from "../status.ts";
import type { MessageSink, MessageStream } from "../stream.ts";

export interface SimStreamOptions {
  readonly timers: Timers;
  /** One way; default 1 ms. */
  readonly delayMs?: number;
  /** Queued bytes from which `send` answers false; default 1 MiB. */
  readonly highWaterBytes?: number;
}

/** One end. `pause` stops reading, so that the other end's queue fills; `cut` breaks the line. */
export interface SimStreamEnd<In, Out> extends MessageStream<In, Out> {
  pause(): void;
  resume(): void;
  /** Both ends hear an error, as when a connection is lost. */
  cut(status: Status): void;
}

export interface SimStreamPair<Up, Down> {
  /** Sends `Up`, receives `Down`. */
  readonly client: SimStreamEnd<Down, Up>;
  readonly server: SimStreamEnd<Up, Down>;
}

export function simStreamPair<Up = Uint8Array, Down = Uint8Array>(
  options: SimStreamOptions,
): SimStreamPair<Up, Down> {
  const client = new End<Down, Up>(options);
  const server = new End<Up, Down>(options);
  client.join(server);
  server.join(client);
  return { client, server };
}

type Event<In> = { readonly message: In } | { readonly end: Status | null };

class End<In, Out> implements SimStreamEnd<In, Out> {
  readonly #timers: Timers;
  readonly #delayMs: number;
  readonly #highWaterBytes: number;
  #other: End<Out, In> | null = null;
  #sink: MessageSink<In> | null = null;
  readonly #arrived: Event<In>[] = [];
  #queuedBytes = 0;
  #isFull = false;
  #isPaused = false;
  #isEnded = false;

  constructor(options: SimStreamOptions) {
    this.#timers = options.timers;
    this.#delayMs = options.delayMs ?? 1;
    this.#highWaterBytes = options.highWaterBytes ?? 1024 * 1024;
  }

  join(other: End<Out, In>): void {
    this.#other = other;
  }

  begin(sink: MessageSink<In>): void {
    this.#sink = sink;
    this.#deliver();
  }

  send(message: Out): boolean {
    if (this.#isEnded) return true;
    this.#queuedBytes += sizeOf(message);
    this.#isFull = this.#queuedBytes >= this.#highWaterBytes;
    this.#timers.after(this.#delayMs, () => this.#other?.arrive({ message }));
    return !this.#isFull;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  close(status?: Status): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#timers.after(this.#delayMs, () => this.#other?.arrive({ end: status ?? null }));
  }

  cut(status: Status): void {
    const other = this.#other;
    this.#end(status);
    other?.cutOff(status);
  }

  cutOff(status: Status): void {
    this.#end(status);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  arrive(event: Event<In>): void {
    this.#arrived.push(event);
    this.#deliver();
  }

  taken(message: Out): void {
    this.#queuedBytes -= sizeOf(message);
    if (!this.#isFull || this.#queuedBytes >= this.#highWaterBytes) return;
    this.#isFull = false;
    if (!this.#isEnded) this.#sink?.onDrain();
  }

  #deliver(): void {
    while (this.#sink !== null && !this.#isPaused) {
      const event = this.#arrived.shift();
      if (event === undefined) return;
      if ("end" in event) this.#end(event.end);
      else {
        this.#other?.taken(event.message);
        if (!this.#isEnded) this.#sink.onMessage(event.message);
      }
    }
  }

  #end(status: Status | null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#sink?.onEnd(status);
  }
}

/** Messages that are not bytes count as one. */
function sizeOf(message: unknown): number {
  return message instanceof Uint8Array ? message.length : 1;
}
