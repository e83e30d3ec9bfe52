// Writing to the handle of a TLS socket, around `Writable` (docs/decisions/0052). Its handle
// encrypts at once and says in the next turn that it is done, also when the system took
// everything; until then it must be given nothing more. What comes meanwhile waits here and goes
// out in one piece, and so does the end of the connection, whose alert would otherwise overtake it.
// TLS 1.3 only: a handshake in the middle (RFC 5246 §7.4.1.1) can leave bytes unencrypted.

import type { TLSSocket } from "node:tls";
import {
  brokenPipe,
  failWrite,
  tellWhenComplete,
  waitingBytesMax,
  type WithHandle,
  writesDirectly,
} from "./handle-write.ts";

const closings = { None: 0, End: 1, DestroySoon: 2 } as const;
type Closing = (typeof closings)[keyof typeof closings];

/** The writing side of one TLS socket. */
export class TlsWriter {
  readonly #socket: TLSSocket;
  /** Called when everything that waited was taken. */
  readonly #onEmpty: () => void;
  #isDirect = false;
  #isBusy = false;
  /** Came while the handle was busy. */
  #queue: Buffer[] = [];
  /** Of the queue and of what the handle is busy with. */
  #waitingBytes = 0;
  #closing: Closing = closings.None;

  constructor(socket: TLSSocket, onEmpty: () => void) {
    this.#socket = socket;
    this.#onEmpty = onEmpty;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** More waits than should. */
  get isFull(): boolean {
    return this.#waitingBytes >= waitingBytesMax;
  }

  /** What is written now is encrypted at once. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#socket.writableLength === 0;
  }

  /** As of `HandleWriter`. */
  get isDirect(): boolean {
    return this.#isDirect || this.#begin();
  }

  #begin(): boolean {
    const socket = this.#socket;
    // The first write goes Node's way: it may come while the handshake is just ending, when
    // nothing can be encrypted yet.
    if (writesDirectly(socket) && socket.bytesWritten > 0 && socket.writableLength === 0) {
      this.#isDirect = socket.getProtocol() === "TLSv1.3";
    }
    return this.#isDirect;
  }

  /** True when all of it is encrypted; else `bytes` must stay as they are until `onEmpty`. */
  write(bytes: Buffer): boolean {
    this.#waitingBytes += bytes.length;
    if (this.#isBusy) {
      this.#queue.push(bytes);
      return false;
    }
    this.#give(bytes);
    return true;
  }

  #give(bytes: Buffer | Buffer[]): void {
    const handle = (this.#socket as unknown as WithHandle)._handle;
    if (handle === null) return;
    const byteCount = this.#waitingBytes;
    const late = Array.isArray(bytes)
      ? handle.writev(null, bytes, true)
      : handle.writeBuffer(null, bytes);
    if (typeof late === "number") return this.completed(byteCount, late);
    this.#isBusy = true;
    tellWhenComplete(late, this, bytes, byteCount);
    const status = late.writeStatus;
    if (status !== null) this.completed(byteCount, status);
    // Nothing encrypted and nothing told: it was refused.
    else if (handle.writeQueueSize === 0) failWrite(this.#socket, brokenPipe);
  }

  completed(byteCount: number, status: number): void {
    this.#isBusy = false;
    this.#waitingBytes -= byteCount;
    if (this.#socket.destroyed) return;
    if (status < 0) return failWrite(this.#socket, status);
    if (this.#queue.length > 0) {
      const pieces = this.#queue;
      this.#queue = [];
      return this.#give(pieces);
    }
    if (this.#closing === closings.None) this.#onEmpty();
    else this.#close();
  }

  end(): void {
    if (this.#closing === closings.None) this.#closing = closings.End;
    if (!this.#isBusy) this.#close();
  }

  destroySoon(): void {
    this.#closing = closings.DestroySoon;
    if (!this.#isBusy) this.#close();
  }

  #close(): void {
    if (this.#closing === closings.End) this.#socket.end();
    else this.#socket.destroySoon();
  }
}
