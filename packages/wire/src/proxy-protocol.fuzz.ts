// PROXY headers, good and broken: a verdict stays when more bytes come, what is read is written and
// read back the same, and nothing is thrown.

import type { Chance } from "./http1/mutate.fixture.ts";
import {
  ProxyHeader,
  ProxyStatus,
  readProxyHeader,
  writeProxyHeader,
  writeProxyLine,
} from "./proxy-protocol.ts";

const hosts: readonly string[] = ["127.0.0.1", "255.255.255.255", "::", "::1", "fe80::1:0:0:2"];

/** Reads `steps` inputs; throws at the first that breaks a promise. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step++) {
    const bytes = mutated(random, anyHeader(random));
    try {
      check(random, bytes);
    } catch (error) {
      throw new Error(`input ${bytes.toString("hex")}`, { cause: error });
    }
  }
}

function anyHeader(random: Chance): Buffer {
  const addresses = {
    sourceAddress: hosts[random.integer(hosts.length)] as string,
    sourcePort: random.integer(65_536),
    destinationAddress: hosts[random.integer(hosts.length)] as string,
    destinationPort: random.integer(65_536),
  };
  if (random.integer(2) === 0) return writeProxyLine(addresses);
  const header = Buffer.from(writeProxyHeader(random.integer(8) === 0 ? null : addresses));
  const extension = Buffer.from([1, 0, 2, 0x68, 0x32]);
  if (random.integer(2) === 0) return header;
  header.writeUInt16BE(header.readUInt16BE(14) + extension.length, 14);
  return Buffer.concat([header, extension]);
}

function mutated(random: Chance, bytes: Buffer): Buffer {
  let out = Buffer.concat([bytes, Buffer.from("GET / HTTP/1.1")]);
  for (let left = random.integer(4); left > 0; left--) {
    const at = random.integer(out.length);
    const to = Math.min(out.length, at + random.integer(6));
    switch (random.integer(3)) {
      case 0:
        out = Buffer.concat([out.subarray(0, at), out.subarray(to)]);
        break;
      case 1:
        out = Buffer.concat([out.subarray(0, to), out.subarray(at)]);
        break;
      default:
        out[at] = random.integer(256);
    }
    if (out.length === 0) return out;
  }
  return out;
}

function check(random: Chance, bytes: Buffer): void {
  const header = new ProxyHeader();
  const status = readProxyHeader(bytes, header);
  const part = bytes.subarray(0, random.integer(bytes.length + 1));
  const early = new ProxyHeader();
  const earlyStatus = readProxyHeader(part, early);
  if (earlyStatus !== ProxyStatus.More) {
    const isSame = earlyStatus === status && JSON.stringify(early) === JSON.stringify(header);
    if (!isSame) throw new Error(`${earlyStatus} after ${part.length} bytes, then ${status}`);
  }
  if (status !== ProxyStatus.Done) return;
  if (header.byteCount > bytes.length) throw new Error("read beyond the end");
  if (header.addresses === null) return;
  for (const write of [writeProxyLine, writeProxyHeader]) {
    const again = new ProxyHeader();
    const written = write(header.addresses);
    const isRead = readProxyHeader(written, again) === ProxyStatus.Done;
    const first = JSON.stringify(canonical(header));
    if (!isRead || JSON.stringify(canonical(again)) !== first)
      throw new Error("read back otherwise");
  }
}

/** Addresses as version 2 writes them: one spelling each. */
function canonical(header: ProxyHeader): unknown {
  const other = new ProxyHeader();
  if (header.addresses !== null) readProxyHeader(writeProxyHeader(header.addresses), other);
  return other.addresses;
}
