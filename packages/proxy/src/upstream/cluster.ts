// A cluster as a worker uses it: its endpoints, the picker over them and the limits it shares
// with the other workers. One object per name for as long as the cluster exists; its row,
// endpoints and ejections are replaced, what is under way is not.

import {
  type Chance,
  type ClusterRow,
  createPicker,
  EndpointRow,
  type EndpointTable,
  type Picker,
} from "@weft/rules";
import type { ClusterDelta } from "../telemetry/stats.ts";
import { OverloadLevel } from "../overload.ts";
import type { Thread } from "../thread.ts";
import { CircuitBreaker } from "./circuit-breaking.ts";
import { chooseTransport, Endpoint } from "./endpoint.ts";
import { type EndpointSlots, slotCounters } from "./outlier-counters.ts";

/** What the main thread sends along with a cluster. */
export interface SharedCounters {
  readonly counters: SharedArrayBuffer;
  readonly slots: EndpointSlots;
}

export interface ClusterEvents {
  /** An endpoint's consecutive errors have reached their limit. */
  onLimitReached(cluster: string, endpoint: string): void;
}

/**
 * Endpoints of a cluster that dials the request's own authority, or a program as different clients,
 * are dropped when unused.
 */
const dialledMax = 1000;
/**
 * Endpoints looked at in one sweep; more than these take turns. Whether an idle connection may
 * still serve is judged at its use as well.
 */
const sweptMax = 1000;

export class Cluster {
  readonly name: string;
  readonly thread: Thread;
  row: ClusterRow;
  breaker: CircuitBreaker;
  endpoints: readonly Endpoint[] = [];
  /** Since the last `takeCounts`. */
  #connectFailures = 0;
  #retries = 0;
  /** The endpoint that was swept last. */
  #sweptAt = -1;
  #picker: Picker<Endpoint>;
  #ejected: ReadonlySet<string> = new Set();
  readonly #dialled = new Map<string, Endpoint>();
  readonly #events: ClusterEvents;

  constructor(thread: Thread, row: ClusterRow, shared: SharedCounters, events: ClusterEvents) {
    this.thread = thread;
    this.name = row.name;
    this.row = row;
    this.breaker = new CircuitBreaker(shared.counters, thread.number, row.limits);
    this.#picker = this.#newPicker();
    this.#events = events;
  }

  /** The row, its endpoints or where they are counted changed. */
  configure(row: ClusterRow, table: EndpointTable | null, shared: SharedCounters): void {
    if (row.limits !== this.row.limits) {
      this.breaker = new CircuitBreaker(shared.counters, this.thread.number, row.limits);
    }
    const isSameTransport = row.transports === this.row.transports;
    this.row = row;
    const before = new Map(this.endpoints.map((endpoint) => [endpoint.row.key, endpoint]));
    const counters = slotCounters(shared.slots);
    this.endpoints = (table?.rows ?? []).map((endpointRow, i) => {
      const old = before.get(endpointRow.key);
      let endpoint: Endpoint;
      if (old !== undefined && staysSame(old, endpointRow, row, isSameTransport)) {
        before.delete(endpointRow.key);
        old.row = endpointRow;
        endpoint = old;
      } else {
        endpoint = new Endpoint(this, endpointRow, chooseTransport(row, endpointRow));
      }
      endpoint.slot = counters[i] ?? null;
      return endpoint;
    });
    for (const removed of before.values()) removed.remove();
    if (row.kind !== "original-dst") this.#forgetDialled();
    this.#picker = this.#newPicker();
  }

  eject(keys: ReadonlySet<string>): void {
    this.#ejected = keys;
    this.#picker = this.#newPicker();
  }

  countConnectFailure(): void {
    this.#connectFailures++;
  }

  countRetry(): void {
    this.#retries++;
  }

