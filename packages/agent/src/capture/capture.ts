// The capture of one agent, from its start to its end: what the host must have is checked before
// anything else, the agent's sockets are told from others by a group of its own, the rules stand
// while the proxy serves, and are taken away when the agent leaves, or is killed (`guard.ts`), or
// by the next agent that starts.

import { type Runtime, sealDescriptors } from "@weft/runtime";
import { AgentFailure } from "../failure.ts";
import { addClientRoute, type ClientRoute, findIp } from "./client-route.ts";
import { CaptureGuard, type GuardHandle, releaseGuard } from "./guard.ts";
import type { CaptureHandover, OwnedCapture } from "./handover.ts";
import { ownMark, ownNumber } from "./mark.ts";
import { findNft, runNft } from "./nft.ts";
import type { CaptureOptions } from "./options.ts";
import type { ProgramEntry } from "../supervise/program.ts";
import {
  enterCommand,
  makeCgroup,
  placeCgroup,
  type ProgramCgroup,
  removeCgroup,
} from "./program-cgroup.ts";
import { missingRequirement } from "./requirements.ts";
import {
  type AgentMark,
  type CapturedBy,
  createScript,
  releaseScript,
  tableName,
} from "./rule-set.ts";
import { removeLeftovers, removeTable } from "./tables.ts";

/** What is known once the proxy listens. */
export interface CapturePorts {
  readonly workload: string;
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** Declared ports that are captured. */
  readonly inboundPorts: readonly number[];
  readonly programAddress: string;
  /** See `ProgramDial`. */
  readonly peerFrom: string | null;
  /** Null: the agent has no DNS. */
  readonly dnsPort: number | null;
  /** Of this host's resolver. */
  readonly nameServers: readonly string[];
}

/** Where such numbers do not exist (user namespaces): those that systemd uses for such purposes. */
const lowIdBase = 61_184;
const lowIdCount = 4_336;

export class Capture {
  readonly #options: CaptureOptions;
  readonly #runtime: Runtime;
  readonly #nft: string;
  readonly #agent: AgentMark;
  readonly #originalGroup: number;
  readonly #routes: ClientRoute | null;
  #table = "";
  #cgroup: ProgramCgroup | null = null;
  #uid: number | null = null;
  #guard: CaptureGuard | null = null;
  /** Of the process that this one was; null when there was none, or its guard is replaced. */
  #formerGuard: GuardHandle | null = null;
  readonly #isInherited: boolean;

