// Finds out what a connection speaks from its first bytes, or from its silence: a server may be the
// one to speak first.

import type { ByteSocket } from "@weft/runtime";
import type { Direction } from "@weft/rules";
import type { Thread } from "../thread.ts";
import { detect, Spoken } from "./detect.ts";
import { Held, type HeldBytesUser, holdBytes } from "./held-bytes.ts";

const asks = { IsTls: 0, Spoken: 1 } as const;
/** How much has to be known: whether it is TLS, which the first byte says, or what it is. */
export const Asks: typeof asks = Object.freeze(asks);
export type Asks = (typeof Asks)[keyof typeof Asks];

export interface FirstBytesOptions {
  /** Where the connection is counted. */
  readonly direction: Direction;
  readonly waitMs: number;
  readonly asks: Asks;
}

/**
 * `bytes` may be lent; none of them after silence. Nothing more is read until whoever takes over
 * resumes; `hasEnded` when the peer's end was read already.
 */
export type FirstBytesHandler = (bytes: Buffer, spoken: Spoken, hasEnded: boolean) => void;

/** More than this without an answer from `detect` cannot happen. */
const heldBytesMax = 16 * 1024;
const nothing = Buffer.alloc(0);

export class FirstBytes implements HeldBytesUser {
  readonly #thread: Thread;
  readonly #socket: ByteSocket;
  readonly #options: FirstBytesOptions;
  readonly #then: FirstBytesHandler;
  #spoken: Spoken = Spoken.Other;

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
    holdBytes(this.#thread, this.#socket, early, this.#options.waitMs, this);
  }

  get direction(): Direction {
    return this.#options.direction;
  }

  isEnough(bytes: Buffer): boolean {
    const found = detect(bytes);
    this.#spoken = found === Spoken.Unclear ? Spoken.Other : found;
    const { asks: asked } = this.#options;
    return found !== Spoken.Unclear || asked === Asks.IsTls || bytes.length >= heldBytesMax;
  }

  onOver(bytes: Buffer, why: Held): void {
    this.#then(bytes, this.#spoken, why === Held.Ended);
  }
}
