// Listening sockets that outlive the process that opened them (hot upgrade): each has a name, and
// who starts with descriptors of a process before it finds them by that name instead of binding
// anew. A connection that waits in such a socket's queue is served by whoever accepts next.

import { adoptListener, type BoundListener, closeDescriptor } from "./listen.ts";

export class Inheritance {
  readonly #received: Map<string, number>;
  readonly #held = new Map<string, BoundListener>();
  /** The other process has these. */
  readonly #shared: Set<string>;
  readonly hasPredecessor: boolean;

  /** `received`: name → descriptor; null where this is the first process. */
  constructor(received: Readonly<Record<string, number>> | null = null) {
    this.#received = new Map(Object.entries(received ?? {}));
    this.#shared = new Set(this.#received.keys());
    this.hasPredecessor = received !== null;
  }

  /** More of the process before this one, which opened them meanwhile. */
  receive(sockets: Readonly<Record<string, number>>): void {
    for (const [name, fd] of Object.entries(sockets)) {
      this.#received.set(name, fd);
      this.#shared.add(name);
    }
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
  handOn(): Record<string, number> {
    this.#shared.clear();
    return this.newcomers();
  }

  /** What the other process does not have yet. */
  newcomers(): Record<string, number> {
    const found: Record<string, number> = {};
    for (const [name, { fd, isOpen }] of this.#held) {
      if (!isOpen || this.#shared.has(name)) continue;
      this.#shared.add(name);
      found[name] = fd;
    }
    return found;
  }

  /** What nobody asked for is of no use any more. */
  closeRest(): void {
    for (const fd of this.#received.values()) closeDescriptor(fd);
    this.#received.clear();
  }
}
