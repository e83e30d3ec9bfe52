// The streams that closed last: frames of a stream we reset may still be on their way and are
// passed over, frames of one that ended are an error (RFC 9113 §5.1). More are remembered of the
// first kind, because a forgotten one would cost an honest peer its connection.

const resetsMax = 2048;
const endsMax = 128;

const closeKinds = { Unknown: 0, Ended: 1, ResetByPeer: 2, ResetByUs: 3 } as const;
export const CloseKind: typeof closeKinds = Object.freeze(closeKinds);
export type CloseKind = (typeof CloseKind)[keyof typeof CloseKind];

/** The last identifiers of one kind; grows with its use. */
class Ring {
  readonly #ids: number[] = [];
  readonly #max: number;
  #at = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(streamId: number): void {
    this.#ids[this.#at] = streamId;
    this.#at = (this.#at + 1) % this.#max;
  }

  has(streamId: number): boolean {
    return this.#ids.includes(streamId);
  }

  remove(streamId: number): void {
    const slot = this.#ids.indexOf(streamId);
    if (slot !== -1) this.#ids[slot] = 0;
  }
}

export class ClosedStreams {
  readonly #resets = new Ring(resetsMax);
  readonly #ends = new Ring(endsMax);

  add(streamId: number, kind: CloseKind): void {
    if (kind === CloseKind.ResetByUs) this.#resets.add(streamId);
    else this.#ends.add(streamId);
  }

  /** How that stream closed; Unknown when it is too long ago, or never was open. */
  find(streamId: number): CloseKind {
    if (this.#resets.has(streamId)) return CloseKind.ResetByUs;
    return this.#ends.has(streamId) ? CloseKind.Ended : CloseKind.Unknown;
  }

  /** The last that may still come of a stream we reset has come. */
  settle(streamId: number): void {
    this.#resets.remove(streamId);
    this.#ends.add(streamId);
  }
}
