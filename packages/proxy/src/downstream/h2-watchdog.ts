// Watches one HTTP/2 connection for peers that hold it without using it (http-cases H35, H42, H47):
// it looks now and then at all of its requests instead of setting a timer for each. A request that
// declares its length must come at a pace; a stream of unknown length may be silent, as long as its
// route's idle time allows.

import { ErrorCode, Framing } from "@weft/wire";
import { WheelTimer } from "@weft/runtime";
import { idle, idleTimeoutMs } from "../exchange/pipeline.ts";
import { type Exchange, Phase } from "../exchange/exchange.ts";
import type { Thread } from "../thread.ts";
import type { H2Downstream } from "./h2.ts";
import type { H2Request } from "./h2-request.ts";

/** The peer's SETTINGS must have come by then. */
const prefaceMs = 10_000;
const contentBytesPerSecondMin = 240;
const contentPeriodMs = 10_000;
const lookMs = 5000;

export class H2Watchdog {
  readonly #connection: H2Downstream;
  readonly #thread: Thread;
  /** How long a connection without a request is kept. */
  readonly #idleMs: number;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  #openedAtMs = 0;
  #idleSinceMs = 0;
  /** Bytes came since the last look, or something is under way. */
  #isAwake = false;
  /** The shortest idle time of a route in use. */
  #lookMs: number = lookMs;

  constructor(connection: H2Downstream, thread: Thread, idleMs: number) {
    this.#connection = connection;
    this.#thread = thread;
    this.#idleMs = idleMs;
  }

  begin(): void {
    this.#openedAtMs = this.#thread.clock.monotonicMs();
    this.idleFrom();
    this.#thread.wheel.set(this.#timer, prefaceMs);
  }

  /** No stream is open from now on. */
  idleFrom(): void {
    this.#idleSinceMs = this.#thread.clock.monotonicMs();
  }

  /** Bytes came. */
  moved(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#thread.wheel.set(this.#timer, lookMs);
  }

  /** A request has begun in which nothing may move for so long; 0: for ever. */
  watch(idleMs: number): void {
    if (idleMs === 0 || idleMs >= this.#lookMs) return;
    this.#lookMs = idleMs;
    this.#thread.wheel.set(this.#timer, idleMs);
  }

  stop(): void {
    this.#thread.wheel.cancel(this.#timer);
  }

  onTimeout(): void {
    const nowMs = this.#thread.clock.monotonicMs();
    const connection = this.#connection;
    connection.tick(nowMs);
    if (connection.socket.isClosed) return;
    if (!connection.isReady && nowMs - this.#openedAtMs >= prefaceMs) return connection.destroy();
    if (connection.openStreamCount > 0) {
      for (const request of connection.requests) this.#look(request, nowMs);
      this.#isAwake = true;
      return this.#thread.wheel.set(this.#timer, this.#lookMs);
    }
    this.#isAwake = false;
    this.#lookMs = lookMs;
    connection.rest();
    const leftMs = this.#idleSinceMs + this.#idleMs - nowMs;
    if (leftMs > 0) return this.#thread.wheel.set(this.#timer, Math.max(leftMs, lookMs));
    connection.retire();
  }

  #look(request: H2Request, nowMs: number): void {
    const x = request.exchange;
    if (x === null || x.phase === Phase.Done) return;
    if (isContentSlow(request, x, nowMs)) return request.refuse(ErrorCode.BodyTimeout);
    const movedBytes = x.requestBytes + x.responseBytes;
    if (movedBytes !== request.seenBytes || request.seenAtMs === 0) {
      request.seenBytes = movedBytes;
      request.seenAtMs = request.seenAtMs === 0 ? x.startedAtMs : nowMs;
    }
    const limitMs = idleTimeoutMs(x);
    if (limitMs > 0 && nowMs - request.seenAtMs >= limitMs) idle(x);
  }
}

/** The peer, not the upstream, holds declared content back. */
function isContentSlow(request: H2Request, x: Exchange, nowMs: number): boolean {
  if (x.requestEnded || x.request.framing !== Framing.Length || request.isContentPaused) {
    return false;
  }
  if (request.paceSinceMs === 0) {
    request.paceSinceMs = nowMs;
    request.paceBytes = x.requestBytes;
    return false;
  }
  const elapsedMs = nowMs - request.paceSinceMs;
  if (elapsedMs < contentPeriodMs) return false;
  const bytes = x.requestBytes - request.paceBytes;
  request.paceSinceMs = nowMs;
  request.paceBytes = x.requestBytes;
  return bytes * 1000 < contentBytesPerSecondMin * elapsedMs;
}
