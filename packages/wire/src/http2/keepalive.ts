// Whether the peer is still there (RFC 9113 §6.7): a connection that waits for an answer and hears
// nothing asks by a PING, and is given up when nothing comes back. Hosts die and networks drop
// packets without a word; TCP alone notices after a quarter of an hour, and only what was sent.

/** When a silent peer is asked, and given up. */
export interface Http2Keepalive {
  /** Nothing came for so long while streams are open. */
  readonly intervalMs: number;
  /**
   * The same after an answer that nothing else has followed. Servers of gRPC take more than two
   * PINGs in five minutes for abuse when they have nothing to say meanwhile.
   */
  readonly repeatMs: number;
  /** Without streams. */
  readonly idleMs: number;
  /** No answer for so long: it is gone. */
  readonly timeoutMs: number;
}

/** As careful as servers of gRPC demand, and found within a minute. */
export const defaultHttp2Keepalive: Http2Keepalive = Object.freeze({
  intervalMs: 30_000,
  repeatMs: 310_000,
  idleMs: 310_000,
  timeoutMs: 20_000,
});

const advices = { Nothing: 0, Ping: 1, GiveUp: 2 } as const;
export const Advice: typeof advices = Object.freeze(advices);
export type Advice = (typeof Advice)[keyof typeof Advice];

/** Without streams so many PINGs are sent, as servers of gRPC then allow none for two hours. */
const idlePingsMax = 2;

/** The PING; its answer is told from those to others. */
export const keepalivePing: Buffer = Buffer.from("weftlive", "latin1");

export class Keepalive {
  readonly #settings: Http2Keepalive;
  #heardAtMs = -1;
  /** When the unanswered PING was sent, -1 without one. */
  #askedAtMs = -1;
  #answeredAtMs = -1;
  /** PINGs since the peer last said anything else. */
  #pingCount = 0;

  constructor(settings: Http2Keepalive) {
    this.#settings = settings;
  }

  /** Bytes of any kind came. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** Among them the answer. */
  answered(nowMs: number): void {
    this.#answeredAtMs = nowMs;
  }

  /** To be called about every second. `isPatient`: the peer takes as many PINGs as we send. */
  look(nowMs: number, hasStreams: boolean, isPatient: boolean): Advice {
    if (this.#heardAtMs === -1) this.#heardAtMs = nowMs;
    if (this.#askedAtMs !== -1) {
      if (this.#heardAtMs < this.#askedAtMs) {
        const isOver = nowMs - this.#askedAtMs >= this.#settings.timeoutMs;
        return isOver ? Advice.GiveUp : Advice.Nothing;
      }
      this.#askedAtMs = -1;
    }
    if (this.#heardAtMs !== this.#answeredAtMs) this.#pingCount = 0;
    if (nowMs - this.#heardAtMs < this.#patienceMs(hasStreams, isPatient)) return Advice.Nothing;
    this.#askedAtMs = nowMs;
    this.#pingCount++;
    return Advice.Ping;
  }

  #patienceMs(hasStreams: boolean, isPatient: boolean): number {
    const { intervalMs, repeatMs, idleMs } = this.#settings;
    if (hasStreams) return isPatient || this.#pingCount === 0 ? intervalMs : repeatMs;
    return isPatient || this.#pingCount < idlePingsMax ? idleMs : Number.POSITIVE_INFINITY;
  }
}
