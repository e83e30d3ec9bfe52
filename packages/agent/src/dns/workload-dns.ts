// The DNS of one workload: which name servers it forwards to, what it keeps on disk, and that the
// program beside it does without when no port can be had.

import { readFileSync } from "node:fs";
import type { DataPlane } from "@weft/proxy";
import type { Inheritance, Runtime } from "@weft/runtime";
import { type Dns, openDns } from "./dns.ts";
import { type NameServer, parseResolvConf } from "./resolv-conf.ts";
import type { AddressMode, KeptName } from "./virtual-addresses.ts";

export interface WorkloadDnsOptions {
  readonly runtime: Runtime;
  readonly proxy: DataPlane;
  readonly mode: AddressMode;
  readonly workload: string;
  readonly domain: string;
  /** Null: those of this host. */
  readonly nameServers: readonly NameServer[] | null;
  readonly preferredPort: number;
  readonly inheritance: Inheritance;
  /** What `keep` was given last, by this process or one before it, or null. */
  readonly kept: () => Uint8Array | null;
  readonly keep: (bytes: Uint8Array) => void;
}

/** Null when no port can be had: that is logged, and the rest of the sidecar works. */
export async function openWorkloadDns(options: WorkloadDnsOptions): Promise<Dns | null> {
  const { inheritance, kept, runtime, proxy, preferredPort } = options;
  try {
    const dns = await openDns({
      runtime,
      names: proxy,
      mode: options.mode,
      workload: options.workload,
      domain: options.domain,
      preferredPort,
      inheritance,
      nameServers: options.nameServers ?? hostNameServers(),
      knownNames: () => parseNames(kept()),
      onNames: (names) => options.keep(Buffer.from(JSON.stringify(names))),
    });
    if (preferredPort !== 0 && !inheritance.hasPredecessor && dns.port !== preferredPort) {
      const replaced = { what: "dns", port: dns.port };
      runtime.log.info(`port ${preferredPort} is taken and was replaced`, replaced);
    }
    return dns;
  } catch (error) {
    runtime.log.warn("DNS could not be opened; names resolve only in the outbound listener", {
      reason: error instanceof Error ? error.message : String(error),
    });
    return null;
  }
}

/** As its resolver is configured now. */
export function hostNameServers(): NameServer[] {
  try {
    return parseResolvConf(readFileSync("/etc/resolv.conf", "utf8"));
  } catch {
    return [];
  }
}

function parseNames(bytes: Uint8Array | null): KeptName[] {
  try {
    const value: unknown = bytes === null ? [] : JSON.parse(Buffer.from(bytes).toString());
    return Array.isArray(value) ? value.filter(isKeptName) : [];
  } catch {
    return [];
  }
}

function isKeptName(value: unknown): value is KeptName {
  const { addresses, name } = (value ?? {}) as Partial<Record<keyof KeptName, unknown>>;
  if (typeof name !== "string" || !Array.isArray(addresses)) return false;
  return addresses.every((address) => typeof address === "string");
}
