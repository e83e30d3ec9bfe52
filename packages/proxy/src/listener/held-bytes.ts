// Holds a connection's first bytes until somebody knows enough from them, its peer ends, or time is
// up. Nothing more is read until whoever takes over resumes.

import { type ByteSocket, type SocketOwner, WheelTimer } from "@weft/runtime";
import type { Thread } from "../thread.ts";

const held = { Enough: 0, Ended: 1, Late: 2 } as const;
/** Why bytes are held no longer. */
export const Held: typeof held = Object.freeze(held);
export type Held = (typeof Held)[keyof typeof Held];

export interface HeldBytesUser {
  /** Whether these bytes, all that came, are enough; lent. */
  isEnough(bytes: Buffer): boolean;
  /** `bytes` may be lent. */
  onOver(bytes: Buffer, why: Held): void;
}

const nothing = Buffer.alloc(0);

/** `early` were read before, and may be lent. */
export function holdBytes(
  thread: Thread,
  socket: ByteSocket,
  early: Buffer,
  waitMs: number,
  user: HeldBytesUser,
): void {
  new HeldBytes(thread, socket, user).begin(early, waitMs);
}

class HeldBytes implements SocketOwner {
  readonly #thread: Thread;
  readonly #socket: ByteSocket;
  readonly #user: HeldBytesUser;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  #held: Buffer = nothing;
  #isOver = false;

  constructor(thread: Thread, socket: ByteSocket, user: HeldBytesUser) {
    this.#thread = thread;
    this.#socket = socket;
    this.#user = user;
  }

  begin(early: Buffer, waitMs: number): void {
    this.#socket.owner = this;
    this.#thread.stats.openingCount++;
    this.#thread.wheel.set(this.#timer, waitMs);
    if (early.length > 0) this.onBytes(early);
    if (!this.#isOver) this.#socket.resume();
  }

  onConnected(): void {}
  onDrain(): void {}

  onBytes(bytes: Buffer): void {
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    if (this.#user.isEnough(all)) this.#over(all, Held.Enough);
    else this.#held = Buffer.from(all);
  }

  onEnd(): void {
    if (!this.#isOver) this.#over(this.#held, Held.Ended);
  }

  onClosed(): void {
    this.#end();
  }

  onTimeout(): void {
    if (!this.#isOver) this.#over(this.#held, Held.Late);
  }

  #over(bytes: Buffer, why: Held): void {
    this.#end();
    this.#socket.pause();
    this.#user.onOver(bytes, why);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#thread.stats.openingCount--;
    this.#thread.wheel.cancel(this.#timer);
  }
}
