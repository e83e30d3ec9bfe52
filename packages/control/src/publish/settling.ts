// Tells who waits for a store revision when every connected proxy has answered a snapshot that
// contains it.

import type { ConnectedProxy } from "./connected-proxy.ts";

interface Waiter {
  readonly revision: number;
  /** The publication that contains the revision; null while it is not published. */
  publication: number | null;
  readonly resolve: () => void;
}

export class Settling {
  readonly #proxies: () => Iterable<ConnectedProxy>;
  #waiters: Waiter[] = [];
  #revision = -1;
  #publication = 0;

  constructor(proxies: () => Iterable<ConnectedProxy>) {
    this.#proxies = proxies;
  }

  wait(revision: number): Promise<void> {
    return new Promise((resolve) => {
      const publication = revision <= this.#revision ? this.#publication : null;
      this.#waiters.push({ revision, publication, resolve });
      this.check();
    });
  }

  /** Everything up to the revision is in the publication, or in one before it. */
  published(revision: number, publication: number): void {
    this.#revision = revision;
    this.#publication = publication;
    for (const waiter of this.#waiters) {
      if (waiter.publication === null && waiter.revision <= revision) {
        waiter.publication = publication;
      }
    }
    this.check();
  }

  /** Called after each answer of a proxy, and when one leaves. */
  check(): void {
    if (this.#waiters.length === 0) return;
    const proxies = [...this.#proxies()];
    this.#waiters = this.#waiters.filter(({ publication, resolve }) => {
      if (publication === null) return true;
      const isOpen = proxies.some((proxy) => !proxy.runs(publication) && proxy.refusal === null);
      if (!isOpen) resolve();
      return isOpen;
    });
  }
}
