// What a connection told its user, as text lines that can be compared, and the promises every user
// relies on: nothing after the end of a stream, no content after its end.

import type { ErrorCode } from "../error-code.ts";
import type { HeaderList } from "../header-list.ts";
import type { RequestHead, ResponseHead } from "../http1/head.ts";
import type { Http2Error, Http2Reason } from "./error.ts";
import { http2ReasonRows } from "./error.ts";
import type { Http2Sink } from "./options.ts";
import type { Http2Stream } from "./stream.ts";

export class Recorder implements Http2Sink {
  readonly events: string[] = [];
  /** Rules that requests broke which were not handed on. */
  readonly refusals: string[] = [];
  /** Content by stream, which may come in any pieces. */
  readonly bodies: Map<number, string> = new Map<number, string>();
  readonly streams: Map<number, Http2Stream> = new Map<number, Http2Stream>();
  readonly #over = new Set<number>();
  readonly #ended = new Set<number>();
  outputs = 0;

  onOutput(): void {
    this.outputs++;
  }

  onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    if (this.streams.has(stream.id)) throw new Error(`stream ${stream.id} began twice`);
    this.streams.set(stream.id, stream);
    if (isEnd) this.#ended.add(stream.id);
    this.#add(stream, `request ${isEnd} ${JSON.stringify(head)}`);
  }

  onRefused(stream: Http2Stream, code: ErrorCode): void {
    this.streams.set(stream.id, stream);
    this.#add(stream, `refused ${code}`);
    this.#ended.add(stream.id);
  }

  onStreamRefused(reason: Http2Reason): void {
    this.refusals.push(http2ReasonRows[reason]?.name ?? "");
  }

  onResponse(stream: Http2Stream, head: ResponseHead, isEnd: boolean): void {
    if (isEnd) this.#ended.add(stream.id);
    this.#add(stream, `response ${isEnd} ${JSON.stringify(head)}`);
  }

  onData(stream: Http2Stream, bytes: Buffer): void {
    if (bytes.length === 0 || this.#ended.has(stream.id)) throw new Error("content after the end");
    this.#demandOpen(stream);
    const before = this.bodies.get(stream.id);
    if (before === undefined) this.#add(stream, "content");
    this.bodies.set(stream.id, (before ?? "") + bytes.toString("latin1"));
    stream.consumed(bytes.length);
  }

  onEnd(stream: Http2Stream, trailers: HeaderList): void {
    if (this.#ended.has(stream.id)) throw new Error(`stream ${stream.id} ended twice`);
    this.#ended.add(stream.id);
    const body = this.bodies.get(stream.id) ?? "";
    this.#add(stream, `end ${body.length} ${JSON.stringify(trailers)}`);
  }

  onReset(stream: Http2Stream, code: Http2Error, isByPeer: boolean): void {
    this.#demandOpen(stream);
    this.#over.add(stream.id);
    if (!stream.isClosed) throw new Error("reset but not closed");
    const body = this.bodies.get(stream.id) ?? "";
    const reason = http2ReasonRows[stream.reason]?.name;
    this.events.push(`${stream.id} reset ${code} ${isByPeer} ${reason} ${body.length}`);
  }

  onWritable(stream: Http2Stream): void {
    this.#add(stream, "writable");
  }

  onGoAway(lastStreamId: number, code: Http2Error): void {
    this.events.push(`goaway ${lastStreamId} ${code}`);
  }

  onSettings(): void {
    this.events.push("settings");
  }

  onPong(payload: Buffer): void {
    this.events.push(`pong ${payload.toString("latin1")}`);
  }

  #add(stream: Http2Stream, text: string): void {
    this.#demandOpen(stream);
    this.events.push(`${stream.id} ${text}`);
  }

  #demandOpen(stream: Http2Stream): void {
    if (this.#over.has(stream.id)) throw new Error(`stream ${stream.id} was over`);
  }
}
