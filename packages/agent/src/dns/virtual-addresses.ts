// Which address stands for which service in this agent's answers. An address follows from the
// names of service and workload, so that it is the same after a restart, and another where two
// would meet. Without capture addresses are loopback ones that several agents of a host share; with
// capture they are of ranges that nobody routes, and this workload's alone.

import type { ListenOutcome, NamedService } from "@weft/proxy";

export type AddressMode = "loopback" | "virtual";

export interface AddressOwner {
  /** Loopback: makes the address reach the service. */
  listenFor(service: NamedService, address: string): Promise<ListenOutcome>;
  /** Virtual: the same for captured connections. */
  assign(service: NamedService, address: string): Promise<void>;
}

export interface VirtualAddressesOptions {
  readonly mode: AddressMode;
  /** `namespace/name` of the workload. */
  readonly workload: string;
  readonly owner: AddressOwner;
  readonly onTrouble: (message: string, fields: Readonly<Record<string, string>>) => void;
}

/** What is kept of a name that was looked up. */
export interface KeptName {
  readonly name: string;
  readonly addresses: readonly string[];
}

interface Held {
  readonly addresses: readonly string[];
  readonly service: string;
  readonly namespace: string;
  /** The ports that the addresses were opened for. */
  readonly ports: string;
}

/** A service that nobody looks up costs nothing; a program that asks for anything has a bound. */
const heldMax = 4096;
const triesMax = 16;
/** 127.128.0.0/9: 23 bits, its first and last address left out. */
const loopbackCount = 2 ** 23 - 2;
/** 240.0.0.0/4 without its upper half, where the broadcast address is. */
const virtualCount = 2 ** 27 - 2;

export class VirtualAddresses {
  readonly #options: VirtualAddressesOptions;
  readonly #held = new Map<string, Held>();
  readonly #byAddress = new Map<string, Held>();
  readonly #underWay = new Map<string, Promise<readonly string[]>>();
  #saysFull = false;

  constructor(options: VirtualAddressesOptions) {
    this.#options = options;
  }

  /**
   * Its addresses, ready to be connected to; empty when none can be had. Those of an earlier run,
   * which programs may hold still, are taken again where they can be.
   */
  resolve(service: NamedService, earlier: readonly string[] = []): Promise<readonly string[]> {
    const key = `${service.namespace}/${service.service}`;
    const held = this.#held.get(key);
    if (held !== undefined && held.ports === portsOf(service)) {
      return Promise.resolve(held.addresses);
    }
    let resolving = this.#underWay.get(key);
    if (resolving === undefined) {
      resolving = this.#take(key, service, earlier).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, resolving);
    }
    return resolving;
  }

  /** What `resolve` found, without waiting. */
  held(service: NamedService): readonly string[] {
    return this.#held.get(`${service.namespace}/${service.service}`)?.addresses ?? [];
  }

  serviceAt(address: string): { service: string; namespace: string } | null {
    return this.#byAddress.get(address) ?? null;
  }

  /** Names that were looked up, to be looked up again after a restart. */
  get names(): readonly KeptName[] {
    return Array.from(this.#held.values(), ({ addresses, service, namespace }) => ({
      name: `${service}.${namespace}`,
      addresses,
    }));
  }

  /** Resolves when no address is being taken any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  async #take(
    key: string,
    service: NamedService,
    earlier: readonly string[],
  ): Promise<readonly string[]> {
    const { mode, workload, owner, onTrouble } = this.#options;
    const before = this.#held.get(key);
    if (before === undefined && this.#held.size >= heldMax) {
      if (!this.#saysFull) onTrouble("too many names were looked up", { limit: String(heldMax) });
      this.#saysFull = true;
      return [];
    }
    const hash = hashOf(`${workload} ${key}`);
    const wanted = before?.addresses ?? earlier;
    for (const addresses of candidates(mode, hash, wanted)) {
      const [address = ""] = addresses;
      if (before === undefined && this.#byAddress.has(address)) continue;
      if (mode === "virtual") {
        for (const each of addresses) await owner.assign(service, each);
        return this.#keep(key, service, addresses);
      }
      const outcome = await owner.listenFor(service, address);
      if (outcome === "taken" && before === undefined) continue;
      if (outcome !== "listening") {
        const what = `${service.service}.${service.namespace}`;
        onTrouble("not every port of a service can be listened on", { service: what, address });
      }
      return this.#keep(key, service, addresses);
    }
    onTrouble("no address is free for a service", { service: key });
    return [];
  }

  #keep(key: string, named: NamedService, addresses: readonly string[]): readonly string[] {
    const { service, namespace } = named;
    const held = { addresses, service, namespace, ports: portsOf(named) };
    this.#held.set(key, held);
    for (const address of addresses) this.#byAddress.set(address, held);
    return addresses;
  }
}

function portsOf(service: NamedService): string {
  return service.ports.map(({ port }) => port).join();
}

function* candidates(
  mode: AddressMode,
  hash: number,
  wanted: readonly string[],
): Iterable<readonly string[]> {
  const [first = ""] = wanted;
  // The workload may have been started with capture before, and not now, or the other way round.
  if (first !== "" && first.startsWith("127.") === (mode === "loopback")) yield wanted;
  for (let i = 0; i < triesMax; i++) yield addressesAt(mode, hash + i);
}

/** IPv4 first; loopback addresses have no IPv6 range. */
export function addressesAt(mode: AddressMode, hash: number): readonly string[] {
  if (mode === "loopback") {
    const n = 1 + (hash % loopbackCount);
    return [`127.${128 + (n >>> 16)}.${(n >>> 8) & 255}.${n & 255}`];
  }
  const n = 1 + (hash % virtualCount);
  const low = (n & 0xffff).toString(16);
  const high = (n >>> 16).toString(16);
  return [
    `${240 + (n >>> 24)}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`,
    // 2001:2::/48 is for benchmarks and never routed (RFC 5180); meshes use it for such addresses.
    high === "0" ? `2001:2::${low}` : `2001:2::${high}:${low}`,
  ];
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash;
}
