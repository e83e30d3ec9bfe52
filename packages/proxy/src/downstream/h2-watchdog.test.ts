import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock, TimerWheel } from "@weft/runtime";
import { ErrorCode, Framing } from "@weft/wire";
import { type Exchange, Phase } from "../exchange/exchange.ts";
import type { Thread } from "../thread.ts";
import type { H2Downstream } from "./h2.ts";
import type { H2Request } from "./h2-request.ts";
import { H2Watchdog } from "./h2-watchdog.ts";

/** As much of a connection as the watchdog looks at. */
class Connection {
  readonly clock: SimClock = new SimClock(1000);
  readonly socket = { isClosed: false };
  readonly requests: Set<H2Request> = new Set();
  readonly log: string[] = [];
  readonly watchdog: H2Watchdog;
  isReady = true;

  constructor() {
    const wheel = new TimerWheel(this.clock, this.clock);
    const thread = { clock: this.clock, wheel } as unknown as Thread;
    this.watchdog = new H2Watchdog(this as unknown as H2Downstream, thread, 60_000);
    this.watchdog.begin();
  }

  get openStreamCount(): number {
    return this.requests.size;
  }
  tick(): void {}
  rest(): void {}
  retire(): void {
    this.log.push("retired");
    this.socket.isClosed = true;
  }
  destroy(): void {
    this.log.push("destroyed");
    this.socket.isClosed = true;
  }
  begin(framing: Framing): { x: { requestBytes: number }; request: { isContentPaused: boolean } } {
    const x = {
      phase: Phase.Trying,
      requestEnded: false,
      request: { framing },
      requestBytes: 0,
      responseBytes: 0,
      startedAtMs: this.clock.monotonicMs(),
      route: null,
      http: null,
    };
    const request = {
      exchange: x as unknown as Exchange,
      isContentPaused: false,
      seenBytes: 0,
      seenAtMs: 0,
      paceBytes: 0,
      paceSinceMs: 0,
      refuse: (code: ErrorCode) => this.log.push(`refused ${code}`),
    };
    this.requests.add(request as unknown as H2Request);
    this.watchdog.moved();
    return { x, request };
  }
  drip(x: { requestBytes: number }, bytesPerSecond: number, seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      x.requestBytes += bytesPerSecond;
      this.clock.advance(1000);
    }
  }
}

test("a peer that never says its settings is closed after ten seconds", () => {
  const connection = new Connection();
  connection.isReady = false;
  connection.clock.advance(9000);
  assert.deepEqual(connection.log, []);
  connection.clock.advance(3000);
  assert.deepEqual(connection.log, ["destroyed"]);
});

test("a connection without streams is retired after a minute", () => {
  const connection = new Connection();
  connection.watchdog.moved();
  connection.clock.advance(58_000);
  assert.deepEqual(connection.log, []);
  connection.clock.advance(8000);
  assert.deepEqual(connection.log, ["retired"]);
});

test("declared content that drips is refused; a stream of unknown length may be slow", () => {
  const declared = new Connection();
  declared.drip(declared.begin(Framing.Length).x, 100, 25);
  assert.equal(declared.log[0], `refused ${ErrorCode.BodyTimeout}`);
  const stream = new Connection();
  stream.drip(stream.begin(Framing.Chunked).x, 1, 120);
  assert.deepEqual(stream.log, []);
  const fast = new Connection();
  fast.drip(fast.begin(Framing.Length).x, 300, 60);
  assert.deepEqual(fast.log, []);
  const held = new Connection();
  const { x, request } = held.begin(Framing.Length);
  request.isContentPaused = true;
  held.drip(x, 0, 60);
  assert.deepEqual(held.log, []);
});
