// When an endpoint closes idle connections. Reusing a connection at that very moment loses the
// request, so the pool stops using it earlier. An endpoint that says `Keep-Alive: timeout=N` is
// believed; otherwise two closes after about the same idle time are taken for a rule, because a
// single one may be a restart.

/** Share of the known time after which a connection is no longer used. */
const useShare = 0.8;
/** Two closes within this factor are the same rule. */
const sameFactor = 1.25;
/** Shorter observations are restarts and refusals, not idle timeouts. */
const observedMinMs = 400;

export class IdleClose {
  #announcedMs: number;
  #seenMs = 0;
  #learnedMs = Number.POSITIVE_INFINITY;

  /** `knownMs` where it is known beforehand, else infinity. */
  constructor(knownMs: number) {
    this.#announcedMs = knownMs;
  }

  /** Whether anything is known: if not, the endpoint may close at any moment. */
  get isKnown(): boolean {
    return this.usableMs !== Number.POSITIVE_INFINITY;
  }

  /** From `Keep-Alive: timeout`. */
  announced(timeoutMs: number): void {
    this.#announcedMs = timeoutMs;
  }

  /** The endpoint closed a connection that had been idle so long. */
  observed(idleMs: number): void {
    if (idleMs < observedMinMs) return;
    const seen = this.#seenMs;
    if (seen > 0 && idleMs < seen * sameFactor && seen < idleMs * sameFactor) {
      this.#learnedMs = Math.min(this.#learnedMs, idleMs, seen);
    }
    this.#seenMs = idleMs;
  }

  /** A connection idle for longer than this must not be used again. */
  get usableMs(): number {
    return Math.min(this.#announcedMs, this.#learnedMs) * useShare;
  }
}
