// Two sockets joined: bytes, backpressure and both half-closes pass from each to the other. Used
// for TCP services, CONNECT tunnels and switched protocols; it looks at nothing.

import { type ByteSocket, type SocketOwner, WheelTimer } from "@weft/runtime";
import type { Thread } from "../thread.ts";

/** Nothing moved for so long: the tunnel is given up, unless its route says otherwise. */
export const relayIdleMs = 3_600_000;
/** The longest, after one side has ended (http-cases H31). */
const halfClosedIdleMs = 300_000;

export interface RelayCounts {
  /** Bytes from and to the downstream. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** One of the two, with what was read from it before. */
export interface RelaySide {
  readonly socket: ByteSocket;
  /** May be lent. */
  readonly early: Buffer;
  /** Its peer's end was read already. */
  readonly hasEnded?: boolean;
}

/** `idleMs` of 0: for ever. */
export function joinSockets(
  thread: Thread,
  down: RelaySide,
  up: RelaySide,
  onClosed: ((counts: RelayCounts) => void) | null = null,
  idleMs: number = relayIdleMs,
): void {
  new Relay(thread, down.socket, up.socket, { onClosed, idleMs }).begin(down, up);
}

interface RelayOptions {
  readonly onClosed: ((counts: RelayCounts) => void) | null;
  readonly idleMs: number;
}

class Relay {
  readonly #thread: Thread;
  readonly #down: RelayEnd;
  readonly #up: RelayEnd;
  readonly #options: RelayOptions;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  /** Bytes seen when the timer was last set: no more means idle. */
  #seenBytes = 0;
  #openCount = 2;

  constructor(thread: Thread, down: ByteSocket, up: ByteSocket, options: RelayOptions) {
    this.#thread = thread;
    this.#options = options;
    this.#down = new RelayEnd(this, down);
    this.#up = new RelayEnd(this, up);
    this.#down.other = this.#up;
    this.#up.other = this.#down;
  }

  begin(down: RelaySide, up: RelaySide): void {
    this.#down.socket.owner = this.#down;
    this.#up.socket.owner = this.#up;
    thisTurn(this.#up, down.early);
    thisTurn(this.#down, up.early);
    if (this.#down.socket.isClosed) this.#down.onClosed("");
    if (this.#up.socket.isClosed) this.#up.onClosed("");
    this.#down.socket.resume();
    this.#up.socket.resume();
    this.arm();
    if (down.hasEnded === true) this.#down.onEnd();
    if (up.hasEnded === true) this.#up.onEnd();
  }

  onTimeout(): void {
    const bytes = this.#down.bytes + this.#up.bytes;
    if (bytes === this.#seenBytes) {
      this.#down.socket.destroy();
      this.#up.socket.destroy();
      return;
    }
    this.arm();
  }

  arm(): void {
    this.#seenBytes = this.#down.bytes + this.#up.bytes;
    const isHalf = this.#down.hasEnded || this.#up.hasEnded;
    const { idleMs } = this.#options;
    const limitMs = idleMs === 0 ? Number.POSITIVE_INFINITY : idleMs;
    const waitMs = isHalf ? Math.min(halfClosedIdleMs, limitMs) : limitMs;
    if (waitMs < Number.POSITIVE_INFINITY) this.#thread.wheel.set(this.#timer, waitMs);
  }

  ended(): void {
    if (this.#down.hasEnded && this.#up.hasEnded) {
      this.#thread.wheel.cancel(this.#timer);
    } else {
      this.arm();
    }
  }

  closed(): void {
    this.#openCount--;
    if (this.#openCount > 0) return;
    this.#thread.wheel.cancel(this.#timer);
    this.#options.onClosed?.({ receivedBytes: this.#down.bytes, sentBytes: this.#up.bytes });
  }
}

class RelayEnd implements SocketOwner {
  readonly socket: ByteSocket;
  other: RelayEnd;
  bytes = 0;
  hasEnded = false;
  #isClosed = false;
  readonly #relay: Relay;

  constructor(relay: Relay, socket: ByteSocket) {
    this.#relay = relay;
    this.socket = socket;
    this.other = this;
  }

  onConnected(): void {}

  onBytes(bytes: Buffer): void {
    this.bytes += bytes.length;
    if (!this.other.socket.write(bytes)) this.socket.pause();
  }

  onEnd(): void {
    this.hasEnded = true;
    this.other.socket.end();
    this.#relay.ended();
    if (this.other.hasEnded) this.#closeBoth();
  }

  onDrain(): void {
    this.other.socket.resume();
  }

  onClosed(errorCode: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.other.socket.isClosed) {
      if (errorCode !== "") this.other.socket.reset();
      else if (this.hasEnded) this.other.socket.end();
      else this.other.socket.destroy();
    }
    this.#relay.closed();
  }

  #closeBoth(): void {
    this.socket.destroySoon();
    this.other.socket.destroySoon();
  }
}

function thisTurn(to: RelayEnd, early: Buffer): void {
  if (early.length === 0) return;
  to.other.bytes += early.length;
  if (!to.socket.write(early)) to.other.socket.pause();
}
