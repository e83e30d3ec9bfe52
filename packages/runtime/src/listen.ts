// Listening sockets (decision D4): one per port, without SO_REUSEPORT, made on the main thread
// through FFI; each worker accepts on a duplicate of the descriptor. A worker that dies takes its
// duplicate with it and nothing else: connections that wait in the socket's queue stay there for
// the next one. Where FFI is missing the caller runs one worker, which listens by itself.

import type * as Ffi from "node:ffi";
import { createServer, isIPv6, type Server, type Socket } from "node:net";

export interface BoundListener {
  readonly address: string;
  readonly port: number;
  /** A descriptor for one worker, which owns and closes it. */
  duplicate(): number;
  close(): void;
}

/** Why a port could not be had; `code` is the system's name for it, e.g. EADDRINUSE. */
export class ListenError extends Error {
  readonly code: string;
  readonly address: string;
  readonly port: number;
  constructor(code: string, address: string, port: number) {
    super(`cannot listen on ${formatAddress(address, port)}: ${code}`);
    this.code = code;
    this.address = address;
    this.port = port;
  }
}

/** `1.2.3.4:80`, `[::1]:80`. */
export function formatAddress(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

interface SystemCalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  dup(fd: number): number;
  close(fd: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  ioctl(fd: number, request: bigint): number;
}

const isDarwin = process.platform === "darwin";
const addressFamilyV4 = 2;
const addressFamilyV6 = isDarwin ? 30 : 10;
const streamSocket = 1;
const socketLevel = isDarwin ? 0xffff : 1;
const reuseAddress = isDarwin ? 4 : 2;
/** FIOCLEX: children must not inherit a listening socket, or the port outlives us. */
const closeOnExec = isDarwin ? 0x20006601n : 0x5451n;
const backlogMax = 1024;
const insistMs = 20;

let calls: SystemCalls | null | undefined;

/** False where FFI is missing: then one worker listens by itself. */
export function canShareListeners(): boolean {
  return systemCalls() !== null;
}

/** Binds and listens; a taken preferred port is replaced by a free one. Throws ListenError. */
export function bindListener(address: string, preferredPort: number): BoundListener {
  const c = systemCalls();
  if (c === null) throw new ListenError("ENOSYS", address, preferredPort);
  const fd = openListening(c, address, preferredPort);
  if (fd >= 0) return boundListener(c, fd, address);
  const code = errorName(-fd);
  if (preferredPort === 0 || (code !== "EADDRINUSE" && code !== "EACCES")) {
    throw new ListenError(code, address, preferredPort);
  }
  const free = openListening(c, address, 0);
  if (free < 0) throw new ListenError(errorName(-free), address, 0);
  return boundListener(c, free, address);
}

/** Binds and listens on that very port. Throws ListenError. */
export function bindExactly(address: string, port: number): BoundListener {
  const c = systemCalls();
  if (c === null) throw new ListenError("ENOSYS", address, port);
  const fd = openListening(c, address, port);
  if (fd < 0) throw new ListenError(errorName(-fd), address, port);
  return boundListener(c, fd, address);
}

export interface AcceptOptions {
  /** A descriptor from `duplicate()`, or null to listen on `address` and `port` here. */
  readonly fd: number | null;
  readonly address: string;
  readonly port: number;
  /** Without a descriptor: wait for a taken port to come free instead of taking another. */
  readonly insists?: boolean;
  /** Takes each accepted connection, not yet reading. */
  readonly onConnection: (socket: Socket) => void;
  readonly onListening: (port: number) => void;
  readonly onError: (error: ListenError) => void;
}

/** Accepts connections in this thread until closed. */
export function acceptConnections(options: AcceptOptions): { close(): void } {
  const server: Server = createServer(
    { pauseOnConnect: true, allowHalfOpen: true, noDelay: true },
    options.onConnection,
  );
  const insists = options.insists === true;
  let mayMove = options.fd === null && options.port !== 0 && !insists;
  const listenHere = (): void => {
    server.listen({ host: options.address, port: options.port, backlog: backlogMax });
  };
  server.on("error", (error: NodeJS.ErrnoException) => {
    if (insists && error.code === "EADDRINUSE") {
      setTimeout(listenHere, insistMs);
      return;
    }
    if (mayMove && error.code === "EADDRINUSE") {
      mayMove = false;
      server.listen({ host: options.address, port: 0, backlog: backlogMax });
      return;
    }
    options.onError(new ListenError(error.code ?? "EIO", options.address, options.port));
  });
  server.on("listening", () => {
    const bound = server.address();
    options.onListening(typeof bound === "object" && bound !== null ? bound.port : options.port);
  });
  if (options.fd !== null) server.listen({ fd: options.fd, backlog: backlogMax });
  else listenHere();
  return { close: () => void server.close() };
}

/** The descriptor, or the negated errno. */
function openListening(c: SystemCalls, address: string, port: number): number {
  const v6 = isIPv6(address);
  const fd = c.socket(v6 ? addressFamilyV6 : addressFamilyV4, streamSocket, 0);
  if (fd < 0) return -lastErrno();
  const one = Buffer.alloc(4);
  one.writeInt32LE(1);
  c.ioctl(fd, closeOnExec);
  c.setsockopt(fd, socketLevel, reuseAddress, one, 4);
  const name = socketAddress(address, port, v6);
  if (c.bind(fd, name, name.length) < 0 || c.listen(fd, backlogMax) < 0) {
    const errno = lastErrno();
    c.close(fd);
    return -errno;
  }
  return fd;
}

function boundListener(c: SystemCalls, fd: number, address: string): BoundListener {
  const name = Buffer.alloc(28);
  const length = Buffer.alloc(4);
  length.writeInt32LE(name.length);
  c.getsockname(fd, name, length);
  let isOpen = true;
  return {
    address,
    port: name.readUInt16BE(2),
    duplicate() {
      const copy = c.dup(fd);
      if (copy < 0) throw new ListenError(errorName(lastErrno()), address, name.readUInt16BE(2));
      c.ioctl(copy, closeOnExec);
      return copy;
    },
    close() {
      if (isOpen) c.close(fd);
      isOpen = false;
    },
  };
}

/** A `sockaddr_in` or `sockaddr_in6` of this system. */
function socketAddress(address: string, port: number, v6: boolean): Buffer {
  const out = Buffer.alloc(v6 ? 28 : 16);
  const family = v6 ? addressFamilyV6 : addressFamilyV4;
  if (isDarwin) {
    out[0] = out.length;
    out[1] = family;
  } else {
    out.writeUInt16LE(family, 0);
  }
  out.writeUInt16BE(port, 2);
  if (v6) ipv6Bytes(address).copy(out, 8);
  else Buffer.from(address.split(".").map(Number)).copy(out, 4);
  return out;
}

function ipv6Bytes(address: string): Buffer {
  const out = Buffer.alloc(16);
  const [head = "", tail] = address.split("::");
  const words = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16));
  const left = words(head);
  const right = tail === undefined ? [] : words(tail);
  left.forEach((word, i) => {
    out.writeUInt16BE(word, i * 2);
  });
  right.forEach((word, i) => {
    out.writeUInt16BE(word, 16 - (right.length - i) * 2);
  });
  return out;
}