  /**
   * `before` is what the process before this one hands on. Throws an AgentFailure when this host or
   * user cannot capture.
   */
  constructor(options: CaptureOptions, runtime: Runtime, before: CaptureHandover | null = null) {
    const owned = before?.owned ?? null;
    if (owned !== null) sealDescriptors([owned.guard.fd]);
    // Who owns rules that stand goes on; what is missing now, `begin` says.
    if (owned === null) demandRequirements();
    this.#options = options;
    this.#runtime = runtime;
    this.#nft = findNft() ?? "nft";
    const ip = options.inboundBy === "tproxy" ? findIp() : null;
    this.#routes = ip === null ? null : { ip, table: ownNumber(process.pid) };
    this.#originalGroup = process.getegid?.() ?? 0;
    this.#agent = before === null ? takeGroup() : joinGroup(before.agent);
    this.#isInherited = owned !== null;
    if (owned !== null) this.#inherit(owned);
    for (const table of removeLeftovers(this.#nft)) {
      runtime.log.info("removed the capture of an agent that is gone", { table });
    }
  }

  /** Whether the program can be shown its callers' addresses: on loopback, by TPROXY. */
  keepsClientAddress(programAddress: string): boolean {
    const isLoopback = programAddress.startsWith("127.") || programAddress === "::1";
    return this.#routes !== null && isLoopback;
  }

  /** What the next process needs: the bridge only the mark, the heir everything. */
  handOver(to: "bridge" | "heir"): CaptureHandover {
    const guard = this.#guard?.handle ?? this.#formerGuard;
    if (to === "bridge" || guard === null) return { agent: this.#agent, owned: null };
    const owned = { table: this.#table, cgroup: this.#cgroup, uid: this.#uid, guard };
    return { agent: this.#agent, owned };
  }

  /**
   * In which group a child is to begin that will be an agent; the kernel takes rights away from
   * programs that begin in another group than their user's (execve(2)).
   */
  get startGroup(): number | null {
    return this.#agent.kind === "gid" ? this.#originalGroup : null;
  }

  /**
   * Sets the rules, all of them or none; in one transaction, also where others stand. Throws an
   * AgentFailure when the kernel does not take them, unless those of the process before stand.
   */
  begin(ports: CapturePorts): void {
    const options = this.#options;
    const table = tableName(ports.workload);
    this.#table = table;
    const captured = this.#capturedBy(table);
    const dns = ports.dnsPort === null ? null : this.#dnsCapture(ports.dnsPort, ports.nameServers);
    const script = createScript({
      table,
      comment: ownMark(options.scope),
      captured,
      agent: this.#agent,
      outboundPort: ports.outboundPort,
      inboundPort: ports.inboundPort,
      inboundPorts: ports.inboundPorts,
      inboundBy: options.inboundBy,
      programDial: { address: ports.programAddress, peerFrom: ports.peerFrom },
      dns,
      excludedPorts: options.excludedOutboundPorts,
      excludedRanges: options.excludedOutboundRanges,
    });
    this.#guard = new CaptureGuard({
      nft: this.#nft,
      table,
      mark: ownMark(options.scope),
      cgroupFolder: this.#cgroup?.folder ?? null,
      routes: this.#routes,
    });
    const { complaint, isOk } = this.#apply(script, ports);
    this.#replaceFormerGuard();
    if (!isOk && this.#isInherited) {
      const fields = { code: "capture-failed", table, reason: complaint };
      return this.#runtime.log.error("the capture's rules stay as they were", fields);
    }
    if (!isOk) {
      this.end();
      throw new AgentFailure(
        "capture-failed",
        `--transparent: the rules were refused: ${complaint}`,
        "Run `weft check`; it says what capture needs and how to grant it.",
      );
    }
    this.#runtime.log.info("capture is on", {
      table,
      captures: captured.kind,
      inbound: ports.inboundPorts.join(","),
      outbound: ports.outboundPort,
      dns: ports.dnsPort ?? undefined,
    });
  }

  #apply(script: string, ports: CapturePorts): { isOk: boolean; complaint: string } {
    const routes = this.keepsClientAddress(ports.programAddress) ? this.#routes : null;
    // The routes of the process before are this one's: same program, same ports, same number.
    if (routes !== null && ports.inboundPorts.length > 0 && !this.#isInherited) {
      const complaint = addClientRoute(routes, ports.programAddress, ports.inboundPorts);
      if (complaint !== "") return { isOk: false, complaint };
    }
    return runNft(this.#nft, ["-f", "-"], script);
  }

