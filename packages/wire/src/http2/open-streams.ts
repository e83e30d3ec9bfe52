// The open streams of a connection by identifier. Streams come and go with every request, for
// which a `Map` is a poor place: it keeps what was deleted until it moves everything, every few
// requests. Identifiers count up, so their own low bits spread them over slots; those that share
// one stand in the next free one. A peer that picks its identifiers can make a look-up as long as
// it may have streams open, no longer.

import type { StreamState } from "./stream.ts";

const slotsMin = 16;

export class OpenStreams {
  #slots: (StreamState | null)[] = emptySlots(slotsMin);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get(streamId: number): StreamState | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = slotOf(streamId) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at] as StreamState | null;
      if (stream === null) return undefined;
      if (stream.id === streamId) return stream;
    }
  }

  /** A stream whose identifier is not there yet. */
  add(stream: StreamState): void {
    // Half of the slots stay free, so that look-ups stay short and end.
    if (++this.#count * 2 > this.#slots.length) this.#grow();
    place(this.#slots, stream);
  }

  delete(streamId: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = slotOf(streamId) & mask;
    for (; ; at = (at + 1) & mask) {
      const stream = slots[at] as StreamState | null;
      if (stream === null) return;
      if (stream.id === streamId) break;
    }
    this.#count--;
    // What stands behind it because this slot was taken moves up.
    for (let next = (at + 1) & mask; ; next = (next + 1) & mask) {
      const stream = slots[next] as StreamState | null;
      if (stream === null) break;
      const home = slotOf(stream.id) & mask;
      if (((next - home) & mask) < ((next - at) & mask)) continue;
      slots[at] = stream;
      at = next;
    }
    slots[at] = null;
  }

  /** All of them, by identifier: the order in which they were opened. */
  all(): StreamState[] {
    const streams = this.#slots.filter((stream) => stream !== null);
    return streams.sort((a, b) => a.id - b.id);
  }

  #grow(): void {
    const grown = emptySlots(this.#slots.length * 2);
    for (const stream of this.#slots) if (stream !== null) place(grown, stream);
    this.#slots = grown;
  }
}

function emptySlots(count: number): (StreamState | null)[] {
  return new Array<StreamState | null>(count).fill(null);
}

/** Identifiers of one side are all odd. */
function slotOf(streamId: number): number {
  return streamId >>> 1;
}

function place(slots: (StreamState | null)[], stream: StreamState): void {
  const mask = slots.length - 1;
  let at = slotOf(stream.id) & mask;
  while (slots[at] !== null) at = (at + 1) & mask;
  slots[at] = stream;
}
