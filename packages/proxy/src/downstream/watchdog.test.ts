import assert from "node:assert/strict";
import { test } from "node:test";
import { SimClock, TimerWheel } from "@weft/runtime";
import { ErrorCode } from "@weft/wire";
import type { Exchange } from "../exchange/exchange.ts";
import type { Thread } from "../thread.ts";
import type { H1Downstream } from "./h1.ts";
import { Watchdog } from "./watchdog.ts";

/** As much of a connection as the watchdog looks at. */
class Connection {
  readonly clock: SimClock = new SimClock(1000);
  readonly socket = { isClosed: false, isBlocked: false, bytesWritten: 0 };
  readonly watchdog: Watchdog;
  exchange: Partial<Exchange> | null = null;
  isInHead = false;
  isContentPaused = false;
  readonly log: string[] = [];

  constructor() {
    const wheel = new TimerWheel(this.clock, this.clock);
    const thread = { clock: this.clock, wheel } as unknown as Thread;
    this.watchdog = new Watchdog(this as unknown as H1Downstream, thread, 60_000);
    this.watchdog.idleFrom();
  }

  refuse(code: ErrorCode): void {
    this.log.push(`refused ${code}`);
    this.exchange = null;
  }
  endIdle(): void {
    this.log.push("idle");
  }
  destroy(): void {
    this.log.push("destroyed");
    this.socket.isClosed = true;
  }
  begin(fields: Partial<Exchange>): Partial<Exchange> {
    this.exchange = {
      requestEnded: true,
      requestBytes: 0,
      responseBytes: 0,
      startedAtMs: this.clock.monotonicMs(),
      route: null,
      http: null,
      attempt: { connection: {} },
      ...fields,
    } as unknown as Partial<Exchange>;
    return this.exchange;
  }
}

test("an idle connection is closed after a minute, not before", () => {
  const connection = new Connection();
  connection.clock.advance(58_000);
  assert.deepEqual(connection.log, []);
  connection.clock.advance(4000);
  assert.deepEqual(connection.log, ["idle"]);
});

test("a head that does not come to its end is refused after ten seconds", () => {
  const connection = new Connection();
  connection.isInHead = true;
  connection.watchdog.headFrom();
  connection.clock.advance(5000);
  connection.watchdog.headFrom();
  connection.clock.advance(4500);
  assert.deepEqual(connection.log, []);
  connection.clock.advance(2000);
  assert.deepEqual(connection.log, [`refused ${ErrorCode.HeadTimeout}`]);
});

test("content that drips is refused; content held back by the upstream is not", () => {
  const slow = new Connection();
  const x = slow.begin({ requestEnded: false });
  slow.watchdog.soon();
  for (let second = 0; second < 30; second++) {
    x.requestBytes = (x.requestBytes ?? 0) + 100;
    slow.clock.advance(1000);
  }
  assert.deepEqual(slow.log, [`refused ${ErrorCode.BodyTimeout}`]);
  const held = new Connection();
  held.begin({ requestEnded: false });
  held.isContentPaused = true;
  held.watchdog.soon();
  held.clock.advance(60_000);
  assert.deepEqual(held.log, []);
  const fast = new Connection();
  const y = fast.begin({ requestEnded: false });
  fast.watchdog.soon();
  for (let second = 0; second < 60; second++) {
    y.requestBytes = (y.requestBytes ?? 0) + 300;
    fast.clock.advance(1000);
  }
  assert.deepEqual(fast.log, []);
});

test("a reader that takes nothing for half a minute is given up, a slow one is not", () => {
  const stuck = new Connection();
  const x = stuck.begin({});
  stuck.socket.isBlocked = true;
  stuck.watchdog.soon();
  for (let second = 0; second < 45; second++) {
    x.responseBytes = (x.responseBytes ?? 0) + 1;
    stuck.clock.advance(1000);
  }
  assert.deepEqual(stuck.log, ["destroyed"]);
  const slow = new Connection();
  slow.begin({});
  slow.socket.isBlocked = true;
  slow.watchdog.soon();
  for (let second = 0; second < 120; second++) {
    slow.socket.bytesWritten += 10;
    slow.clock.advance(1000);
  }
  assert.deepEqual(slow.log, []);
});
