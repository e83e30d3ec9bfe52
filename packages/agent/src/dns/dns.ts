// DNS beside a workload: names of the mesh are answered from the same tables that requests are
// routed by, everything else is asked of the host's own name servers (design section 5).

import type { NamedEndpoint, NamedService } from "@weft/proxy";
import type { Inheritance, Runtime } from "@weft/runtime";
import type { Answer } from "dns-packet";
import { AnswerCache } from "./cache.ts";
import { Forwarder, type Transport } from "./forwarder.ts";
import { type Query, Rcode, readQuery, type Reply, writeRefusal, writeReply } from "./message.ts";
import type { NameServer } from "./resolv-conf.ts";
import { type DnsServer, openDnsServer } from "./server.ts";
import {
  type AddressMode,
  type AddressOwner,
  type KeptName,
  VirtualAddresses,
} from "./virtual-addresses.ts";
import { answerFrom, type ZoneAnswer, type ZoneView } from "./zone.ts";

/** What the proxy knows of names. */
interface NameSource extends AddressOwner {
  findService(name: string): NamedService | null;
  endpointsOf(service: NamedService): readonly NamedEndpoint[];
}

export interface DnsOptions {
  readonly runtime: Runtime;
  readonly names: NameSource;
  readonly mode: AddressMode;
  /** `namespace/name` of the workload. */
  readonly workload: string;
  /** Cluster DNS domain, `cluster.local`. */
  readonly domain: string;
  readonly preferredPort: number;
  /** Sockets of the process before this one, and for the next. */
  readonly inheritance: Inheritance;
  readonly nameServers: readonly NameServer[];
  /** Names that were looked up before a restart, as they were kept last. */
  readonly knownNames: () => readonly KeptName[];
  /** To be kept: a name was looked up for the first time, or this process answers no more. */
  readonly onNames: (names: readonly KeptName[]) => void;
}

export interface Dns {
  readonly port: number;
  /**
   * Takes the addresses that programs may know from before. Call it when the tables are complete.
   */
  remember(): Promise<void>;
  /** Answers on the sockets of a process before this one; on its own it does from the start. */
  begin(): Promise<void>;
  /**
   * From now on another process answers: what is asked here waits for it, or is asked of it.
   * Resolves when the names are kept for it.
   */
  retire(): Promise<void>;
  /** After `retire`: resolves when every connection has ended, after so long at most. */
  drained(ms: number): Promise<void>;
  close(): void;
}

export async function openDns(options: DnsOptions): Promise<Dns> {
  const answerer = new Answerer(options);
  const server: DnsServer = await openDnsServer({
    runtime: options.runtime,
    preferredPort: options.preferredPort,
    inheritance: options.inheritance,
    answer: (query, transport) => answerer.answer(query, transport),
  });
  return {
    port: server.port,
    remember: () => answerer.remember(),
    begin() {
      answerer.begin();
      return server.begin();
    },
    async retire() {
      server.retire();
      await answerer.retire(server.port);
    },
    drained: (ms) => server.drained(ms),
    close: () => server.close(),
  };
}

/** An answer is kept longer the longer it has stayed the same, within these. */
const ttlSecondsMin = 1;
const ttlSecondsMax = 30;
const negativeSeconds = 2;
const changesMax = 10_000;

class Answerer implements ZoneView {
  readonly domain: string;
  readonly #options: DnsOptions;
  readonly #addresses: VirtualAddresses;
  readonly #forwarder: Forwarder;
  readonly #cache = new AnswerCache();
  /** By name: what it was answered last, and since when. */
  readonly #since = new Map<string, { content: string; atMs: number }>();
  #nameCount = 0;
  /** A name that is not in the tables does not exist. */
  #hasTables = false;
  /** Leads to the process that answers in this one's place; null: this one does. */
  #successor: Forwarder | null = null;

