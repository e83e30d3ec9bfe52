// Listening sockets (decision D4): one per port, without SO_REUSEPORT, made on the main thread
// through FFI; each worker accepts on a duplicate of the descriptor. A worker that dies takes its
// duplicate with it and nothing else: connections that wait in the socket's queue stay there for
// the next one. Where FFI is missing the caller runs one worker, which listens by itself.

import { createServer, isIPv6, type Server, type Socket } from "node:net";
import {
  errorName,
  lastErrno,
  socketAddress,
  type SystemCalls,
  systemCalls,
  systemNumbers,
} from "./system-calls.ts";

export interface BoundListener {
  readonly address: string;
  readonly port: number;
  readonly fd: number;
  readonly isOpen: boolean;
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

const backlogMax = 1024;
const insistMs = 20;

/** False where FFI is missing: then one worker listens by itself. */
export function canShareListeners(): boolean {
  return systemCalls() !== null;
}

/**
 * Binds and listens; a taken preferred port is replaced by a free one. A transparent one also
 * accepts what TPROXY turns to it, and needs CAP_NET_ADMIN. `::` is every address of both families.
 * Throws ListenError.
 */
export function bindListener(
  address: string,
  preferredPort: number,
  isTransparent = false,
): BoundListener {
  const c = systemCalls();
  if (c === null) throw new ListenError("ENOSYS", address, preferredPort);
  const fd = openListening(c, address, preferredPort, isTransparent);
  if (fd >= 0) return boundListener(c, fd, address);
  const code = errorName(-fd);
  if (preferredPort === 0 || (code !== "EADDRINUSE" && code !== "EACCES")) {
    throw new ListenError(code, address, preferredPort);
  }
  const free = openListening(c, address, 0, isTransparent);
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

/** The same for datagrams: `duplicate()` is for one reader. Throws ListenError. */
export function bindDatagram(address: string, port: number): BoundListener {
  const c = systemCalls();
  if (c === null) throw new ListenError("ENOSYS", address, port);
  const { addressFamilyV4, addressFamilyV6, datagramSocket } = systemNumbers;
  const fd = c.socket(isIPv6(address) ? addressFamilyV6 : addressFamilyV4, datagramSocket, 0);
  if (fd < 0) throw new ListenError(errorName(lastErrno()), address, port);
  c.ioctl(fd, systemNumbers.closeOnExec);
  const name = socketAddress(address, port);
  if (c.bind(fd, name, name.length) >= 0) return boundListener(c, fd, address);
  const errno = lastErrno();
  c.close(fd);
  throw new ListenError(errorName(errno), address, port);
}

/** Takes over a listening socket that this process was started with. Throws ListenError. */
export function adoptListener(fd: number, address: string): BoundListener {
  const c = systemCalls();
  if (c === null) throw new ListenError("ENOSYS", address, 0);
  c.ioctl(fd, systemNumbers.closeOnExec);
  return boundListener(c, fd, address);
}

export function closeDescriptor(fd: number): void {
  systemCalls()?.close(fd);
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
function openListening(
  c: SystemCalls,
  address: string,
  port: number,
  isTransparent = false,
): number {
  const v6 = isIPv6(address);
  const { addressFamilyV4, addressFamilyV6, streamSocket } = systemNumbers;
  const fd = c.socket(v6 ? addressFamilyV6 : addressFamilyV4, streamSocket, 0);
  if (fd < 0) {
    const errno = lastErrno();
    const isMissing = address === "::" && errorName(errno) === "EAFNOSUPPORT";
    return isMissing ? openListening(c, "0.0.0.0", port, isTransparent) : -errno;
  }
  c.ioctl(fd, systemNumbers.closeOnExec);
  const name = socketAddress(address, port);
  if (
    !setOptions(c, fd, address === "::", isTransparent ? v6 : null) ||
    c.bind(fd, name, name.length) < 0 ||
    c.listen(fd, backlogMax) < 0
  ) {
    const errno = lastErrno();
    c.close(fd);
    return -errno;
  }
  return fd;
}

/** False when one that matters was refused. */
function setOptions(
  c: SystemCalls,
  fd: number,
  isDual: boolean,
  transparentV6: boolean | null,
): boolean {
  const { ipLevel, ipTransparent, ipv6Level, ipv6Transparent, reuseAddress, socketLevel, v6Only } =
    systemNumbers;
  const one = Buffer.alloc(4);
  one.writeInt32LE(1);
  c.setsockopt(fd, socketLevel, reuseAddress, one, 4);
  if (isDual && c.setsockopt(fd, ipv6Level, v6Only, Buffer.alloc(4), 4) < 0) return false;
  if (transparentV6 === null) return true;
  const level = transparentV6 ? ipv6Level : ipLevel;
  return c.setsockopt(fd, level, transparentV6 ? ipv6Transparent : ipTransparent, one, 4) === 0;
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
    fd,
    get isOpen() {
      return isOpen;
    },
    duplicate() {
      const copy = c.dup(fd);
      if (copy < 0) throw new ListenError(errorName(lastErrno()), address, name.readUInt16BE(2));
      c.ioctl(copy, systemNumbers.closeOnExec);
      return copy;
    },
    close() {
      if (isOpen) c.close(fd);
      isOpen = false;
    },
  };
}
