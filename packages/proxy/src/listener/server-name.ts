// Reads which server name a TLS client asks for (SNI), without ending its TLS: the bytes of its
// ClientHello are held until it is whole, however it was cut, and go on as they came (http-cases
// H54).

import { type ByteSocket, type SocketOwner, WheelTimer } from "@weft/runtime";
import { ClientHello, clientHelloBytesMax, HelloStatus, readClientHello } from "@weft/wire";
import type { Thread } from "../thread.ts";

const helloMs = 5_000;
const nothing = Buffer.alloc(0);

export interface ServerNameHandler {
  /** "" without one, and for what is no TLS. `bytes` may be lent; nothing more is read until
   * whoever takes over resumes. */
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
  new HelloReader(thread, socket, handler).begin(early);
}

class HelloReader implements SocketOwner {
  readonly #thread: Thread;
  readonly #socket: ByteSocket;
  readonly #handler: ServerNameHandler;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  readonly #hello = new ClientHello();
  #held: Buffer = nothing;
  #isOver = false;

  constructor(thread: Thread, socket: ByteSocket, handler: ServerNameHandler) {
    this.#thread = thread;
    this.#socket = socket;
    this.#handler = handler;
  }

  begin(early: Buffer): void {
    this.#socket.owner = this;
    this.#thread.stats.openingCount++;
    this.#thread.wheel.set(this.#timer, helloMs);
    if (early.length > 0) this.onBytes(early);
    if (!this.#isOver) this.#socket.resume();
  }

  onConnected(): void {}
  onDrain(): void {}

  onBytes(bytes: Buffer): void {
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    switch (readClientHello(all, this.#hello)) {
      case HelloStatus.More:
        if (all.length > clientHelloBytesMax) return this.#refuse("too long");
        this.#held = Buffer.from(all);
        return;
      case HelloStatus.Done:
        return this.#finish(all, true);
      case HelloStatus.NotTls:
        return this.#finish(all, false);
      case HelloStatus.Malformed:
        return this.#refuse("malformed");
      case HelloStatus.TooLarge:
        return this.#refuse("too long");
    }
  }

  onEnd(): void {
    if (!this.#isOver) this.#refuse("cut short");
  }

  onClosed(): void {
    this.#end();
  }

  onTimeout(): void {
    if (!this.#isOver) this.#refuse("not whole in time");
  }

  #finish(bytes: Buffer, isTls: boolean): void {
    this.#end();
    this.#socket.pause();
    this.#handler.onServerName(bytes, this.#hello.serverName, isTls);
  }

  #refuse(reason: string): void {
    this.#end();
    this.#handler.onBadHello(reason);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#thread.stats.openingCount--;
    this.#thread.wheel.cancel(this.#timer);
  }
}
