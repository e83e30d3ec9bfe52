// Our client and our server talk to each other, doing what users of the codec may do in any order
// and reading in any chunks: neither ever blames the other, and every message arrives whole.

import { Framing, RequestHead, ResponseHead } from "../http1/head.ts";
import type { Chance } from "../http1/mutate.fixture.ts";
import { defaultHttp2Limits } from "../limits.ts";
import { Http2Connection } from "./connection.ts";
import { http2ReasonRows } from "./error.ts";
import { type Http2Options, Http2Status } from "./options.ts";
import { Recorder } from "./recorder.fixture.ts";
import type { Http2Stream } from "./stream.ts";

/** Our own limits on a peer's behaviour are not what is tried here. */
const limits = {
  ...defaultHttp2Limits,
  resetBurst: 1e9,
  pingsMax: 1e9,
  windowUpdatesPerData: 1e6,
  controlFramesMax: 1e9,
};

const empty = Buffer.alloc(0);
const letters = Buffer.from("abcdefghijklmnopqrstuvwxyz".repeat(8000));

/** Has `steps` actions taken in conversations of 64 each. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step += 64) {
    const conversation = new Conversation(random);
    for (let action = 0; action < Math.min(64, steps - step); action++) conversation.act();
    conversation.finish();
  }
}

/** What one side sent on a stream, and how far it is. */
class Sent {
  readonly stream: Http2Stream;
  content = "";
  isEnded = false;
  isBlocked = false;

  constructor(stream: Http2Stream) {
    this.stream = stream;
  }
}

/** A side's user: keeps what came, and consumes it when told to. */
class Side extends Recorder {
  readonly sent = new Map<number, Sent>();
  readonly unconsumed: [Http2Stream, number][] = [];
  readonly complete = new Set<number>();
  readonly lost = new Set<number>();
  readonly #answers: boolean;

  constructor(answers: boolean) {
    super();
    this.#answers = answers;
  }

  override onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    super.onRequest(stream, head, isEnd);
    if (isEnd) this.complete.add(stream.id);
    const status = Object.assign(new ResponseHead(), {
      status: 200,
      framing: Framing.Chunked,
      headers: ["x-path", head.path, "x-same", "value"],
    });
    if (this.#answers) stream.respond(status, false);
    this.sent.set(stream.id, new Sent(stream));
  }

  override onData(stream: Http2Stream, bytes: Buffer): void {
    this.bodies.set(stream.id, (this.bodies.get(stream.id) ?? "") + bytes.toString("latin1"));
    this.unconsumed.push([stream, bytes.length]);
  }

  override onEnd(stream: Http2Stream, trailers: string[]): void {
    super.onEnd(stream, trailers);
    this.complete.add(stream.id);
  }

  override onReset(stream: Http2Stream, code: number, isByPeer: boolean): void {
    super.onReset(stream, code, isByPeer);
    this.lost.add(stream.id);
    if (!isByPeer) throw new Error(`blamed: ${this.events.at(-1)}`);
  }

  override onWritable(stream: Http2Stream): void {
    const sent = this.sent.get(stream.id);
    if (sent !== undefined) sent.isBlocked = false;
  }
}

class Conversation {
  readonly #random: Chance;
  readonly #sides: readonly [Side, Side] = [new Side(false), new Side(true)];
  readonly #client: Http2Connection;
  readonly #server: Http2Connection;
  #nowMs = 0;

  constructor(random: Chance) {
    this.#random = random;
    this.#client = new Http2Connection("client", this.#sides[0], this.#options());
    this.#server = new Http2Connection("server", this.#sides[1], this.#options());
  }

