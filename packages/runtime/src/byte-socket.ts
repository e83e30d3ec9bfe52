// What a connection is to the proxy, TCP or TLS or anything else that carries bytes both ways, and
// what its owner is told.

import type { TLSSocket } from "node:tls";

/** Who uses a socket. Bytes are valid only during the call: copy what must outlive it. */
export interface SocketOwner {
  /** The connection is up, and for TLS the handshake done; outgoing connections only. */
  onConnected(): void;
  onBytes(bytes: Buffer): void;
  /** The peer sends nothing more. */
  onEnd(): void;
  /** After a write answered false: more may be written. */
  onDrain(): void;
  /** Over, exactly once; `errorCode` is "" after an orderly end, else a name like ECONNRESET. */
  onClosed(errorCode: string): void;
}

export interface ByteSocket {
  owner: SocketOwner;
  readonly isClosed: boolean;
  /** Bytes written and not yet taken by the system exceed the high-water mark. */
  readonly isBlocked: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** Bytes read and written over its life. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes that were written and wait for the system, or for what carries them. */
  readonly unsentBytes: number;
  /** The TLS side of it, null for plain TCP. */
  readonly tls: TLSSocket | null;
  /**
   * Gathers; what was gathered goes out when the turn of the event loop ends. False: stop until
   * `onDrain`.
   */
  write(bytes: Buffer): boolean;
  /** Stops reading after the current call. */
  pause(): void;
  resume(): void;
  /** Sends what is gathered, then FIN. Reading goes on. */
  end(): void;
  /** Sends everything written, then closes. */
  destroySoon(): void;
  /** Closes now; gathered bytes are sent if the system takes them at once. */
  destroy(): void;
  /** Closes with a reset, so that the peer cannot take a cut message for a whole one. */
  reset(): void;
}
