// This worker's end of the workload identity: one TLS context at a time, replaced when the agent
// renews the SVID or the trust bundle changes. Connections opened with an older one finish their
// work and close.

import { createTlsContext, type TlsAcceptor, type TlsContext } from "@weft/runtime";

/** What the main thread sends; the bundle is the newest of agent and control plane. */
export interface IdentityBytes {
  readonly keyPem: string;
  readonly chainPem: string;
  readonly rootsPem: string;
  readonly spiffeId: string;
  readonly notAfterMs: number;
  /** Shared by the workers, so that a session can be resumed on any of them. */
  readonly ticketKeys: Uint8Array;
}

export class ThreadIdentity {
  #context: TlsContext | null = null;
  #bytes: IdentityBytes | null = null;
  readonly #acceptors = new Set<TlsAcceptor>();

  /** Null until the first SVID. */
  get context(): TlsContext | null {
    return this.#context;
  }

  get spiffeId(): string {
    return this.#bytes?.spiffeId ?? "";
  }

  get ticketKeys(): Buffer {
    return Buffer.from(this.#bytes?.ticketKeys ?? []);
  }

  replace(bytes: IdentityBytes): void {
    this.#bytes = bytes;
    this.#context = createTlsContext(bytes);
    for (const acceptor of this.#acceptors) acceptor.setContext(this.#context, this.ticketKeys);
  }

  /** The acceptor gets every later identity. */
  follow(acceptor: TlsAcceptor): void {
    this.#acceptors.add(acceptor);
  }

  forget(acceptor: TlsAcceptor): void {
    this.#acceptors.delete(acceptor);
    acceptor.close();
  }
}
