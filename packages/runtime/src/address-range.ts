// `10.0.0.0/8`, `fd00::/8`, `192.168.1.7`: ranges of addresses as people write them (RFC 4632).

import { isIPv4, isIPv6 } from "node:net";

export interface AddressRange {
  readonly family: "v4" | "v6";
  /** As written, always with its length: `10.0.0.0/8`. */
  readonly text: string;
}

/** Null when it is none. */
export function parseAddressRange(text: string): AddressRange | null {
  const [address = "", length, ...rest] = text.split("/");
  if (rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return null;
  const family = isIPv4(address) ? "v4" : isIPv6(address) ? "v6" : null;
  if (family === null || address.includes("%")) return null;
  const lengthMax = family === "v4" ? 32 : 128;
  const bits = length === undefined ? lengthMax : Number(length);
  return bits > lengthMax ? null : { family, text: `${address}/${bits}` };
}