  /** How to start the program so that its sockets are known; call it after `begin`. */
  programEntry(): ProgramEntry {
    const through = this.#cgroup === null ? [] : enterCommand(this.#cgroup, []);
    return { through, uid: this.#uid };
  }

  /** Runs `act` in the group that this process had: what it starts is not the agent. */
  withoutGroup<T>(act: () => T): T {
    if (this.#agent.kind !== "gid") return act();
    process.setegid?.(this.#originalGroup);
    try {
      return act();
    } finally {
      process.setegid?.(this.#agent.id);
    }
  }

  /** New connections go their way without us from now on; those that are open stay captured. */
  release(): void {
    const script = releaseScript({ table: this.#table, comment: ownMark(this.#options.scope) });
    const { complaint, isOk } = runNft(this.#nft, ["-f", "-"], script);
    if (isOk) return;
    const fields = { code: "capture-failed", table: this.#table, reason: complaint };
    this.#runtime.log.error("the capture's rules could not be released", fields);
  }

  /** Takes the table away, when the proxy has closed its last connection. */
  end(): void {
    if (this.#table === "") return;
    const complaint = removeTable(this.#nft, this.#table, process.pid);
    if (complaint === "") {
      this.#runtime.log.info("capture is off", { table: this.#table });
    } else {
      const fields = { code: "capture-failed", table: this.#table, reason: complaint };
      this.#runtime.log.error("the capture's rules could not be removed", fields);
    }
    if (this.#cgroup !== null) removeCgroup(this.#cgroup);
    this.#guard?.close(complaint === "");
    this.#replaceFormerGuard();
    this.#table = "";
  }

  #inherit({ cgroup, guard, table, uid }: OwnedCapture): void {
    this.#table = table;
    this.#cgroup = cgroup;
    this.#uid = uid;
    this.#formerGuard = guard;
  }

  /** This process's own watches by now, or there is nothing left to watch. */
  #replaceFormerGuard(): void {
    if (this.#formerGuard !== null) releaseGuard(this.#formerGuard);
    this.#formerGuard = null;
  }

  #capturedBy(table: string): CapturedBy {
    const { scope, uid } = this.#options;
    if (scope === "everyone") return { kind: "everyone" };
    // The program runs already.
    if (this.#uid !== null) return { kind: "uid", uid: this.#uid };
    if (this.#cgroup !== null) {
      return { kind: "cgroup", path: this.#cgroup.path, level: this.#cgroup.level };
    }
    const place = uid === null ? placeCgroup(table) : "";
    const problem = typeof place === "string" ? place : makeCgroup(place);
    if (problem === null && typeof place !== "string") {
      this.#cgroup = place;
      return { kind: "cgroup", path: place.path, level: place.level };
    }
    this.#uid = uid ?? freeId();
    if (uid === null) {
      const fields = { uid: this.#uid, reason: problem ?? "" };
      this.#runtime.log.warn("no cgroup for the program: it runs as a user of its own", fields);
    }
    return { kind: "uid", uid: this.#uid };
  }

  /**
   * Where a resolver of this host stands between programs and the name servers, its own questions
   * must go on to them: only what programs ask it is captured.
   */
  #dnsCapture(
    port: number,
    servers: readonly string[],
  ): { port: number; servers: string[] | null } {
    const isStub = servers.length > 0 && servers.every((one) => /^127\.|^::1$/.test(one));
    const isNarrow = this.#options.scope === "everyone" && isStub;
    return { port, servers: isNarrow ? [...servers] : null };
  }
}

function demandRequirements(): void {
  const missing = missingRequirement();
  if (missing === null) return;
  const code = missing.name === "rights" ? "capture-forbidden" : "capture-unavailable";
  throw new AgentFailure(code, `--transparent: ${missing.message} (${code})`, missing.grant);
}

/** The mark that the rules in force know. Throws an AgentFailure when it cannot be had. */
function joinGroup(mark: AgentMark): AgentMark {
  if (mark.kind === "gid") process.setegid?.(mark.id);
  const own = mark.kind === "gid" ? process.getegid?.() : process.geteuid?.();
  if (own === mark.id) return mark;
  const message = `--transparent: the rules know the agent by its ${mark.kind} ${mark.id}`;
  throw new AgentFailure("capture-forbidden", message, "Restart instead of upgrading in place.");
}

/** The agent's own sockets are those of its group, or where it may not change that, of its user. */
function takeGroup(): AgentMark {
  for (const id of ownIds()) {
    try {
      process.setegid?.(id);
      if (process.getegid?.() === id) return { kind: "gid", id };
    } catch {
      // Not a number of this user namespace, or no right to change the group.
    }
  }
  return { kind: "uid", id: process.geteuid?.() ?? 0 };
}

/** A user for the program alone; by the agent's process number, as its group. */
function freeId(): number {
  return process.getegid?.() ?? ownNumber(process.pid);
}

function ownIds(): number[] {
  return [ownNumber(process.pid), lowIdBase + (process.pid % lowIdCount)];
}
