// Reads which server name a TLS client asks for (SNI), without ending its TLS: the bytes of its
// ClientHello are held until it is whole, however it was cut, and go on as they came (http-cases
// H54).

import type { ByteSocket } from "@weft/runtime";
import { ClientHello, clientHelloBytesMax, HelloStatus, readClientHello } from "@weft/wire";
import type { Thread } from "../thread.ts";
import { Held, type HeldBytesUser, holdBytes } from "./held-bytes.ts";

const helloMs = 5_000;

export interface ServerNameHandler {
  /** "" without one, and for what is no TLS. `bytes` may be lent. */
  onServerName(bytes: Buffer, serverName: string, isTls: boolean): void;
  /** Malformed, too long or too late. */
  onBadHello(reason: string): void;
}

/** `early` may be lent. */
export function readServerName(
  thread: Thread,
  socket: ByteSocket,
  early: Buffer,
  handler: ServerNameHandler,
): void {
  holdBytes(thread, socket, early, helloMs, new HelloReader(handler));
}

class HelloReader implements HeldBytesUser {
  readonly direction = "outbound";
  readonly #handler: ServerNameHandler;
  readonly #hello = new ClientHello();
  #status: HelloStatus = HelloStatus.More;

  constructor(handler: ServerNameHandler) {
    this.#handler = handler;
  }

  isEnough(bytes: Buffer): boolean {
    this.#status = readClientHello(bytes, this.#hello);
    const isTooLong = bytes.length > clientHelloBytesMax;
    if (this.#status === HelloStatus.More && isTooLong) this.#status = HelloStatus.TooLarge;
    return this.#status !== HelloStatus.More;
  }

  onOver(bytes: Buffer, why: Held): void {
    switch (this.#status) {
      case HelloStatus.More:
        return this.#handler.onBadHello(why === Held.Ended ? "cut short" : "not whole in time");
      case HelloStatus.Done:
        return this.#handler.onServerName(bytes, this.#hello.serverName, true);
      case HelloStatus.NotTls:
        return this.#handler.onServerName(bytes, "", false);
      case HelloStatus.Malformed:
        return this.#handler.onBadHello("malformed");
      case HelloStatus.TooLarge:
        return this.#handler.onBadHello("too long");
    }
  }
}
