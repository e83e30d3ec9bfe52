// Watches one downstream connection for peers that hold it without using it: slow heads, slow
// bodies, slow readers, idleness (http-cases H35). It looks now and then instead of setting a
// timer for each request, so it costs a busy connection nothing.

import { WheelTimer } from "@weft/runtime";
import { ErrorCode } from "@weft/wire";
import { idle, idleTimeoutMs } from "../exchange/pipeline.ts";
import type { Thread } from "../thread.ts";
import type { H1Downstream } from "./h1.ts";

const headTimeoutMs = 10_000;
/** Content slower than this for a whole period is given up. */
const contentBytesPerSecondMin = 240;
const contentPeriodMs = 10_000;
/** A response that cannot be written for so long is given up. */
const blockedMs = 30_000;
const lookMs = 5000;

export class Watchdog {
  readonly #connection: H1Downstream;
  readonly #thread: Thread;
  /** How long a connection without a request is kept. */
  readonly #idleMs: number;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  #idleSinceMs = 0;
  #headSinceMs = 0;
  /** Set while a head is being read; 0 otherwise. */
  #requestBytes = 0;
  #requestSinceMs = 0;
  #writtenBytes = 0;
  #writtenSinceMs = 0;
  #movedBytes = 0;
  #movedSinceMs = 0;

  constructor(connection: H1Downstream, thread: Thread, idleMs: number) {
    this.#idleMs = idleMs;
    this.#connection = connection;
    this.#thread = thread;
  }

  /** Nothing is under way from now on. */
  idleFrom(): void {
    this.#idleSinceMs = this.#thread.clock.monotonicMs();
    this.#headSinceMs = 0;
    if (!this.#timer.isSet) this.#thread.wheel.set(this.#timer, this.#idleMs);
  }

  /** A head has begun and is not complete. */
  headFrom(): void {
    if (this.#headSinceMs !== 0) return;
    this.#headSinceMs = this.#thread.clock.monotonicMs();
    this.#thread.wheel.set(this.#timer, headTimeoutMs);
  }

  /** Something slow may have begun: look again soon. */
  soon(delayMs: number = lookMs): void {
    const nowMs = this.#thread.clock.monotonicMs();
    this.#headSinceMs = 0;
    this.#requestSinceMs = nowMs;
    this.#writtenSinceMs = nowMs;
    this.#movedSinceMs = nowMs;
    this.#requestBytes = 0;
    this.#thread.wheel.set(this.#timer, Math.min(delayMs, lookMs));
  }

  stop(): void {
    this.#thread.wheel.cancel(this.#timer);
  }

  onTimeout(): void {
    const nowMs = this.#thread.clock.monotonicMs();
    const nextMs =
      this.#connection.exchange === null ? this.#lookIdle(nowMs) : this.#lookBusy(nowMs);
    if (nextMs > 0 && !this.#connection.socket.isClosed) {
      this.#thread.wheel.set(this.#timer, nextMs);
    }
  }

  /** When to look again; 0: never. */
  #lookIdle(nowMs: number): number {
    if (this.#connection.isInHead && this.#headSinceMs !== 0) {
      const leftMs = this.#headSinceMs + headTimeoutMs - nowMs;
      if (leftMs > 0) return leftMs;
      this.#connection.refuse(ErrorCode.HeadTimeout);
      return 0;
    }
    const leftMs = this.#idleSinceMs + this.#idleMs - nowMs;
    if (leftMs > 0) return leftMs;
    this.#connection.endIdle();
    return 0;
  }

  #lookBusy(nowMs: number): number {
    const connection = this.#connection;
    const x = connection.exchange;
    if (x === null) return lookMs;
    if (this.#isContentSlow(nowMs)) {
      connection.refuse(ErrorCode.BodyTimeout);
      return 0;
    }
    const { bytesWritten, isBlocked } = connection.socket;
    if (!isBlocked || bytesWritten !== this.#writtenBytes) {
      this.#writtenBytes = bytesWritten;
      this.#writtenSinceMs = nowMs;
    } else if (nowMs - this.#writtenSinceMs >= blockedMs) {
      connection.destroy();
      return 0;
    }
    const movedBytes = x.requestBytes + x.responseBytes;
    const limitMs = idleTimeoutMs(x);
    if (movedBytes !== this.#movedBytes) {
      this.#movedBytes = movedBytes;
      this.#movedSinceMs = nowMs;
    } else if (limitMs > 0 && nowMs - Math.max(this.#movedSinceMs, x.startedAtMs) >= limitMs) {
      idle(x);
      return lookMs;
    }
    return limitMs > 0 ? Math.min(lookMs, limitMs) : lookMs;
  }

  /** The peer, not the upstream, holds the content back. */
  #isContentSlow(nowMs: number): boolean {
    const x = this.#connection.exchange;
    if (x === null || x.requestEnded || x.attempt?.connection == null) {
      this.#requestSinceMs = nowMs;
      return false;
    }
    const elapsedMs = nowMs - this.#requestSinceMs;
    if (elapsedMs < contentPeriodMs) return false;
    const bytes = x.requestBytes - this.#requestBytes;
    this.#requestBytes = x.requestBytes;
    this.#requestSinceMs = nowMs;
    return !this.#connection.isContentPaused && bytes * 1000 < contentBytesPerSecondMin * elapsedMs;
  }
}
