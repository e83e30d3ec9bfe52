// The capture tables of this network namespace, read back from the kernel: what `weft capture show`
// prints, and what is removed when its agent is gone.

import { rmdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { findIp, removeClientRoute } from "./client-route.ts";
import { type CaptureMark, type OwnerState, ownNumber, ownerState, parseMark } from "./mark.ts";
import { findBridge } from "../upgrade/find-bridge.ts";
import { runNft } from "./nft.ts";
import { deleteScript, tablePrefix } from "./rule-set.ts";

export interface CaptureTable {
  readonly table: string;
  readonly pid: number;
  readonly state: OwnerState;
  /** Serves in a hot upgrade while the agent becomes another program; 0: none is under way. */
  readonly bridgePid: number;
  /** `program`: one program's sockets; `everyone`: the whole network namespace. */
  readonly scope: string;
  readonly outboundPort: number;
  /** Declared ports, and where they are turned to; none when client-only. */
  readonly inboundPorts: string;
  readonly inboundPort: number;
  /** 0: DNS is not captured. */
  readonly dnsPort: number;
  readonly excludedPorts: string;
  readonly excludedRanges: string;
  /** As nft lists it. */
  readonly rules: string;
}

/** Every table of ours; throws an Error with nft's complaint when it cannot be asked. */
export function listTables(nft: string): CaptureTable[] {
  const { complaint, isOk, output } = runNft(nft, ["list", "tables", "inet"]);
  if (!isOk) throw new Error(complaint);
  const found: CaptureTable[] = [];
  for (const [, table = ""] of output.matchAll(/^table inet (\S+)/gm)) {
    if (!table.startsWith(tablePrefix)) continue;
    const listed = runNft(nft, ["list", "table", "inet", table]);
    // Removed since: that is what was wanted.
    if (!listed.isOk) continue;
    const read = readTable(table, listed.output, ownerState);
    if (read === null) continue;
    found.push({ ...read, bridgePid: read.state === "running" ? findBridge(read.pid) : 0 });
  }
  return found;
}

/** Null when the table has no mark of ours. */
export function readTable(
  table: string,
  rules: string,
  stateOf: (mark: CaptureMark) => OwnerState,
): Omit<CaptureTable, "bridgePid"> | null {
  const mark = parseMark(/^\s*comment "([^"]*)"/m.exec(rules)?.[1] ?? "");
  if (mark === null) return null;
  const outbound = chainOf(rules, "outbound");
  const excluded = [elementsOf(rules, "excluded_v4"), elementsOf(rules, "excluded_v6")];
  return {
    table,
    pid: mark.pid,
    state: stateOf(mark),
    scope: mark.scope,
    outboundPort: portIn(outbound, /l4proto tcp redirect to :(\d+)/),
    inboundPorts: elementsOf(rules, "inbound_ports"),
    inboundPort: portIn(chainOf(rules, "local_inbound"), /redirect to :(\d+)/),
    dnsPort: portIn(outbound, /dport 53 redirect to :(\d+)/),
    excludedPorts: elementsOf(rules, "excluded_ports"),
    excludedRanges: excluded.filter((text) => text !== "").join(", "),
    rules,
  };
}

/**
 * Deletes the table of the agent with that process number, and its cgroup and routes; answers nft's
 * complaint, "" when done.
 */
export function removeTable(nft: string, table: string, pid: number): string {
  const { complaint, isOk } = runNft(nft, ["-f", "-"], deleteScript(table));
  const ip = findIp();
  if (ip !== null) removeClientRoute({ ip, table: ownNumber(pid) });
  removeCgroups(table);
  return isOk ? "" : complaint;
}

/** Removes what agents left that are gone; answers the tables removed. */
export function removeLeftovers(nft: string): string[] {
  return listTables(nft)
    .filter(({ pid, state, table }) => state === "gone" && removeTable(nft, table, pid) === "")
    .map(({ table }) => table);
}

/** Empty ones only: the kernel refuses the others. */
function removeCgroups(name: string, folder = "/sys/fs/cgroup", depth = 0): void {
  if (depth > cgroupDepthMax) return;
  for (const entry of readFolder(folder)) {
    if (!entry.isDirectory()) continue;
    const inner = path.join(folder, entry.name);
    if (entry.name !== name) {
      removeCgroups(name, inner, depth + 1);
      continue;
    }
    try {
      rmdirSync(inner);
    } catch {
      // A process of the program still runs; whoever ends it last leaves an empty folder behind.
    }
  }
}

const cgroupDepthMax = 8;

function readFolder(folder: string): readonly { name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function chainOf(rules: string, name: string): string {
  return new RegExp(`^\\s*chain ${name} \\{\\n([\\s\\S]*?)^\\s*\\}$`, "m").exec(rules)?.[1] ?? "";
}

function elementsOf(rules: string, name: string): string {
  const text = new RegExp(`set ${name} \\{[^}]*?elements = \\{([^}]*)\\}`).exec(rules)?.[1] ?? "";
  return text.trim().replace(/\s+/g, " ");
}

function portIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}