  constructor(options: DnsOptions) {
    this.#options = options;
    this.domain = options.domain;
    const { runtime, names } = options;
    this.#forwarder = new Forwarder(runtime, options.nameServers);
    this.#addresses = new VirtualAddresses({
      mode: options.mode,
      workload: options.workload,
      owner: names,
      onTrouble: (message, fields) => runtime.log.warn(message, fields),
    });
  }

  /** Never rejects: a bug costs its question. */
  async answer(bytes: Buffer, transport: Transport): Promise<Buffer | null> {
    const query = readQuery(bytes);
    if (query === null) return null;
    if (typeof query === "number") return writeRefusal(bytes, query);
    if (this.#successor !== null) {
      const forwarded = await this.#successor.ask(bytes, query.question, transport);
      return forwarded?.bytes ?? writeReply(query, emptyReply(Rcode.ServFail), null);
    }
    try {
      return await this.#answer(bytes, query, transport);
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.runtime.log.error("a DNS question met a bug", { name: query.name, reason });
      return writeReply(query, emptyReply(Rcode.ServFail), null);
    }
  }

  /** Makes the addresses of an earlier run reachable again; programs may hold them still. */
  async remember(): Promise<void> {
    this.#hasTables = true;
    const taking = this.#options.knownNames().map(async ({ addresses, name }) => {
      const service = this.findService(name);
      if (service !== null && !service.isHeadless) {
        await this.#addresses.resolve(service, addresses);
      }
    });
    await Promise.all(taking);
  }

  begin(): void {
    this.#successor = null;
  }

  /** An address that this process gave out is known to the next one before it answers. */
  async retire(port: number): Promise<void> {
    this.#successor = new Forwarder(this.#options.runtime, [{ address: "127.0.0.1", port }]);
    await this.#addresses.settled();
    this.#options.onNames(this.#addresses.names);
  }

  findService(name: string): NamedService | null {
    return this.#options.names.findService(name);
  }

  endpointsOf(service: NamedService): readonly NamedEndpoint[] {
    return this.#options.names.endpointsOf(service);
  }

  addressesOf(service: NamedService): readonly string[] {
    return this.#addresses.held(service);
  }

  serviceAt(address: string): { service: string; namespace: string } | null {
    return this.#addresses.serviceAt(address);
  }

  ttlSeconds(name: string, content: string): number {
    const atMs = this.#options.runtime.clock.monotonicMs();
    const since = this.#since.get(name);
    if (since === undefined || since.content !== content) {
      if (this.#since.size >= changesMax) this.#since.clear();
      this.#since.set(name, { content, atMs });
      return ttlSecondsMin;
    }
    const steadySeconds = Math.floor((atMs - since.atMs) / 2000);
    return Math.min(ttlSecondsMax, Math.max(ttlSecondsMin, steadySeconds));
  }

  async #answer(bytes: Buffer, query: Query, transport: Transport): Promise<Buffer> {
    const bytesMax = transport === "udp" ? query.bytesMax : null;
    const local = localhost(query);
    if (local !== null) return writeReply(query, local, bytesMax);
    await this.#prepare(query.name);
    const own = answerFrom(this, query.name, query.type);
    if (own !== null && !(own.isMissing && !this.#hasTables)) {
      return writeReply(query, this.#replyOf(own), bytesMax);
    }
    if (own !== null) return writeReply(query, emptyReply(Rcode.ServFail), bytesMax);
    return await this.#forward(bytes, query, transport);
  }

  /** Takes addresses for the service that the name leads to, before it is answered. */
  async #prepare(name: string): Promise<void> {
    const plain = name.replace(/^_[^.]+\._[^.]+\./, "");
    const service = this.findService(plain);
    if (service === null || service.isHeadless) return;
    await this.#addresses.resolve(service);
    const { names } = this.#addresses;
    if (names.length === this.#nameCount) return;
    this.#nameCount = names.length;
    this.#options.onNames(names);
  }

  #replyOf(own: ZoneAnswer): Reply {
    const { answers, additionals, isMissing, zone } = own;
    return {
      rcode: isMissing ? Rcode.NxDomain : Rcode.NoError,
      isAuthoritative: true,
      answers,
      additionals,
      authorities: answers.length > 0 ? [] : [this.#soa(zone)],
    };
  }

  #soa(zone: string): Answer {
    return {
      type: "SOA",
      name: zone,
      ttl: negativeSeconds,
      data: {
        mname: `ns.${zone}`,
        rname: `hostmaster.${zone}`,
        serial: Math.floor(this.#options.runtime.clock.nowMs() / 1000),
        refresh: 3600,
        retry: 600,
        expire: 86_400,
        minimum: negativeSeconds,
      },
    };
  }

  async #forward(bytes: Buffer, query: Query, transport: Transport): Promise<Buffer> {
    const bytesMax = transport === "udp" ? query.bytesMax : null;
    const { clock } = this.#options.runtime;
    const isPlain = query.edns?.wantsDnssec !== true;
    const kept = isPlain ? this.#cache.find(query.name, query.type, clock.monotonicMs()) : null;
    if (kept !== null) return writeReply(query, kept, bytesMax);
    if (!this.#forwarder.hasServers) return writeReply(query, emptyReply(Rcode.Refused), bytesMax);
    const forwarded = await this.#forwarder.ask(bytes, query.question, transport);
    if (forwarded === null) return writeReply(query, emptyReply(Rcode.ServFail), bytesMax);
    if (isPlain) this.#cache.store(query.name, query.type, forwarded.packet, clock.monotonicMs());
    return forwarded.bytes;
  }
}

/** RFC 6761 §6.3: never asked of anybody. */
function localhost(query: Query): Reply | null {
  if (query.name !== "localhost" && !query.name.endsWith(".localhost")) return null;
  const answers: Answer[] = [];
  if (query.type === "A") answers.push({ type: "A", name: query.name, ttl: 60, data: "127.0.0.1" });
  if (query.type === "AAAA") answers.push({ type: "AAAA", name: query.name, ttl: 60, data: "::1" });
  return { ...emptyReply(Rcode.NoError), answers };
}

function emptyReply(rcode: Rcode): Reply {
  return { rcode, isAuthoritative: false, answers: [], authorities: [], additionals: [] };
}
