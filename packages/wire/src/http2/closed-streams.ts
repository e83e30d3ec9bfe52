// The streams that closed last: frames of a stream we reset may still be on their way and are
// passed over, frames of one that ended are an error (RFC 9113 §5.1).

const slots = 256;

const closeKinds = { Unknown: 0, Ended: 1, ResetByPeer: 2, ResetByUs: 3 } as const;
export const CloseKind: typeof closeKinds = Object.freeze(closeKinds);
export type CloseKind = (typeof CloseKind)[keyof typeof CloseKind];

export class ClosedStreams {
  readonly #ids = new Int32Array(slots);
  readonly #kinds = new Uint8Array(slots);
  #at = 0;

  add(streamId: number, kind: CloseKind): void {
    this.#ids[this.#at] = streamId;
    this.#kinds[this.#at] = kind;
    this.#at = (this.#at + 1) % slots;
  }

  /** How that stream closed; Unknown when it is too long ago, or never was open. */
  find(streamId: number): CloseKind {
    const slot = this.#ids.indexOf(streamId);
    return slot === -1 ? CloseKind.Unknown : (this.#kinds[slot] as CloseKind);
  }
}