  /** What was counted since the last call, and the connections open now. */
  takeCounts(): ClusterDelta {
    let openConnections = 0;
    for (const endpoint of this.endpoints) openConnections += endpoint.openCount;
    for (const endpoint of this.#dialled.values()) openConnections += endpoint.openCount;
    const counts = {
      cluster: this.name,
      connectFailures: this.#connectFailures,
      retries: this.#retries,
      openConnections,
    };
    this.#connectFailures = 0;
    this.#retries = 0;
    return counts;
  }

  limitReached(key: string): void {
    this.#events.onLimitReached(this.name, key);
  }

  /**
   * An endpoint for an attempt, if possible none of `tried`; null when there is none at all.
   * `client` is whom it is to see as its caller, "" us.
   */
  pick(authority: string, tried: readonly Endpoint[] | null, client = ""): Endpoint | null {
    if (this.row.kind === "original-dst") return this.#dialledEndpoint(authority);
    const picked = tried === null ? this.#picker.pick() : this.#picker.pickOther(tried);
    return client === "" || picked === null ? picked : this.#calledBy(client, picked);
  }

  /**
   * The program as that client reaches it: connections are its own, and so shared with no other.
   */
  #calledBy(client: string, picked: Endpoint): Endpoint {
    const known = this.#dialled.get(client);
    if (known !== undefined) return known;
    // Not one to be seen by this program, or too many: it sees us as its caller.
    if (!maySee(picked.address, client) || this.#dialled.size >= dialledMax) return picked;
    const endpoint = new Endpoint(this, picked.row, picked.transport, client);
    this.#dialled.set(client, endpoint);
    return endpoint;
  }

  sweep(nowMs: number): void {
    const { length } = this.endpoints;
    const isShort = this.thread.overload !== OverloadLevel.None;
    const count = isShort ? length : Math.min(length, sweptMax);
    for (let left = count; left > 0; left--) {
      this.#sweptAt = this.#sweptAt + 1 < length ? this.#sweptAt + 1 : 0;
      (this.endpoints[this.#sweptAt] as Endpoint).sweep(nowMs);
    }
    for (const [authority, endpoint] of this.#dialled) {
      endpoint.sweep(nowMs);
      if (endpoint.isUnused) this.#dialled.delete(authority);
    }
  }

  /** Made after endpoints that may be other ones now. */
  #forgetDialled(): void {
    for (const endpoint of this.#dialled.values()) endpoint.remove();
    this.#dialled.clear();
  }

  remove(): void {
    for (const endpoint of this.endpoints) endpoint.remove();
    for (const endpoint of this.#dialled.values()) endpoint.remove();
  }

  #newPicker(): Picker<Endpoint> {
    const { algorithm, choiceCount } = this.row;
    const chance: Chance = this.thread.random;
    return createPicker({ algorithm, choiceCount }, this.endpoints, this.#ejected, chance);
  }

  #dialledEndpoint(authority: string): Endpoint | null {
    const known = this.#dialled.get(authority);
    if (known !== undefined) return known;
    const address = splitAuthority(authority);
    if (address === null || this.#dialled.size >= dialledMax) return null;
    const row = new EndpointRow({
      key: `${address.host}:${address.port}`,
      address: address.host,
      port: address.port,
      health: "healthy",
      weight: 1,
      region: "",
      zone: "",
      transportMatch: [],
      workload: "",
      identity: "",
      version: "",
    });
    const endpoint = new Endpoint(this, row, chooseTransport(this.row, row));
    this.#dialled.set(authority, endpoint);
    return endpoint;
  }
}

/** Whether open connections may go on serving the endpoint. */
function staysSame(
  old: Endpoint,
  row: EndpointRow,
  cluster: ClusterRow,
  isSameTransport: boolean,
): boolean {
  if (old.row.identity !== row.identity) return false;
  return isSameTransport
    ? old.row === row || chooseTransport(cluster, row) === old.transport
    : JSON.stringify(chooseTransport(cluster, row)) === JSON.stringify(old.transport);
}

function splitAuthority(authority: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(authority);
  if (match === null) return null;
  const host = match[1] ?? match[2] ?? "";
  const port = match[3] === undefined ? 80 : Number(match[3]);
  return host === "" || port < 1 || port > 65535 ? null : { host, port };
}

/**
 * Whether a program at `address` can be called in that client's name: of one family, and not of
 * this host. A link-local address says nothing without its interface.
 */
function maySee(address: string, client: string): boolean {
  if (client.includes(":") !== address.includes(":")) return false;
  return !client.startsWith("127.") && client !== "::1" && !client.startsWith("fe80:");
}
