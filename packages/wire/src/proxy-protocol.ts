// The PROXY protocol (haproxy.org, proxy-protocol.txt, versions 1 and 2): who the connection really
// comes from, in front of its first byte. Strict: whoever is allowed to send it must get it right
// (http-cases H58).

import { formatIpAddress, parseIpAddress } from "./ip-address.ts";

const statuses = {
  /** It may be a header and is not whole yet. */
  More: 0,
  /** `byteCount` bytes of header were read. */
  Done: 1,
  /** These bytes start something else. */
  Absent: 2,
  Malformed: 3,
} as const;

export const ProxyStatus: typeof statuses = Object.freeze(statuses);
export type ProxyStatus = (typeof ProxyStatus)[keyof typeof ProxyStatus];

export interface ProxyAddresses {
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
}

/** What a header says. */
export class ProxyHeader {
  /** Bytes of the connection that are the header. */
  byteCount = 0;
  /** Null when the sender speaks for itself (LOCAL, UNKNOWN, Unix sockets). */
  addresses: ProxyAddresses | null = null;
}

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const textStart = Buffer.from("PROXY ", "latin1");
/** The longest line of version 1, with CRLF. */
const lineBytesMax = 107;
const headBytes = 16;
/** Addresses and TLVs of version 2: far more than any sender has to say. */
export const proxyPayloadBytesMax = 4096;

/** Reads the header at the start of `bytes`, which are all that came, into `header`. */
export function readProxyHeader(bytes: Buffer, header: ProxyHeader): ProxyStatus {
  header.byteCount = 0;
  header.addresses = null;
  if (startsLike(bytes, signature)) return readBinary(bytes, header);
  return startsLike(bytes, textStart) ? readLine(bytes, header) : ProxyStatus.Absent;
}

/** Version 1; both addresses of one family. */
export function writeProxyLine(addresses: ProxyAddresses): Buffer {
  const source = parseIpAddress(addresses.sourceAddress);
  const destination = parseIpAddress(addresses.destinationAddress);
  if (source === null || destination === null || source.length !== destination.length) {
    return Buffer.from("PROXY UNKNOWN\r\n", "latin1");
  }
  const family = source.length === 4 ? "TCP4" : "TCP6";
  const parts = [formatIpAddress(source), formatIpAddress(destination)];
  const ports = [addresses.sourcePort, addresses.destinationPort];
  return Buffer.from(`PROXY ${family} ${parts.join(" ")} ${ports.join(" ")}\r\n`, "latin1");
}

/** Version 2; LOCAL without addresses, or when they are of two families. */
export function writeProxyHeader(addresses: ProxyAddresses | null): Buffer {
  const source = addresses === null ? null : parseIpAddress(addresses.sourceAddress);
  const destination = addresses === null ? null : parseIpAddress(addresses.destinationAddress);
  const isSame = source !== null && source.length === destination?.length;
  if (addresses === null || !isSame || destination === null) {
    return Buffer.concat([signature, Buffer.from([0x20, 0x00, 0, 0])]);
  }
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(addresses.sourcePort, 0);
  ports.writeUInt16BE(addresses.destinationPort, 2);
  const payload = Buffer.concat([source, destination, ports]);
  const family = source.length === 4 ? 0x11 : 0x21;
  return Buffer.concat([signature, Buffer.from([0x21, family, 0, payload.length]), payload]);
}

/** Whether `bytes` and `start` agree as far as both go. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readLine(bytes: Buffer, header: ProxyHeader): ProxyStatus {
  const feedAt = bytes.subarray(0, lineBytesMax).indexOf(0x0a);
  if (feedAt === -1) return bytes.length < lineBytesMax ? ProxyStatus.More : ProxyStatus.Malformed;
  if (bytes[feedAt - 1] !== 0x0d) return ProxyStatus.Malformed;
  const line = bytes.toString("latin1", 0, feedAt - 1);
  header.byteCount = feedAt + 1;
  // The rest of an UNKNOWN line is to be passed over.
  if (line === "PROXY UNKNOWN") return ProxyStatus.Done;
  if (line.startsWith("PROXY UNKNOWN ")) {
    return /^[ -~]*$/.test(line) ? ProxyStatus.Done : ProxyStatus.Malformed;
  }
  const [, family, source = "", destination = "", sourcePort = "", destinationPort = "", ...rest] =
    line.split(" ");
  const addressBytes = family === "TCP4" ? 4 : family === "TCP6" ? 16 : 0;
  const isWhole =
    rest.length === 0 &&
    parseIpAddress(source)?.length === addressBytes &&
    parseIpAddress(destination)?.length === addressBytes &&
    isPort(sourcePort) &&
    isPort(destinationPort);
  if (!isWhole) return ProxyStatus.Malformed;
  header.addresses = {
    sourceAddress: source,
    sourcePort: Number(sourcePort),
    destinationAddress: destination,
    destinationPort: Number(destinationPort),
  };
  return ProxyStatus.Done;
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Buffer, header: ProxyHeader): ProxyStatus {
  if (bytes.length < headBytes) return ProxyStatus.More;
  const versionAndCommand = bytes[12] as number;
  const family = bytes[13] as number;
  const length = bytes.readUInt16BE(14);
  const isLocal = versionAndCommand === 0x20;
  if (!isLocal && versionAndCommand !== 0x21) return ProxyStatus.Malformed;
  const addressBytes = familyBytes(family);
  if (addressBytes === -1 || length > proxyPayloadBytesMax) return ProxyStatus.Malformed;
  if (!isLocal && length < addressBytes) return ProxyStatus.Malformed;
  if (bytes.length < headBytes + length) return ProxyStatus.More;
  const payload = bytes.subarray(headBytes, headBytes + length);
  header.byteCount = headBytes + length;
  // LOCAL: whatever follows is to be passed over.
  if (isLocal) return ProxyStatus.Done;
  if (!areExtensionsWhole(payload.subarray(addressBytes))) return ProxyStatus.Malformed;
  if (family === 0x11 || family === 0x21) {
    const half = (addressBytes - 4) / 2;
    header.addresses = {
      sourceAddress: formatIpAddress(payload.subarray(0, half)),
      destinationAddress: formatIpAddress(payload.subarray(half, 2 * half)),
      sourcePort: payload.readUInt16BE(2 * half),
      destinationPort: payload.readUInt16BE(2 * half + 2),
    };
  }
  return ProxyStatus.Done;
}

/** Bytes of addresses and ports of a stream's family, -1 for datagrams and unknown families. */
function familyBytes(family: number): number {
  switch (family) {
    case 0x00:
      return 0;
    case 0x11:
      return 12;
    case 0x21:
      return 36;
    case 0x31:
      return 216;
    default:
      return -1;
  }
}

/** TLVs: a type, a length, that many bytes. */
function areExtensionsWhole(bytes: Buffer): boolean {
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < 3) return false;
    at += 3 + bytes.readUInt16BE(at + 1);
  }
  return at === bytes.length;
}
