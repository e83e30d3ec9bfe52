// Name servers of this host (resolv.conf(5)). Options and search lists are the asker's business.

import { isIP } from "@weft/runtime";

export interface NameServer {
  readonly address: string;
  readonly port: number;
}

const dnsPort = 53;
/** The C library asks no more than three either. */
const serversMax = 3;

export function parseResolvConf(text: string): NameServer[] {
  const servers: NameServer[] = [];
  for (const line of text.split("\n")) {
    const [keyword, address = ""] = line.trim().split(/\s+/);
    if (keyword !== "nameserver" || isIP(address) === 0) continue;
    if (servers.length < serversMax) servers.push({ address, port: dnsPort });
  }
  return servers;
}

/** `IP`, `IP:PORT`, `[IPv6]:PORT`; null when it is none of these. */
export function parseNameServer(text: string): NameServer | null {
  if (isIP(text) !== 0) return { address: text, port: dnsPort };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3] ?? 0);
  return isIP(address) === 0 || port < 1 || port > 65535 ? null : { address, port };
}
