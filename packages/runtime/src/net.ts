// Byte sockets: TCP or TLS connections as the proxy sees them. Three things make them cheap. Plain
// sockets read into one buffer per thread (`onread`), so a read allocates nothing. What is read and
// written during one turn of the event loop is handled and sent at its end (`turn.ts`). Owners are
// objects with methods: no closure, promise or listener per request.
//
// Seams of Node are used here and nowhere else (docs/decisions/0019, 0048, 0049, 0052): an accepted
// connection's handle is given to a socket with `onread`, `push` of a TLS socket is replaced,
// sockets write to their handle (`handle-write.ts`, `tls-write.ts`) and TLS sockets read into our
// buffer (`tls-read.ts`), so that bytes do not pass through the stream machinery.

import { connect as connectTcp, isIP, Socket, type TcpNetConnectOpts } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ByteSocket, SocketOwner } from "./byte-socket.ts";
import { reportFault } from "./faults.ts";
import {
  dropOf,
  flushOf,
  gatherForTurn,
  type Gatherer,
  gatherWrite,
  hasGathered,
  type Piece,
  sendLarge,
} from "./gather.ts";
import { HandleWriter } from "./handle-write.ts";
import { isSmallRead, keepRead, takeReads } from "./inbox.ts";
import { plainAddress } from "./original-destination.ts";
import { socketFrom } from "./transparent-socket.ts";
import { readIntoBuffer } from "./tls-read.ts";
import { TlsWriter } from "./tls-write.ts";

export type { ByteSocket, SocketOwner } from "./byte-socket.ts";

const readBufferBytes = 64 * 1024;
/** A chunk from this size on is written by itself rather than copied beside others. */
const copyBytesMax = 32 * 1024;

/**
 * Every plain socket of this thread reads into it; handlers run to their end before the next read.
 */
const readBuffer: Buffer = Buffer.allocUnsafeSlow(readBufferBytes);

/** A TLS read of so many bytes is one of several: Node makes them of 16 KiB at most. */
const bulkBytes = 8 * 1024;
/** Such a read is being handled: what it holds may be for many sockets in turn. */
let isInBulk = false;

function faulted(own: TcpSocket, error: unknown): void {
  reportFault(error);
  own.destroy();
}

const noOwner: SocketOwner = {
  onConnected() {},
  onBytes() {},
  onEnd() {},
  onDrain() {},
  onClosed() {},
};

/** A socket of Node with a place for ours. */
interface Attached extends Socket {
  weft?: TcpSocket;
}

class TcpSocket implements ByteSocket, Gatherer {
  owner: SocketOwner = noOwner;
  isClosed = false;
  isBlocked = false;
  piece: Piece | null = null;
  readonly tls: TLSSocket | null;
  /** The port is asked for often, by logs and headers, and costs a system call each time. */
  #remotePort = -1;
  #remoteAddress: string;
  #isEnding = false;
  #isDestroyed = false;
  /** What it reads waits for no turn's end (`readAtOnce`). */
  isAtOnce = false;
  #isPaused = false;
  /** What a TLS record still held when reading stopped; null stands for the peer's end. */
  #held: (Buffer | null)[] | null = null;
  #errorCode = "";
  readonly socket: Socket;
  readonly #writer: HandleWriter | TlsWriter;

  /** `remoteAddress` where it is known already. */
  constructor(socket: Socket, tls: TLSSocket | null, remoteAddress = "") {
    this.socket = socket;
    this.#remoteAddress = remoteAddress;
    const onEmpty = (): void => drained(this);
    this.#writer = tls === null ? new HandleWriter(socket, onEmpty) : new TlsWriter(tls, onEmpty);
    this.tls = tls;
    (socket as Attached).weft = this;
    socket.on("error", onSocketError);
    socket.on("close", onSocketClose);
    socket.on("drain", onSocketDrain);
    socket.push = tls === null ? pushPlain : pushTls;
    if (tls !== null) {
      readIntoBuffer(tls, readBuffer, (length) => {
        if (this.isClosed) return false;
        return deliver(this, readBuffer.subarray(0, length), length >= bulkBytes);
      });
    }
  }

  get remoteAddress(): string {
    if (this.#remoteAddress === "") {
      this.#remoteAddress = plainAddress(this.socket.remoteAddress ?? "");
    }
    return this.#remoteAddress;
  }

