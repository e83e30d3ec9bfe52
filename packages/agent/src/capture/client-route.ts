// Routes for a program that sees its callers' own addresses: what it answers from loopback goes to
// such an address, and must come back to the proxy on this host instead of leaving it. A rule for
// the program's port and a routing table of this agent alone, with one route; ip-rule(8). Nothing
// else is touched: an answer from loopback to another host could not be routed at all otherwise.

import { spawnSync } from "node:child_process";
import { findExecutable } from "../supervise/executable.ts";

export interface ClientRoute {
  /** The ip(8) program. */
  readonly ip: string;
  /** Number of the routing table; nobody else has it. */
  readonly table: number;
}

/** Null when it is not installed. */
export function findIp(pathVariable: string = process.env["PATH"] ?? ""): string | null {
  return findExecutable("ip", [...pathVariable.split(":"), "/usr/sbin", "/sbin"]);
}

/** Answers ip's complaint, "" when done. */
export function addClientRoute(
  { ip, table }: ClientRoute,
  programAddress: string,
  ports: readonly number[],
): string {
  const number = String(table);
  const family = programAddress.includes(":") ? "-6" : "-4";
  const everywhere = family === "-6" ? "::/0" : "0.0.0.0/0";
  const route = ["route", "replace", "local", everywhere, "dev", "lo", "table", number];
  let complaint = run(ip, family, route);
  for (const port of ports) {
    const match = ["from", programAddress, "ipproto", "tcp", "sport", String(port)];
    if (complaint === "") complaint = run(ip, family, ["rule", "add", ...match, "lookup", number]);
  }
  if (complaint !== "") removeClientRoute({ ip, table });
  return complaint;
}

export function removeClientRoute({ ip, table }: ClientRoute): void {
  const number = String(table);
  for (const family of ["-4", "-6"] as const) {
    // One at a time, until there is none.
    for (let i = 0; i < rulesMax && run(ip, family, ["rule", "del", "lookup", number]) === ""; i++);
    run(ip, family, ["route", "flush", "table", number]);
  }
}

const rulesMax = 64;

function run(ip: string, family: "-4" | "-6", args: readonly string[]): string {
  const { error, status, stderr } = spawnSync(ip, [family, ...args], { encoding: "utf8" });
  if (error !== undefined) return error.message;
  return status === 0 ? "" : (stderr.split("\n")[0] ?? "ip failed");
}
