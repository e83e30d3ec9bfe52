// The C library's calls that Node has no words for, through FFI: sockets made by hand, socket
// options. Where FFI is missing there are none, and callers do without or refuse. Numbers are
// those of Linux and macOS; socket(2), ip(7), ipv6(7).

import type * as Ffi from "node:ffi";
import { isIPv6 } from "node:net";

export interface SystemCalls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  sendto(
    fd: number,
    bytes: Uint8Array,
    length: bigint,
    flags: number,
    to: Uint8Array,
    toLength: number,
  ): bigint;
  sendmsg(fd: number, message: Uint8Array, flags: number): bigint;
  recvmsg(fd: number, message: Uint8Array, flags: number): bigint;
  dup(fd: number): number;
  close(fd: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number;
  ioctl(fd: number, request: bigint): number;
  waitpid(pid: number, status: Uint8Array, options: number): number;
}

const isDarwin = process.platform === "darwin";

/** Constants of the system's headers. */
export interface SystemNumbers {
  readonly addressFamilyV4: number;
  readonly addressFamilyV6: number;
  readonly streamSocket: number;
  readonly datagramSocket: number;
  readonly socketLevel: number;
  readonly reuseAddress: number;
  readonly reusePort: number;
  /** FIOCLEX: children must not inherit a listening socket, or the port outlives us. */
  readonly closeOnExec: bigint;
  /** FIONCLEX. */
  readonly keepOnExec: bigint;
  readonly ipLevel: number;
  readonly ipv6Level: number;
  /** IPV6_V6ONLY. */
  readonly v6Only: number;
  /** IP_TRANSPARENT and IPV6_TRANSPARENT, Linux alone. */
  readonly ipTransparent: number;
  readonly ipv6Transparent: number;
  /** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, Linux alone. */
  readonly originalDestination: number;
}

export const systemNumbers: SystemNumbers = {
  addressFamilyV4: 2,
  addressFamilyV6: isDarwin ? 30 : 10,
  streamSocket: 1,
  datagramSocket: 2,
  socketLevel: isDarwin ? 0xffff : 1,
  reuseAddress: isDarwin ? 4 : 2,
  reusePort: isDarwin ? 0x200 : 15,
  closeOnExec: isDarwin ? 0x20006601n : 0x5451n,
  keepOnExec: isDarwin ? 0x20006602n : 0x5450n,
  ipLevel: 0,
  ipv6Level: 41,
  v6Only: isDarwin ? 27 : 26,
  ipTransparent: 19,
  ipv6Transparent: 75,
  originalDestination: 80,
};

/** Bytes of a `sockaddr_in` and a `sockaddr_in6`. */
export const socketAddressBytes = { v4: 16, v6: 28 } as const;

let calls: SystemCalls | null | undefined;
let errnoOf: (() => number) | null = null;
let pointerOf: ((bytes: Uint8Array) => bigint) | null = null;

/** Null where FFI is missing. */
export function systemCalls(): SystemCalls | null {
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
      sendto: { arguments: ["i32", "buffer", "u64", "i32", "buffer", "u32"], return: "i64" },
      sendmsg: { arguments: ["i32", "buffer", "i32"], return: "i64" },
      recvmsg: { arguments: ["i32", "buffer", "i32"], return: "i64" },
      dup: { arguments: ["i32"], return: "i32" },
      close: { arguments: ["i32"], return: "i32" },
      getsockname: { arguments: ["i32", "buffer", "buffer"], return: "i32" },
      getsockopt: { arguments: ["i32", "i32", "i32", "buffer", "buffer"], return: "i32" },
      setsockopt: { arguments: ["i32", "i32", "i32", "buffer", "u32"], return: "i32" },
      ioctl: { arguments: ["i32", "u64"], return: "i32" },
      waitpid: { arguments: ["i32", "buffer", "i32"], return: "i32" },
      [errnoSymbol]: { arguments: [], return: "pointer" },
    });
    const errnoAddress = (functions as Record<string, () => bigint>)[errnoSymbol];
    errnoOf = () => (errnoAddress === undefined ? 0 : ffi.getInt32(errnoAddress(), 0));
    pointerOf = (bytes) => ffi.getRawPointer(bytes);
    calls = functions as unknown as SystemCalls;
  } catch {
    // A system whose C library lacks one of these: as if there were no FFI.
    calls = null;
  }
  return calls;
}

let trim: ((pad: bigint) => number) | null | undefined;

/** malloc_trim(3); nothing happens where the C library has none (musl, macOS). */
export function trimHeap(): void {
  if (trim === undefined) {
    trim = null;
    try {
      const symbol = { malloc_trim: { arguments: ["u64"], return: "i32" } } as const;
      const functions = loadFfi()?.dlopen(null, symbol).functions;
      trim =
        (functions as { malloc_trim?: (pad: bigint) => number } | undefined)?.malloc_trim ?? null;
    } catch {
      trim = null;
    }
  }
  trim?.(0n);
}

/** Where bytes are, for a structure that holds their address; they must outlive the call. */
export function rawPointer(bytes: Uint8Array): bigint {
  return pointerOf === null ? 0n : pointerOf(bytes);
}

export function lastErrno(): number {
  return errnoOf === null ? 0 : errnoOf();
}

/** The system's name of an error, e.g. EADDRINUSE. */
export function errorName(errno: number): string {
  if (errno === (isDarwin ? 48 : 98)) return "EADDRINUSE";
  if (errno === (isDarwin ? 49 : 99)) return "EADDRNOTAVAIL";
  if (errno === (isDarwin ? 47 : 97)) return "EAFNOSUPPORT";
  if (errno === 1) return "EPERM";
  if (errno === 13) return "EACCES";
  if (errno === 24) return "EMFILE";
  return `errno ${errno}`;
}

/** A `sockaddr_in` or `sockaddr_in6` of this system. */
export function socketAddress(address: string, port: number): Buffer {
  const v6 = isIPv6(address);
  const out = Buffer.alloc(v6 ? socketAddressBytes.v6 : socketAddressBytes.v4);
  const { addressFamilyV4, addressFamilyV6 } = systemNumbers;
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