  get remotePort(): number {
    if (this.#remotePort < 0) this.#remotePort = this.socket.remotePort ?? 0;
    return this.#remotePort;
  }

  get localPort(): number {
    return this.socket.localPort ?? 0;
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get bytesWritten(): number {
    return this.socket.bytesWritten;
  }

  get unsentBytes(): number {
    return this.socket.writableLength + this.#writer.waitingBytes;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.#isEnding) return false;
    if (this.piece !== null || (isInBulk && this.#mayGatherLong)) gatherForTurn(this, bytes);
    else if (bytes.length <= copyBytesMax) gatherWrite(this, bytes);
    // The caller's bytes are only lent: they are copied, unless TLS encrypts them at once.
    else if (!this.#encryptsAtOnce || hasGathered(this)) sendLarge(this, bytes);
    else this.send(bytes);
    return !this.isBlocked;
  }

  /** Those who write to TLS gather for themselves. */
  get #mayGatherLong(): boolean {
    return this.tls === null && this.unsentBytes === 0;
  }

  /** TLS encrypts what it writes at once; only what comes meanwhile waits as it is. */
  get #encryptsAtOnce(): boolean {
    return this.#writer instanceof TlsWriter && this.#writer.isIdle;
  }

  /** True when all of it was taken: its place can be used again. */
  send(bytes: Buffer): boolean {
    const writer = this.#writer;
    if (writer.isDirect) {
      const isTaken = writer.write(bytes);
      if (writer.isFull) this.isBlocked = true;
      return isTaken;
    }
    const isEncrypted = this.#encryptsAtOnce;
    if (!this.socket.write(bytes)) this.isBlocked = true;
    return isEncrypted || this.socket.writableLength === 0;
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    // Inside `onBytes` the return value of the read callback stops the handle; elsewhere this does.
    if (this.tls === null) this.socket.pause();
    else stopReading(this.socket);
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.isClosed || !this.#releaseHeld()) return;
    if (this.tls === null) this.socket.resume();
    else this.socket._read(0);
  }

  /** From the inbox: somebody may have destroyed it since. */
  take(bytes: Buffer): void {
    if (!this.isClosed && !this.#isDestroyed) deliver(this, bytes);
  }

  /** Bytes or the peer's end, now or when reading goes on. */
  received(bytes: Buffer | null): void {
    if (this.#isPaused || this.#held !== null) {
      this.#held ??= [];
      this.#held.push(bytes === null ? null : Buffer.from(bytes));
    } else if (bytes === null) this.owner.onEnd();
    else this.owner.onBytes(bytes);
  }

  /** False when the owner stopped again before all was given. */
  #releaseHeld(): boolean {
    const held = this.#held;
    if (held === null) return true;
    while (held.length > 0 && !this.#isPaused && !this.isClosed) {
      const bytes = held.shift() as Buffer | null;
      if (bytes === null) this.owner.onEnd();
      else this.owner.onBytes(bytes);
    }
    if (held.length === 0) this.#held = null;
    return this.#held === null && !this.#isPaused;
  }

  end(): void {
    if (this.isClosed || this.#isEnding) return;
    flushOf(this);
    this.#isEnding = true;
    this.#writer.end();
  }

  destroySoon(): void {
    if (this.isClosed) return;
    flushOf(this);
    this.#isEnding = true;
    this.#writer.destroySoon();
  }

  destroy(): void {
    if (this.isClosed) return;
    flushOf(this);
    this.#isDestroyed = true;
    this.socket.destroy();
  }

  reset(): void {
    if (this.isClosed) return;
    dropOf(this);
    this.#isDestroyed = true;
    // The system refuses to reset what is being shut down, and Node then never closes it.
    if (this.tls === null && !this.#isEnding) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  failed(errorCode: string): void {
    this.#errorCode = errorCode;
  }

  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    dropOf(this);
    try {
      this.owner.onClosed(this.#errorCode);
    } catch (error) {
      faulted(this, error);
    }
  }

  /** Leaves the Node socket to somebody else (TLS over it), as if it had never been here. */
  detach(): void {
    this.socket.off("error", onSocketError);
    this.socket.off("close", onSocketClose);
    this.socket.off("drain", onSocketDrain);
    this.isClosed = true;
    Reflect.deleteProperty(this.socket, "push");
  }
}

function onSocketError(this: Socket, error: NodeJS.ErrnoException): void {
  (this as Attached).weft?.failed(error.code ?? "EIO");
}

function onSocketClose(this: Socket): void {
  (this as Attached).weft?.closed();
}

function onSocketDrain(this: Socket): void {
  const own = (this as Attached).weft;
  if (own !== undefined) drained(own);
}

function drained(own: TcpSocket): void {
  if (own.isClosed || !own.isBlocked) return;
  own.isBlocked = false;
  try {
    own.owner.onDrain();
  } catch (error) {
    faulted(own, error);
  }
}

function onSocketConnected(this: Socket): void {
  const own = (this as Attached).weft;
  if (own === undefined || own.isClosed) return;
  try {
    own.owner.onConnected();
  } catch (error) {
    faulted(own, error);
  }
}

/** Called at the peer's end, and with what was read where no buffer can be used again. */
function pushTls(this: Socket, chunk: Buffer | null): boolean {
  const own = (this as Attached).weft;
  if (own === undefined || own.isClosed) return false;
  return deliver(own, chunk);
}

/** False stops reading. */
function deliver(own: TcpSocket, bytes: Buffer | null, isBulk = false): boolean {
  try {
    isInBulk = isBulk;
    own.received(bytes);
    isInBulk = false;
  } catch (error) {
    isInBulk = false;
    faulted(own, error);
    return false;
  }
  return !own.isPaused;
}

/** Of a plain socket only the end comes this way. */
function pushPlain(this: Socket, chunk: Buffer | null): boolean {
  const own = (this as Attached).weft;
  if (own === undefined || own.isClosed) return false;
  takeReads();
  if (chunk === null) deliver(own, null);
  return false;
}

/** `onread` callbacks get no socket, hence one closure per connection. */
function readInto(): {
  buffer: Buffer;
  callback: (length: number) => boolean;
  bind(s: Socket): void;
} {
  let own: TcpSocket | undefined;
  return {
    buffer: readBuffer,
    callback(length) {
      if (own === undefined || own.isClosed) return false;
      if (isSmallRead(length) && !own.isAtOnce) {
        keepRead(own, readBuffer, length);
        return true;
      }
      takeReads();
      return deliver(own, readBuffer.subarray(0, length));
    },
    bind(socket) {
      own = (socket as Attached).weft;
    },
  };
}

interface WithHandle {
  _handle: { reading: boolean; readStop(): number } | null;
  _server: unknown;
}

function stopReading(socket: Socket): void {
  const handle = (socket as unknown as WithHandle)._handle;
  if (handle === null || !handle.reading) return;
  handle.reading = false;
  handle.readStop();
}

/**
 * Takes over an accepted, paused connection (`listen.ts`). Reading starts at the first `resume`.
 */
export function adoptAccepted(accepted: Socket): ByteSocket {
  const from = accepted as unknown as WithHandle;
  const handle = from._handle;
  const read = readInto();
  const socket = new Socket({
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: read,
  } as unknown as ConstructorParameters<typeof Socket>[0]);
  // The accepted socket must not close the handle when it is collected, nor be counted twice.
  from._handle = null;
  (socket as unknown as WithHandle)._server = from._server;
  const own = new TcpSocket(socket, null);
  read.bind(socket);
  own.pause();
  return own;
}

/**
 * Whether small reads of a plain socket are handled as they come. A handshake has to begin so: what
 * Node's TLS writes at a turn's end is done for it only a turn later, and if the peer's answer comes
 * first and is refused, the alert that says why is never sent.
 */
export function readAtOnce(socket: ByteSocket, isAtOnce: boolean): void {
  if (socket instanceof TcpSocket) socket.isAtOnce = isAtOnce;
}

/** Takes over a TLS socket whose handshake is done. */
export function adoptTls(socket: TLSSocket): ByteSocket {
  return new TcpSocket(socket, socket, remoteAddressBelow(socket));
}

/** Of the connection that was released for this TLS socket; "" where there is none. */
export function remoteAddressBelow(socket: TLSSocket): string {
  const below = (socket as TLSSocket & { readonly _parent?: Attached | null })._parent;
  return below?.weft?.remoteAddress ?? "";
}

/**
 * The Node socket under a plain ByteSocket, with `firstBytes` given back to it, for TLS on top of
 * it.
 */
export function releaseForTls(socket: ByteSocket, firstBytes: Buffer): Socket {
  if (!(socket instanceof TcpSocket)) throw new TypeError("not a socket of this process");
  socket.detach();
  if (firstBytes.length > 0) socket.socket.unshift(Buffer.from(firstBytes));
  return socket.socket;
}

export interface ConnectOptions {
  readonly address: string;
  readonly port: number;
  /** An address that the peer, of its family, sees as its caller; default null: our own. */
  readonly from?: string | null;
}

/** Opens a plain connection; `owner.onConnected` or `owner.onClosed` follows. */
export function connectPlain(options: ConnectOptions, owner: SocketOwner): ByteSocket {
  const onread = readInto();
  const { address: host, port, from = null } = options;
  const own = new TcpSocket(connectAs(from, { host, port, onread, allowHalfOpen: true }), null);
  onread.bind(own.socket);
  own.owner = owner;
  own.socket.on("connect", onSocketConnected);
  return own;
}

function connectAs(from: string | null, to: TcpNetConnectOpts): Socket {
  const fd = from === null ? -1 : socketFrom(from);
  const autoSelectFamily = isIP(to.host ?? "") === 0;
  if (fd < 0) return connectTcp({ ...to, noDelay: true, autoSelectFamily });
  // Reading starts with the connection, not with the socket.
  const unread = { ...to, fd, manualStart: true } as ConstructorParameters<typeof Socket>[0];
  return new Socket(unread).setNoDelay(true).connect(to);
}

/** Wraps a TLS client socket that is still connecting; `onConnected` comes after the handshake. */
export function adoptTlsConnecting(socket: TLSSocket, owner: SocketOwner): ByteSocket {
  const own = new TcpSocket(socket, socket);
  own.owner = owner;
  socket.on("secureConnect", onSocketConnected);
  return own;
}
