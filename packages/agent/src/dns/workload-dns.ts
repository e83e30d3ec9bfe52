// The DNS of one workload: which name servers it forwards to, what it keeps on disk, and that the
// program beside it does without when no port can be had.

import { readFileSync } from "node:fs";
import type { ProxyHandle } from "@weft/proxy";
import type { Runtime } from "@weft/runtime";
import { type Dns, openDns } from "./dns.ts";
import { type NameServer, parseResolvConf } from "./resolv-conf.ts";
import type { AddressMode } from "./virtual-addresses.ts";

export interface WorkloadDnsOptions {
  readonly runtime: Runtime;
  readonly proxy: ProxyHandle;
  readonly mode: AddressMode;
  readonly workload: string;
  readonly domain: string;
  /** Null: those of this host. */
  readonly nameServers: readonly NameServer[] | null;
  readonly preferredPort: number;
  /** What `keep` was given before, or null. */
  readonly kept: Uint8Array | null;
  readonly keep: (bytes: Uint8Array) => void;
}

/** Null when no port can be had: that is logged, and the rest of the sidecar works. */
export async function openWorkloadDns(options: WorkloadDnsOptions): Promise<Dns | null> {
  const { runtime, proxy, preferredPort } = options;
  try {
    const dns = await openDns({
      runtime,
      names: proxy,
      mode: options.mode,
      workload: options.workload,
      domain: options.domain,
      preferredPort,
      nameServers: options.nameServers ?? hostNameServers(),
      knownNames: parseNames(options.kept),
      onNames: (names) => options.keep(Buffer.from(JSON.stringify(names))),
    });
    if (preferredPort !== 0 && dns.port !== preferredPort) {
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

function parseNames(bytes: Uint8Array | null): string[] {
  try {
    const value: unknown = bytes === null ? [] : JSON.parse(Buffer.from(bytes).toString());
    return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
