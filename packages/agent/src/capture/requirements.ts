// What capture needs of a host: rights, the nft program and a kernel that takes its rules, FFI, and
// for `weft run` a way to tell the program's sockets from others. `weft check` prints it, and a
// start that lacks something is refused with it.

import { readFileSync } from "node:fs";
import { canShareListeners } from "@weft/runtime";
import { findIp } from "./client-route.ts";
import { findNft, runNft } from "./nft.ts";
import { makeCgroup, placeCgroup, removeCgroup } from "./program-cgroup.ts";
import { createScript } from "./rule-set.ts";

export interface Requirement {
  readonly name: "platform" | "rights" | "nft" | "rules" | "ffi" | "cgroup" | "ip";
  readonly isMet: boolean;
  /** Without it there is another way. */
  readonly isOptional: boolean;
  readonly message: string;
  /** How to grant what is missing; "" when it is met. */
  readonly grant: string;
}

const netAdmin = 12;

/** In the order in which they are to be met. */
export function captureRequirements(): Requirement[] {
  if (process.platform !== "linux") {
    const grant = "Run it on Linux; without --transparent every system works.";
    return [unmet("platform", `capture needs Linux, this is ${process.platform}`, grant)];
  }
  const hasRights = hasCapability(netAdmin);
  const nft = findNft();
  const found = [rightsRow(hasRights), nftRow(nft), ffiRow(), ipRow()];
  if (hasRights && nft !== null) found.push(rulesRow(nft), cgroupRow());
  return found;
}

/** The first that keeps capture from working; null when all is well. */
export function missingRequirement(): Requirement | null {
  return captureRequirements().find((row) => !row.isMet && !row.isOptional) ?? null;
}

function rightsRow(hasRights: boolean): Requirement {
  if (hasRights) return met("rights", "may set packet filter rules (CAP_NET_ADMIN)");
  return unmet(
    "rights",
    "may not set packet filter rules: CAP_NET_ADMIN is missing",
    "Run it as root; in a container add the capabilities NET_ADMIN, SETUID and SETGID (docker run --cap-add NET_ADMIN, or securityContext.capabilities.add).",
  );
}

function nftRow(nft: string | null): Requirement {
  if (nft !== null) return met("nft", `the nft program is ${nft}`);
  return unmet(
    "nft",
    "the nft program is not installed",
    "Install it: apt-get install nftables, dnf install nftables or apk add nftables.",
  );
}

function ffiRow(): Requirement {
  if (canShareListeners()) return met("ffi", "FFI can ask where a connection was going");
  return unmet(
    "ffi",
    `this Node (${process.version}) has no FFI, which tells where a connection was going`,
    "Start weft with Node 26 and without --no-experimental-ffi.",
  );
}

function ipRow(): Requirement {
  if (findIp() !== null) return met("ip", "programs on loopback see the address of who called");
  const message = "the ip program is not installed: programs see the sidecar as who called";
  const grant = "Install it: apt-get install iproute2, dnf install iproute or apk add iproute2.";
  return { ...unmet("ip", message, grant), isOptional: true };
}

/** Whether the kernel would take every kind of rule; nothing is changed. */
function rulesRow(nft: string): Requirement {
  const { complaint, isOk } = runNft(nft, ["-c", "-f", "-"], trialScript());
  if (isOk) return met("rules", "the kernel takes the rules (nf_tables, NAT, TPROXY)");
  return unmet(
    "rules",
    `the kernel does not take the rules: ${complaint}`,
    "Load the modules nf_tables, nft_chain_nat, nft_redir, nft_fib_inet, nft_tproxy and nft_socket, or take a kernel that has them.",
  );
}

function trialScript(): string {
  return createScript({
    table: "weft_trial",
    comment: "weft1 trial",
    captured: { kind: "everyone" },
    agent: { kind: "gid", id: 1 },
    outboundPort: 1,
    inboundPort: 1,
    inboundPorts: [1],
    inboundBy: "tproxy",
    programDial: { address: "127.0.0.1", peerFrom: null },
    dns: { port: 1, servers: null },
    excludedPorts: [],
    excludedRanges: [],
  });
}

function cgroupRow(): Requirement {
  const place = placeCgroup(`weft_trial_${process.pid}`);
  const problem = typeof place === "string" ? place : makeCgroup(place);
  if (problem === null && typeof place !== "string") {
    removeCgroup(place);
    return met("cgroup", "a program can be told by a cgroup of its own");
  }
  const message = `no cgroup for the program of weft run: ${problem ?? ""}; it runs as a user of its own instead`;
  return {
    ...unmet("cgroup", message, "Mount cgroup2 writable at /sys/fs/cgroup."),
    isOptional: true,
  };
}

/** The effective set of this process (proc(5)). */
function hasCapability(number: number): boolean {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const set = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
    return ((set >> BigInt(number)) & 1n) === 1n;
  } catch {
    return false;
  }
}

function met(name: Requirement["name"], message: string): Requirement {
  return { name, isMet: true, isOptional: false, message, grant: "" };
}

function unmet(name: Requirement["name"], message: string, grant: string): Requirement {
  return { name, isMet: false, isOptional: false, message, grant };
}
