// The rule set of a capture as nft(8) reads it: one table of its own in the inet family, made in
// one transaction that replaces what stood under its name. Pure: the same input, the same text.
//
// What leaves: new TCP connections of whom the capture is for are redirected to the outbound
// listener, DNS questions to the agent's DNS. What comes: connections to declared ports alone reach
// the inbound listener, by TPROXY from other hosts (the addresses stay as they were), by REDIRECT
// from this host. The agent's own connections are let go, so nothing can go round in circles; only
// those to a declared port of this very workload come back in, unless they are for the program.

import type { AddressRange } from "@weft/runtime";

/** Whose connections are captured on their way out. */
export type CapturedBy =
  /** Everybody's in this network namespace but the agent's (`weft sidecar`). */
  | { readonly kind: "everyone" }
  /** Of the sockets made in a cgroup (`weft run`); the path is one below /sys/fs/cgroup. */
  | { readonly kind: "cgroup"; readonly path: string; readonly level: number }
  /** Of a user that nobody else is (`weft run` where cgroups cannot be written). */
  | { readonly kind: "uid"; readonly uid: number };

/** How the agent's own sockets are told from others. */
export type AgentMark = { readonly kind: "gid" | "uid"; readonly id: number };

/** Which connections of the agent are for the program, and which for this workload as a peer. */
interface ProgramDial {
  readonly address: string;
  /** Where that is the workload's address too: what it dials its own workload as a peer from. */
  readonly peerFrom: string | null;
}

interface DnsCapture {
  readonly port: number;
  /** Questions to these servers alone; null: to any. */
  readonly servers: readonly string[] | null;
}

export interface RuleSet {
  readonly table: string;
  /** Says whose table it is, at most 128 characters. */
  readonly comment: string;
  readonly captured: CapturedBy;
  readonly agent: AgentMark;
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** Declared ports that are captured. */
  readonly inboundPorts: readonly number[];
  readonly inboundBy: "tproxy" | "redirect";
  readonly programDial: ProgramDial;
  /** Null: DNS is not captured. */
  readonly dns: DnsCapture | null;
  readonly excludedPorts: readonly number[];
  readonly excludedRanges: readonly AddressRange[];
}

/** Makes the table, or puts a new one in the place of an old one. */
export function createScript(rules: RuleSet): string {
  const { table } = rules;
  const body = [
    `  comment "${rules.comment}"`,
    ...sets(rules),
    ...outboundChain(rules),
    ...outputChain(rules),
    ...localInboundChain(rules),
    ...preroutingChain(rules),
  ];
  // A table is declared before it is deleted: deleting one that is missing would be an error.
  return `table inet ${table}\ndelete table inet ${table}\ntable inet ${table} {\n${body.join("\n")}\n}\n`;
}

/**
 * Captures nothing more, and keeps what was captured: without a NAT chain, and a rule that needs
 * connection tracking, the kernel would redirect connections that are open no longer.
 */
export function releaseScript({ comment, table }: Pick<RuleSet, "comment" | "table">): string {
  const output = chain("output", [outputHook, "ct state new return"]);
  const body = [`  comment "${comment}"`, ...output].join("\n");
  return `table inet ${table}\ndelete table inet ${table}\ntable inet ${table} {\n${body}\n}\n`;
}

/** Deletes the table, and is no error when it is gone already. */
export function deleteScript(table: string): string {
  return `table inet ${table}\ndelete table inet ${table}\n`;
}

/** nft's names have no hyphens. */
export function tableName(workload: string): string {
  return `${tablePrefix}${workload.replaceAll("-", "_")}`;
}

export const tablePrefix = "weft_";

function sets(rules: RuleSet): string[] {
  const { dns, excludedPorts, excludedRanges, inboundPorts } = rules;
  const ranges = (family: "v4" | "v6"): string[] =>
    excludedRanges.filter((range) => range.family === family).map(({ text }) => text);
  const servers = (family: "v4" | "v6"): string[] =>
    (dns?.servers ?? []).filter((one) => one.includes(":") === (family === "v6"));
  return [
    ...set("inbound_ports", "inet_service", inboundPorts.map(String)),
    ...set("excluded_ports", "inet_service", excludedPorts.map(String)),
    ...set("excluded_v4", "ipv4_addr", ranges("v4")),
    ...set("excluded_v6", "ipv6_addr", ranges("v6")),
    ...set("dns_servers_v4", "ipv4_addr", servers("v4")),
    ...set("dns_servers_v6", "ipv6_addr", servers("v6")),
  ];
}

function set(name: string, type: string, elements: readonly string[]): string[] {
  if (elements.length === 0) return [];
  return [
    `  set ${name} {`,
    `    type ${type}`,
    "    flags interval",
    "    auto-merge",
    `    elements = { ${elements.join(", ")} }`,
    "  }",
  ];
}

