// What a peer may do before it counts as an attack (RFC 9113 §10.5, http-cases H40–H43, H45): every
// frame that costs more to handle than to send is counted.

import type { Http2Limits } from "../limits.ts";
import { Http2Reason } from "./error.ts";

/** Over which SETTINGS, PING and unknown frames are counted. */
const periodMs = 10_000;
/** Frames that need no stream or content to be there. */
const freeFrames = 16;

export class Budgets {
  readonly #limits: Http2Limits;
  #resetTokens: number;
  #resetAtMs = 0;
  #periodAtMs = 0;
  #settings = 0;
  #pings = 0;
  #minor = 0;
  #openedAtTurn = -1;
  #messageFrames = 0;
  #priorities = 0;
  #windowUpdates = 0;
  #emptyRun = 0;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
    this.#resetTokens = limits.resetBurst;
  }

  /** A stream that ended before its time by the peer's doing (H40, H41). */
  reset(nowMs: number): Http2Reason {
    const { resetBurst, resetsPerSecond } = this.#limits;
    const earned = ((nowMs - this.#resetAtMs) / 1000) * resetsPerSecond;
    this.#resetTokens = Math.min(resetBurst, this.#resetTokens + Math.max(0, earned)) - 1;
    this.#resetAtMs = nowMs;
    return this.#resetTokens < 0 ? Http2Reason.ResetFlood : Http2Reason.None;
  }

  settings(nowMs: number): Http2Reason {
    this.#turn(nowMs);
    const isFlood = ++this.#settings > this.#limits.settingsMax;
    return isFlood ? Http2Reason.SettingsFlood : Http2Reason.None;
  }

  /**
   * A ping; `messageFrames` counts the HEADERS and DATA we sent. Readers of gRPC measure the path
   * by pings while content comes, so only those with nothing between them count.
   */
  ping(nowMs: number, messageFrames: number): Http2Reason {
    this.#turn(nowMs);
    if (messageFrames !== this.#messageFrames) {
      this.#messageFrames = messageFrames;
      this.#pings = 0;
    }
    return ++this.#pings > this.#limits.pingsMax ? Http2Reason.PingFlood : Http2Reason.None;
  }

  /** A frame without effect: of an unknown type, or the reset of a stream that is answered. */
  minor(nowMs: number, streamsOpened: number): Http2Reason {
    this.#turn(nowMs);
    if (this.#openedAtTurn === -1) this.#openedAtTurn = streamsOpened;
    const most = this.#limits.unknownFramesMax + 2 * (streamsOpened - this.#openedAtTurn);
    return ++this.#minor > most ? Http2Reason.UselessFrameFlood : Http2Reason.None;
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#periodAtMs < periodMs) return;
    this.#periodAtMs = nowMs;
    this.#settings = 0;
    this.#pings = 0;
    this.#minor = 0;
    this.#openedAtTurn = -1;
  }

  priority(streamsOpened: number): Http2Reason {
    const most = this.#limits.prioritiesPerStream * (streamsOpened + 1);
    return ++this.#priorities > most ? Http2Reason.PriorityFlood : Http2Reason.None;
  }

  windowUpdate(streamsOpened: number, dataFramesSent: number): Http2Reason {
    const most =
      freeFrames + 2 * streamsOpened + this.#limits.windowUpdatesPerData * dataFramesSent;
    return ++this.#windowUpdates > most ? Http2Reason.WindowUpdateFlood : Http2Reason.None;
  }

  /** A frame of content or fields; empty ones that end nothing may not follow each other. */
  content(isEmpty: boolean): Http2Reason {
    if (!isEmpty) {
      this.#emptyRun = 0;
      return Http2Reason.None;
    }
    const isFlood = ++this.#emptyRun > this.#limits.emptyFramesMax;
    return isFlood ? Http2Reason.EmptyFrameFlood : Http2Reason.None;
  }
}
