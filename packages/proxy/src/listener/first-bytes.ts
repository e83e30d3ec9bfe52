// Holds a connection until its first bytes say what it speaks, or until it has been silent for so
// long that its server may be the one to speak first.

import { type ByteSocket, type SocketOwner, WheelTimer } from "@weft/runtime";
import type { Thread } from "../thread.ts";
import { detect, Spoken } from "./detect.ts";

/** More than this without an answer from `detect` cannot happen. */
const heldBytesMax = 16 * 1024;
const nothing = Buffer.alloc(0);

const asks = { IsTls: 0, Spoken: 1 } as const;
/** How much has to be known: whether it is TLS, which the first byte says, or what it is. */
export const Asks: typeof asks = Object.freeze(asks);
export type Asks = (typeof Asks)[keyof typeof Asks];

export interface FirstBytesOptions {
  readonly waitMs: number;
  readonly asks: Asks;
}

/**
 * `bytes` may be lent; none of them after silence. Nothing more is read until whoever takes over
 * resumes; `hasEnded` when the peer's end was read already.
 */
export type FirstBytesHandler = (bytes: Buffer, spoken: Spoken, hasEnded: boolean) => void;

export class FirstBytes implements SocketOwner {
  readonly #thread: Thread;
  readonly #socket: ByteSocket;
  readonly #options: FirstBytesOptions;
  readonly #then: FirstBytesHandler;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  #held: Buffer = nothing;
  #isOver = false;

  constructor(
    thread: Thread,
    socket: ByteSocket,
    options: FirstBytesOptions,
    then: FirstBytesHandler,
  ) {
    this.#thread = thread;
    this.#socket = socket;
    this.#options = options;
    this.#then = then;
  }

  begin(early: Buffer = nothing): void {
    this.#socket.owner = this;
    this.#thread.stats.openingCount++;
    this.#thread.wheel.set(this.#timer, this.#options.waitMs);
    if (early.length > 0) this.onBytes(early);
    if (!this.#isOver) this.#socket.resume();
  }

  onConnected(): void {}
  onDrain(): void {}

  onBytes(bytes: Buffer): void {
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    const found = detect(all);
    const isEnough = found !== Spoken.Unclear || this.#options.asks === Asks.IsTls;
    const spoken = found === Spoken.Unclear ? Spoken.Other : found;
    if (!isEnough && all.length < heldBytesMax) {
      this.#held = Buffer.from(all);
      return;
    }
    this.#over(all, spoken, false);
  }

  onEnd(): void {
    if (!this.#isOver) this.#over(this.#held, Spoken.Other, true);
  }

  onClosed(): void {
    this.#end();
  }

  onTimeout(): void {
    if (!this.#isOver) this.#over(this.#held, Spoken.Other, false);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#thread.stats.openingCount--;
    this.#thread.wheel.cancel(this.#timer);
  }

  #over(bytes: Buffer, spoken: Spoken, hasEnded: boolean): void {
    this.#end();
    this.#socket.pause();
    this.#then(bytes, spoken, hasEnded);
  }
}