/** For connections of whom the capture is for. */
function outboundChain(rules: RuleSet): string[] {
  const { excludedPorts, excludedRanges, outboundPort } = rules;
  const has = (family: "v4" | "v6"): boolean =>
    excludedRanges.some((range) => range.family === family);
  const lines: string[] = [];
  if (excludedPorts.length > 0) {
    lines.push("meta l4proto { tcp, udp } th dport @excluded_ports return");
  }
  lines.push(...dnsRules(rules.dns));
  // A program's talk to its own host is its own: other sidecars' ports, a database beside it.
  lines.push("fib daddr type local return");
  if (has("v4")) lines.push("ip daddr @excluded_v4 return");
  if (has("v6")) lines.push("ip6 daddr @excluded_v6 return");
  lines.push(`meta l4proto tcp redirect to :${outboundPort}`);
  return chain("outbound", lines);
}

function dnsRules(dns: DnsCapture | null): string[] {
  if (dns === null) return [];
  const redirect = `meta l4proto { tcp, udp } th dport 53 redirect to :${dns.port}`;
  const { servers } = dns;
  if (servers === null) return [redirect];
  const lines: string[] = [];
  if (servers.some((one) => !one.includes(":"))) lines.push(`ip daddr @dns_servers_v4 ${redirect}`);
  if (servers.some((one) => one.includes(":"))) lines.push(`ip6 daddr @dns_servers_v6 ${redirect}`);
  return lines;
}

const outputHook = "type nat hook output priority -110; policy accept;";

/**
 * Every new connection from this host. Ahead of other tables' NAT, such as a container engine's for
 * its DNS: only the first that changes a connection counts.
 */
function outputChain(rules: RuleSet): string[] {
  const { captured, inboundPorts } = rules;
  const agent = agentMatch(rules.agent);
  const lines = [outputHook];
  if (inboundPorts.length > 0) {
    const whose = captured.kind === "everyone" ? `${agent} ` : "";
    lines.push(`${whose}tcp dport @inbound_ports fib daddr type local jump local_inbound`);
  }
  if (captured.kind === "everyone") lines.push(`${agent} return`);
  lines.push(`${capturedMatch(captured)}jump outbound`);
  return chain("output", lines);
}

/** From this host to a declared port of this host. */
function localInboundChain(rules: RuleSet): string[] {
  const { captured, inboundPort, inboundPorts, programDial } = rules;
  if (inboundPorts.length === 0) return [];
  const agent = agentMatch(rules.agent);
  const { address, peerFrom } = programDial;
  const lines = [
    peerFrom === null
      ? `${agent} ${family(address)} daddr ${address} return`
      : `${agent} ${family(peerFrom)} saddr != ${peerFrom} return`,
  ];
  // A program that calls itself needs no proxy; anybody else on this host is a stranger to it.
  if (captured.kind !== "everyone") lines.push(`${capturedMatch(captured)}return`);
  lines.push(`meta l4proto tcp redirect to :${inboundPort}`);
  return chain("local_inbound", lines);
}

/** From other hosts to a declared port of this host. */
function preroutingChain(rules: RuleSet): string[] {
  const { inboundBy, inboundPort, inboundPorts } = rules;
  if (inboundPorts.length === 0) return [];
  const match = "tcp dport @inbound_ports fib daddr type local";
  if (inboundBy === "redirect") {
    return chain("prerouting", [
      "type nat hook prerouting priority -110; policy accept;",
      'iifname "lo" return',
      `${match} redirect to :${inboundPort}`,
    ]);
  }
  return chain("prerouting", [
    "type filter hook prerouting priority -150; policy accept;",
    'iifname "lo" return',
    `meta nfproto ipv4 ${match} tproxy ip to :${inboundPort} accept`,
    `meta nfproto ipv6 ${match} tproxy ip6 to :${inboundPort} accept`,
  ]);
}

function chain(name: string, lines: readonly string[]): string[] {
  return [`  chain ${name} {`, ...lines.map((line) => `    ${line}`), "  }"];
}

function agentMatch(agent: AgentMark): string {
  return `meta sk${agent.kind} ${agent.id}`;
}

/** With a space behind it, or nothing. */
function capturedMatch(captured: CapturedBy): string {
  if (captured.kind === "everyone") return "";
  if (captured.kind === "uid") return `meta skuid ${captured.uid} `;
  return `socket cgroupv2 level ${captured.level} "${captured.path}" `;
}

function family(address: string): "ip" | "ip6" {
  return address.includes(":") ? "ip6" : "ip";
}
