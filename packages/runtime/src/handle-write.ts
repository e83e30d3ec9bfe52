// Writing to the handle of a plain socket, around `Writable` (docs/decisions/0048). Node 26 takes
// a write without a request object and answers at once when the system took everything, which is
// nearly always: no object, no callback, no tick is spent on it. Older versions want the object
// first, so the first write of a thread goes Node's own way and shows which kind this one is.

import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";

/** A write that the system takes later; Node makes it and calls `oncomplete`. */
export interface LateWrite {
  oncomplete: (this: LateWrite, status: number) => void;
  /** Set when it was over before `oncomplete` stood there. */
  writeStatus: number | null;
  /** Kept alive until then. */
  bytes: Buffer | Buffer[];
  byteCount: number;
  writer: LateWriter;
}

interface LateWriter {
  completed(byteCount: number, status: number): void;
}

interface Handle {
  readonly writeQueueSize: number;
  writeBuffer(request: object | null, bytes: Buffer): number | LateWrite;
  writev(request: object | null, pieces: Buffer[], areBuffers: true): number | LateWrite;
}

export interface WithHandle {
  readonly _handle: Handle | null;
}

/** Whether this Node writes without a request object; null: not seen yet. */
let isSupported: boolean | null = null;

/** Bytes that may wait for the system before the writer should stop. */
export const waitingBytesMax: number = 64 * 1024;

/** Whether this Node is known to write without a request object; else `socket` is to show it. */
export function writesDirectly(socket: Socket): boolean {
  if (isSupported === null) watchFirstWrite(socket);
  return isSupported === true;
}

/** The writing side of one socket. */
export class HandleWriter {
  readonly #socket: Socket;
  /** Called when everything that waited was taken. */
  readonly #onEmpty: () => void;
  #isDirect = false;
  #waitingBytes = 0;

  constructor(socket: Socket, onEmpty: () => void) {
    this.#socket = socket;
    this.#onEmpty = onEmpty;
  }

  /** Bytes that wait for the system. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** More waits than should. */
  get isFull(): boolean {
    return this.#waitingBytes > waitingBytesMax;
  }

  /**
   * Whether the handle may be written to. Once it may it always may, and nothing must be written to
   * the socket itself any more.
   */
  get isDirect(): boolean {
    return this.#isDirect || this.#begin();
  }

  #begin(): boolean {
    const socket = this.#socket;
    const mayWrite = writesDirectly(socket) && !socket.connecting && socket.writableLength === 0;
    this.#isDirect = mayWrite;
    return mayWrite;
  }

  /** True when the system took all of it; else `bytes` must stay as they are until `onEmpty`. */
  write(bytes: Buffer): boolean {
    const handle = (this.#socket as unknown as WithHandle)._handle;
    if (handle === null) return true;
    const answer = handle.writeBuffer(null, bytes);
    if (answer === 0) return true;
    if (typeof answer === "number") failWrite(this.#socket, answer);
    else this.#await(handle, answer, bytes);
    return false;
  }

  #await(handle: Handle, late: LateWrite, bytes: Buffer): void {
    tellWhenComplete(late, this, bytes, bytes.length);
    this.#waitingBytes += bytes.length;
    const status = late.writeStatus;
    // Nothing queued and nothing told: it was refused.
    if (status !== null) this.completed(bytes.length, status);
    else if (handle.writeQueueSize === 0) failWrite(this.#socket, brokenPipe);
  }

  completed(byteCount: number, status: number): void {
    this.#waitingBytes -= byteCount;
    if (status < 0) failWrite(this.#socket, status);
    else if (this.#waitingBytes === 0) this.#onEmpty();
  }

  end(): void {
    this.#socket.end();
  }

  destroySoon(): void {
    this.#socket.destroySoon();
  }
}

export const brokenPipe: number = -32;

/** What is left of a socket that could not be written to. */
export function failWrite(socket: Socket, status: number): void {
  const code = getSystemErrorName(status);
  const error: NodeJS.ErrnoException = new Error(`write ${code}`);
  error.code = code;
  socket.destroy(error);
}

/** Has `writer.completed` called when it is over, unless `writeStatus` says that it is. */
export function tellWhenComplete(
  late: LateWrite,
  writer: LateWriter,
  bytes: Buffer | Buffer[],
  byteCount: number,
): void {
  late.bytes = bytes;
  late.byteCount = byteCount;
  late.writer = writer;
  late.oncomplete = onComplete;
}

function onComplete(this: LateWrite, status: number): void {
  this.writer.completed(this.byteCount, status);
}

/** Node's own way of writing is seen once, on a handle of which it is the only user. */
function watchFirstWrite(socket: Socket): void {
  const handle = (socket as unknown as WithHandle)._handle;
  if (handle === null || socket.connecting || Object.hasOwn(handle, "writeBuffer")) return;
  const write = handle.writeBuffer;
  handle.writeBuffer = function (this: Handle, request, bytes) {
    isSupported ??= request === null;
    Reflect.deleteProperty(this, "writeBuffer");
    return write.call(this, request, bytes);
  };
}