  #options(): Partial<Http2Options> {
    const random = this.#random;
    return {
      limits,
      streamWindowBytes: 65_535 + random.integer(2) * 100_000,
      connectionWindowBytes: 65_535 + random.integer(2) * 300_000,
      concurrentStreamsMax: 4 + random.integer(20),
    };
  }

  act(): void {
    const random = this.#random;
    const side = this.#sides[random.integer(2)] as Side;
    switch (random.integer(10)) {
      case 0:
      case 1:
        this.#request();
        break;
      case 2:
      case 3:
      case 4:
        this.#write(side, random.integer(4) === 0 ? 90_000 : 900);
        break;
      case 5:
        this.#end(side);
        break;
      case 6:
        if (random.integer(4) === 0) this.#reset(side);
        break;
      case 7:
        this.#consume(side);
        break;
      default:
        this.#carry();
    }
  }

  #request(): void {
    const random = this.#random;
    const isEnd = random.integer(2) === 0;
    const head = Object.assign(new RequestHead(), {
      method: isEnd ? "GET" : "POST",
      target: `/${random.integer(20)}`,
      path: `/${random.integer(20)}`,
      authority: "a",
      framing: isEnd ? Framing.None : Framing.Chunked,
      headers: ["x-id", String(random.integer(1000)), "x-same", "value"],
    });
    const stream = this.#client.request(head, isEnd);
    if (stream === null) return;
    const sent = new Sent(stream);
    sent.isEnded = isEnd;
    this.#sides[0].sent.set(stream.id, sent);
  }

  #any(side: Side): Sent | null {
    const all = [...side.sent.values()].filter((sent) => !sent.isEnded && !sent.stream.isClosed);
    return all[this.#random.integer(all.length)] ?? null;
  }

  #write(side: Side, most: number): void {
    const sent = this.#any(side);
    if (sent === null || sent.isBlocked) return;
    const start = this.#random.integer(26);
    const piece = letters.subarray(start, start + this.#random.integer(most));
    sent.content += piece.toString("latin1");
    sent.isBlocked = !sent.stream.data(piece);
  }

  #end(side: Side): void {
    const sent = this.#any(side);
    if (sent === null) return;
    sent.isEnded = true;
    sent.stream.end(this.#random.integer(2) === 0 ? [] : ["x-sum", String(sent.content.length)]);
  }

  #reset(side: Side): void {
    const sent = this.#any(side);
    if (sent === null) return;
    sent.stream.reset(8);
    for (const { lost } of this.#sides) lost.add(sent.stream.id);
  }

  #consume(side: Side): void {
    for (const [stream, count] of side.unconsumed.splice(0)) stream.consumed(count);
  }

  /** Everything written goes to the other side, in pieces. */
  #carry(): void {
    this.#nowMs += 10;
    this.#deliver(this.#client, this.#server);
    this.#deliver(this.#server, this.#client);
  }

  #deliver(from: Http2Connection, to: Http2Connection): void {
    if (!from.hasOutput) return;
    const bytes = from.takeOutput();
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + this.#random.integer(this.#random.integer(4) === 0 ? 40 : 20_000);
      let status = to.feed(bytes.subarray(at, at + size), this.#nowMs);
      while (status === Http2Status.Paused) status = to.feed(empty, this.#nowMs);
      if (status === Http2Status.Closed) {
        throw new Error(`${to.role} closed: ${http2ReasonRows[to.reason]?.name}`);
      }
      at += size;
    }
  }

  /** All that is open is ended, carried and compared. */
  finish(): void {
    for (let round = 0; round < 400; round++) {
      for (const side of this.#sides) {
        this.#consume(side);
        while (this.#any(side) !== null) this.#end(side);
      }
      this.#carry();
      if (!this.#client.hasOutput && !this.#server.hasOutput && this.#isQuiet()) break;
    }
    this.#compare(this.#sides[0], this.#sides[1]);
    this.#compare(this.#sides[1], this.#sides[0]);
    const left = this.#client.openStreamCount + this.#server.openStreamCount;
    if (left > 0) throw new Error(`${left} streams stay open`);
  }

  #isQuiet(): boolean {
    return this.#sides.every((side) => side.unconsumed.length === 0 && this.#any(side) === null);
  }

  #compare(from: Side, to: Side): void {
    for (const [id, { content }] of from.sent) {
      if (from.lost.has(id) || to.lost.has(id)) continue;
      if (!to.complete.has(id)) throw new Error(`stream ${id} did not end`);
      if ((to.bodies.get(id) ?? "") !== content) throw new Error(`stream ${id} changed`);
    }
  }
}
