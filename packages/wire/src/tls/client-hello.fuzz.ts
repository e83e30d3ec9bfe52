// ClientHellos, good and broken: a verdict once given stays when more bytes come, nothing is
// thrown, and what is read is within bounds.

import type { Chance } from "../http1/mutate.fixture.ts";
import { ClientHello, clientHelloBytesMax, HelloStatus, readClientHello } from "./client-hello.ts";

/** Reads `steps` inputs; throws at the first that breaks a promise. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step++) {
    const bytes = mutated(random, inRecords(random, message(random)));
    try {
      check(random, bytes);
    } catch (error) {
      throw new Error(`input ${bytes.toString("hex")}`, { cause: error });
    }
  }
}

function vector(width: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(width);
  length.writeUIntBE(body.length, 0, width);
  return Buffer.concat([length, body]);
}

function message(random: Chance): Buffer {
  const extensions: Buffer[] = [];
  const name = Buffer.from(["a.b", "catalog.shop", "A_B", "..", ""][random.integer(5)] as string);
  const serverName = vector(2, vector(2, Buffer.from([random.integer(8) >> 2]), vector(2, name)));
  const protocols = vector(2, vector(2, vector(1, Buffer.from("h2")), vector(1, Buffer.from("x"))));
  const versions = vector(2, vector(1, Buffer.from([3, 4, 3, 3])));
  const key = vector(2, Buffer.alloc(random.integer(1300)));
  if (random.integer(4) > 0) extensions.push(Buffer.from([0, 0]), serverName);
  if (random.integer(4) > 0) extensions.push(Buffer.from([0, 16]), protocols);
  if (random.integer(4) > 0) extensions.push(Buffer.from([0, 43]), versions);
  if (random.integer(2) > 0) extensions.push(Buffer.from([0, 51]), key);
  const body = [
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(random.integer(40))),
    vector(2, Buffer.from([0x13, 1, 0x13, 2])),
    vector(1, Buffer.from([0])),
  ];
  if (random.integer(8) > 0) body.push(vector(2, ...extensions));
  return Buffer.concat([Buffer.from([1]), vector(3, ...body)]);
}

function inRecords(random: Chance, bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  const size = random.integer(2) === 0 ? bytes.length : 1 + random.integer(200);
  for (let at = 0; at < bytes.length; at += size) {
    parts.push(Buffer.from([0x16, 3, 1]), vector(2, bytes.subarray(at, at + size)));
  }
  return Buffer.concat(parts);
}

function mutated(random: Chance, bytes: Buffer): Buffer {
  let out = bytes;
  for (let left = random.integer(4); left > 0; left--) {
    const at = random.integer(out.length + 1);
    const to = Math.min(out.length, at + random.integer(8));
    if (random.integer(2) === 0) out = Buffer.concat([out.subarray(0, at), out.subarray(to)]);
    else if (at < out.length) out[at] = random.integer(256);
  }
  return out;
}

function check(random: Chance, bytes: Buffer): void {
  const hello = new ClientHello();
  const status = readClientHello(bytes, hello);
  // A verdict may only come later than on all bytes when those that decide it are missing.
  const part = bytes.subarray(0, random.integer(bytes.length + 1));
  const early = new ClientHello();
  const earlyStatus = readClientHello(part, early);
  if (earlyStatus !== HelloStatus.More) {
    const isSame = earlyStatus === status && JSON.stringify(early) === JSON.stringify(hello);
    if (!isSame) throw new Error(`${earlyStatus} after ${part.length} bytes, then ${status}`);
  }
  if (status === HelloStatus.Done && hello.serverName.length > 253) throw new Error("long name");
  if (status === HelloStatus.More && bytes.length >= clientHelloBytesMax) {
    throw new Error("more is wanted than may be buffered");
  }
}