let errnoOf: (() => number) | null = null;

function lastErrno(): number {
  return errnoOf === null ? 0 : errnoOf();
}

function errorName(errno: number): string {
  const inUse = isDarwin ? 48 : 98;
  const notAvailable = isDarwin ? 49 : 99;
  if (errno === inUse) return "EADDRINUSE";
  if (errno === notAvailable) return "EADDRNOTAVAIL";
  if (errno === 13) return "EACCES";
  if (errno === 24) return "EMFILE";
  return `errno ${errno}`;
}

function systemCalls(): SystemCalls | null {
  if (calls !== undefined) return calls;
  calls = null;
  if (process.platform !== "linux" && !isDarwin) return null;
  const ffi = loadFfi();
  if (ffi === null) return null;
  const errnoSymbol = isDarwin ? "__error" : "__errno_location";
  try {
    const { functions } = ffi.dlopen(null, {
      socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
      bind: { arguments: ["i32", "buffer", "u32"], return: "i32" },
      listen: { arguments: ["i32", "i32"], return: "i32" },
      dup: { arguments: ["i32"], return: "i32" },
      close: { arguments: ["i32"], return: "i32" },
      getsockname: { arguments: ["i32", "buffer", "buffer"], return: "i32" },
      setsockopt: { arguments: ["i32", "i32", "i32", "buffer", "u32"], return: "i32" },
      ioctl: { arguments: ["i32", "u64"], return: "i32" },
      [errnoSymbol]: { arguments: [], return: "pointer" },
    });
    const errnoAddress = (functions as Record<string, () => bigint>)[errnoSymbol];
    errnoOf = () => (errnoAddress === undefined ? 0 : ffi.getInt32(errnoAddress(), 0));
    calls = functions as unknown as SystemCalls;
  } catch {
    // A system whose C library lacks one of these: listen in the worker instead.
    calls = null;
  }
  return calls;
}

/** `node:ffi` without its line on standard error: a user can do nothing about that line. */
function loadFfi(): typeof Ffi | null {
  const warnings = Object.getOwnPropertyDescriptor(process, "emitWarning");
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:ffi") ?? null;
  } catch {
    return null;
  } finally {
    if (warnings !== undefined) Object.defineProperty(process, "emitWarning", warnings);
  }
}
