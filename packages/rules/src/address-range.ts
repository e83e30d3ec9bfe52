// Ranges of IP addresses (RFC 4632, RFC 4291 section 2.3): an address, or one with the length of
// its prefix. An IPv4 address in the IPv6 form is the IPv4 address.

import { parseIpAddress } from "@weft/wire";

export class AddressRange {
  /** As it was written. */
  readonly text: string;
  readonly network: Uint8Array;
  readonly bitCount: number;

  constructor(text: string, network: Uint8Array, bitCount: number) {
    this.text = text;
    this.network = network;
    this.bitCount = bitCount;
  }
}

/** Null when it is none. */
export function parseAddressRange(text: string): AddressRange | null {
  const [address = "", length, ...rest] = text.split("/");
  const network = parseIpAddress(address);
  if (network === null || rest.length > 0) return null;
  const bitsMax = network.length * 8;
  if (length === undefined) return new AddressRange(text, network, bitsMax);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > bitsMax) return null;
  return new AddressRange(text, network, Number(length));
}

export function isInRanges(ranges: readonly AddressRange[], address: string): boolean {
  const text = address.startsWith("::ffff:") ? address.slice(7) : address;
  const bytes = parseIpAddress(text) ?? parseIpAddress(address);
  return bytes !== null && ranges.some((range) => isIn(range, bytes));
}

function isIn({ network, bitCount }: AddressRange, address: Uint8Array): boolean {
  if (network.length !== address.length) return false;
  const whole = bitCount >> 3;
  for (let i = 0; i < whole; i++) if (network[i] !== address[i]) return false;
  const mask = 0xff00 >> (bitCount & 7);
  return (((network[whole] ?? 0) ^ (address[whole] ?? 0)) & mask & 0xff) === 0;
}
