// Listening sockets that outlive the process that opened them (hot upgrade): each has a name, and
// who starts with descriptors of a process before it finds them by that name instead of binding
// anew. A connection that waits in such a socket's queue is served by whoever accepts next.

import { adoptListener, type BoundListener, closeDescriptor } from "./listen.ts";

export class Inheritance {
  readonly #received: Map<string, number>;
  readonly #held = new Map<string, BoundListener>();
  readonly hasPredecessor: boolean;

  /** `received`: name → descriptor; null where this is the first process. */
  constructor(received: Readonly<Record<string, number>> | null = null) {
    this.#received = new Map(Object.entries(received ?? {}));
    this.hasPredecessor = received !== null;
  }

  /** The socket of that name, inherited or opened now. Throws what `open` throws. */
  listener(name: string, address: string, open: () => BoundListener): BoundListener {
    const fd = this.#received.get(name);
    this.#received.delete(name);
    const bound = fd === undefined ? open() : adoptListener(fd, address);
    this.#held.set(name, bound);
    return bound;
  }

  /** What the next process is given: name → descriptor of every socket that is open. */
  held(): Record<string, number> {
    const open = [...this.#held].filter(([, bound]) => bound.isOpen);
    return Object.fromEntries(open.map(([name, { fd }]) => [name, fd]));
  }

  /** What nobody asked for is of no use any more. */
  closeRest(): void {
    for (const fd of this.#received.values()) closeDescriptor(fd);
    this.#received.clear();
  }
}
