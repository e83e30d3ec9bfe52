// Open sockets from process to process over a socket between the two (SCM_RIGHTS; unix(7), cmsg(3),
// sendmsg(2)): one message for each, its name as the content. The structures are those of 64-bit
// Linux; elsewhere nothing is passed.

import { endianness } from "node:os";
import { rawPointer, systemCalls, systemNumbers } from "./system-calls.ts";

const headerBytes = 56;
const vectorBytes = 16;
/** Room for one descriptor, and the length that the kernel is told (cmsg(3)). */
const controlBytes = 24;
const controlLength = 20n;
const rights = 1;
const nameBytesMax = 1024;
const dontWait = 0x40;
const noSignal = 0x4000;
const closeOnExec = 0x4000_0000;

/** One message's memory, as `sendmsg` and `recvmsg` want it. */
interface Message {
  readonly header: Buffer;
  readonly vector: Buffer;
  readonly content: Buffer;
  readonly control: Buffer;
}

/** False when one could not be sent; those before it were. */
export function sendSockets(over: number, sockets: Readonly<Record<string, number>>): boolean {
  const c = systemCalls();
  if (c === null || !isKnownSystem()) return Object.keys(sockets).length === 0;
  return Object.entries(sockets).every(([name, fd]) => {
    const message = messageOf(Buffer.from(name));
    message.control.writeBigUInt64LE(controlLength, 0);
    message.control.writeInt32LE(systemNumbers.socketLevel, 8);
    message.control.writeInt32LE(rights, 12);
    message.control.writeInt32LE(fd, 16);
    return c.sendmsg(over, message.header, dontWait | noSignal) > 0n;
  });
}

/** What has been sent by now: name → descriptor. */
export function receiveSockets(over: number): Record<string, number> {
  const found: Record<string, number> = {};
  const c = systemCalls();
  if (c === null || !isKnownSystem()) return found;
  for (;;) {
    const message = messageOf(Buffer.alloc(nameBytesMax));
    const got = Number(c.recvmsg(over, message.header, dontWait | closeOnExec));
    if (got <= 0) return found;
    const { content, control } = message;
    const level = control.readInt32LE(8);
    const isSocket = level === systemNumbers.socketLevel && control.readInt32LE(12) === rights;
    if (isSocket) found[content.toString("utf8", 0, got)] = control.readInt32LE(16);
  }
}

function messageOf(content: Buffer): Message {
  const vector = Buffer.alloc(vectorBytes);
  vector.writeBigUInt64LE(rawPointer(content), 0);
  vector.writeBigUInt64LE(BigInt(content.length), 8);
  const control = Buffer.alloc(controlBytes);
  const header = Buffer.alloc(headerBytes);
  header.writeBigUInt64LE(rawPointer(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(rawPointer(control), 32);
  header.writeBigUInt64LE(BigInt(controlBytes), 40);
  return { header, vector, content, control };
}

function isKnownSystem(): boolean {
  const is64 = process.arch === "x64" || process.arch === "arm64";
  return process.platform === "linux" && is64 && endianness() === "LE";
}
