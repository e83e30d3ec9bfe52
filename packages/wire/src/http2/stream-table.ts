// The streams of a connection and their identifiers (RFC 9113 §5.1.1), and what the sending half
// needs to tell about them.

import { ClosedStreams, CloseKind } from "./closed-streams.ts";
import { streamIdMax } from "./frame.ts";
import { OpenStreams } from "./open-streams.ts";
import type { Http2Sink } from "./options.ts";
import type { SenderHost } from "./sender.ts";
import type { StreamState } from "./stream.ts";

export class StreamTable implements SenderHost {
  readonly #sink: Http2Sink;
  readonly #open = new OpenStreams();
  readonly #closed = new ClosedStreams();
  /** The stream of the last look-up: frames of one often follow each other. */
  #last: StreamState | null = null;
  /** While the connection is being made nobody is told of its output. */
  isStarting = true;
  /** Time of the current `feed` or `tick`. */
  nowMs = 0;
  /** Highest identifier the peer has used. */
  lastPeerId = 0;
  /** Next one of a client. */
  nextId = 1;
  openedCount = 0;

  constructor(sink: Http2Sink) {
    this.#sink = sink;
  }

  get openCount(): number {
    return this.#open.count;
  }

  get hasIdsLeft(): boolean {
    return this.nextId <= streamIdMax;
  }

  get(streamId: number): StreamState | undefined {
    const last = this.#last;
    if (last !== null && last.id === streamId) return last;
    const stream = this.#open.get(streamId);
    if (stream !== undefined) this.#last = stream;
    return stream;
  }

  add(stream: StreamState): void {
    this.#open.add(stream);
    this.#last = stream;
    this.openedCount++;
  }

  /** All of them; the callers may close some meanwhile. */
  all(): StreamState[] {
    return this.#open.all();
  }

  closeKind(streamId: number): CloseKind {
    return this.#closed.find(streamId);
  }

  /** The peer's half of a stream we reset is complete too. */
  settle(streamId: number): void {
    this.#closed.settle(streamId);
  }

  /** Remembers a stream that never was opened as one that we reset. */
  refuse(streamId: number): void {
    this.#closed.add(streamId, CloseKind.ResetByUs);
  }

  streamClosed(stream: StreamState, kind: CloseKind): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    this.#open.delete(stream.id);
    if (this.#last === stream) this.#last = null;
    this.#closed.add(stream.id, kind);
  }

  /** A stream whose head could not be written never was. */
  withdraw(stream: StreamState): void {
    this.#open.delete(stream.id);
    this.#last = null;
    stream.isClosed = true;
  }

  outputBegan(): void {
    if (!this.isStarting) this.#sink.onOutput();
  }

  writable(stream: StreamState): void {
    this.#sink.onWritable(stream);
  }
}
