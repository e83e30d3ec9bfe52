// Holds a connection's first bytes until somebody knows enough from them, its peer ends, or time is
// up. Nothing more is read until whoever takes over resumes.

import { type ByteSocket, readAtOnce, type SocketOwner, WheelTimer } from "@weft/runtime";
import type { Direction } from "@weft/rules";
import type { Drainable, Thread } from "../thread.ts";

const held = { Enough: 0, Ended: 1, Late: 2 } as const;
/** Why bytes are held no longer. */
export const Held: typeof held = Object.freeze(held);
export type Held = (typeof Held)[keyof typeof Held];

export interface HeldBytesUser {
  /** Where the connection is counted. */
  readonly direction: Direction;
  /** Whether these bytes, all that came, are enough; lent. */
  isEnough(bytes: Buffer): boolean;
  /** `bytes` may be lent. */
  onOver(bytes: Buffer, why: Held): void;
}

const beginningMs = 10_000;
const nothing = Buffer.alloc(0);
/** At least one turn of the event loop. */
const graceMs = 20;

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

class HeldBytes implements SocketOwner, Drainable {
  readonly entry = null;
  readonly isLeaving = false;
  readonly #thread: Thread;
  readonly #socket: ByteSocket;
  readonly #user: HeldBytesUser;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  #held: Buffer = nothing;
  #waitMs = 0;
  #isLate = false;
  #isOver = false;

  constructor(thread: Thread, socket: ByteSocket, user: HeldBytesUser) {
    this.#thread = thread;
    this.#socket = socket;
    this.#user = user;
  }

  begin(early: Buffer, waitMs: number): void {
    const { wheel, downstreams, stats } = this.#thread;
    this.#socket.owner = this;
    readAtOnce(this.#socket, true);
    this.#waitMs = waitMs;
    wheel.set(this.#timer, waitMs);
    downstreams.add(this);
    stats.connections[this.#user.direction]++;
    if (early.length > 0) this.onBytes(early);
    if (!this.#isOver) this.#socket.resume();
  }

  /** Nothing was asked yet. */
  drain(keepsIdle: boolean): void {
    if (!keepsIdle) this.#socket.destroySoon();
  }

  retireIfOlder(): void {}

  destroy(): void {
    this.#socket.destroy();
  }

  onConnected(): void {}
  onDrain(): void {}

  onBytes(bytes: Buffer): void {
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    if (this.#user.isEnough(all)) return this.#over(all, Held.Enough);
    // What has begun is awaited as the rest of a head is.
    const waitMs = Math.min(this.#waitMs, beginningMs);
    if (this.#held.length === 0) this.#thread.wheel.set(this.#timer, waitMs);
    this.#held = Buffer.from(all);
  }

  onEnd(): void {
    if (!this.#isOver) this.#over(this.#held, Held.Ended);
  }

  onClosed(): void {
    this.#end();
  }

  onTimeout(): void {
    if (this.#isOver) return;
    if (this.#isLate) return this.#over(this.#held, Held.Late);
    // A busy thread may not have read yet what came long ago: sockets have their turn first.
    this.#isLate = true;
    this.#thread.wheel.set(this.#timer, graceMs);
  }

  #over(bytes: Buffer, why: Held): void {
    this.#end();
    this.#socket.pause();
    readAtOnce(this.#socket, false);
    this.#user.onOver(bytes, why);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { wheel, downstreams, stats } = this.#thread;
    wheel.cancel(this.#timer);
    downstreams.delete(this);
    stats.connections[this.#user.direction]--;
  }
}
