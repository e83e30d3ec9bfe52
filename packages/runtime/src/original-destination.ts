// Where a captured connection was going before the packet filter turned it here. TPROXY leaves the
// address on the socket; REDIRECT rewrites it and the kernel remembers it (SO_ORIGINAL_DST,
// linux/netfilter_ipv4.h). A connection to the listening port itself was not captured.

import { isIPv4, type Socket, SocketAddress } from "node:net";
import { socketAddressBytes, systemCalls, systemNumbers } from "./system-calls.ts";

export interface Destination {
  readonly address: string;
  readonly port: number;
}

/** Lent to the kernel for one call at a time. */
const found = Buffer.alloc(socketAddressBytes.v6);
const foundLength = Buffer.alloc(4);

/** Null when the connection was made to the listener itself. */
export function originalDestination(accepted: Socket, listeningPort: number): Destination | null {
  const address = plainAddress(accepted.localAddress ?? "");
  const port = accepted.localPort ?? 0;
  if (port === 0) return null;
  if (port !== listeningPort) return { address, port };
  const remembered = rememberedDestination(descriptorOf(accepted), isIPv4(address));
  return remembered === null || remembered.port === listeningPort ? null : remembered;
}

/** `::ffff:10.0.0.1`, as a socket of both families has it → `10.0.0.1`. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** What the kernel remembers of a rewritten connection; null when it was not rewritten. */
function rememberedDestination(fd: number, isV4: boolean): Destination | null {
  const c = systemCalls();
  if (c === null || fd < 0) return null;
  const { ipLevel, ipv6Level, originalDestination: option } = systemNumbers;
  foundLength.writeUInt32LE(isV4 ? socketAddressBytes.v4 : socketAddressBytes.v6);
  if (c.getsockopt(fd, isV4 ? ipLevel : ipv6Level, option, found, foundLength) < 0) return null;
  return readSocketAddress(found, isV4);
}

/** A Linux `sockaddr_in` or `sockaddr_in6`. */
export function readSocketAddress(bytes: Buffer, isV4: boolean): Destination {
  const port = bytes.readUInt16BE(2);
  if (isV4) return { address: bytes.subarray(4, 8).join("."), port };
  const words: string[] = [];
  for (let at = 8; at < 24; at += 2) words.push(bytes.readUInt16BE(at).toString(16));
  const { address } = new SocketAddress({ address: words.join(":"), family: "ipv6" });
  return { address: plainAddress(address), port };
}

/** Node shows no descriptors; its handle does (runtime facts, 6). */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd?: number } | null })._handle?.fd ?? -1;
}
