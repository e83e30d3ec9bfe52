// The main thread's side of the configuration conversation: what is held, what is asked for, what
// is refused. Listeners and clusters are asked for whole, the rest by the names they mention;
// what nothing mentions any more is dropped. A change is checked, kept and passed on at once; the
// control plane sends in an order in which every prefix is sound (make before break).

import { createHash } from "node:crypto";
import { emptyTables, type ResourceBytes, type ResourceChange, type Tables } from "@weft/rules";
import { typeUrls, type XdsClient, type XdsClientHandler } from "@weft/xds";
import { checkChange } from "./check.ts";

export interface SubscribeEvents {
  /** Accepted changes, in order, with the tables that hold them. */
  onChange(changes: readonly ResourceChange[], before: Tables, after: Tables): void;
  onRefused(typeUrl: string, reason: string): void;
  onConnection(isConnected: boolean): void;
}

/** Never asked for: the agent holds the workload's key and certificate. */
const localSecret = "workload";
const bundleSecret = "bundle";
const namedTypes = [typeUrls.endpoint, typeUrls.route, typeUrls.secret] as const;

/** A copy: the bytes are a view of a whole response, which would be kept and cloned with them. */
function own({ name, version, resource }: ResourceBytes): ResourceBytes {
  return { name, version, resource: Uint8Array.from(resource) };
}

type Subscriber = Pick<XdsClient, "subscribe" | "unsubscribe">;

export class Subscriptions {
  readonly #events: SubscribeEvents;
  readonly #held = new Map<string, Map<string, ResourceBytes>>();
  readonly #asked = new Map<string, Set<string>>();
  #tables: Tables = emptyTables;
  #client: Subscriber | null = null;
  /** The exclusive or of every resource's hash: the same set has the same version, in any order. */
  #hashHigh = 0;
  #hashLow = 0;

  constructor(events: SubscribeEvents) {
    this.#events = events;
    for (const typeUrl of Object.values(typeUrls)) this.#held.set(typeUrl, new Map());
    for (const typeUrl of namedTypes) this.#asked.set(typeUrl, new Set());
  }

  get tables(): Tables {
    return this.#tables;
  }

  /** "" while nothing is held. */
  get version(): string {
    if (this.#hashHigh === 0 && this.#hashLow === 0) return "";
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#hashHigh) + hex(this.#hashLow);
  }

  get held(): ReadonlyMap<string, ReadonlyMap<string, ResourceBytes>> {
    return this.#held;
  }

  /** Everything held, as one list of changes for a new worker. */
  allChanges(): ResourceChange[] {
    return Array.from(this.#held, ([typeUrl, resources]) => ({
      typeUrl,
      changed: [...resources.values()],
      removed: [],
    }));
  }

  readonly handler: XdsClientHandler = {
    onUpdate: (typeUrl, changed, removed) =>
      this.#onUpdate({ typeUrl, changed: changed.map(own), removed }),
    onConnected: () => this.#events.onConnection(true),
    onDisconnected: () => this.#events.onConnection(false),
  };

  attach(client: Subscriber): void {
    this.#client = client;
    client.subscribe(typeUrls.cluster, "*");
    client.subscribe(typeUrls.listener, "*");
    for (const typeUrl of namedTypes) {
      const names = [...(this.#asked.get(typeUrl) ?? [])];
      if (names.length > 0) client.subscribe(typeUrl, names);
    }
    this.#ask(typeUrls.secret, new Set([bundleSecret]));
  }

  /** Puts a saved configuration in force; false when any of it is refused. */
  load(changes: readonly ResourceChange[]): boolean {
    let { tables } = this;
    for (const change of changes) {
      const result = checkChange(tables, change);
      if (result.refusal !== null) return false;
      tables = result.tables;
    }
    const before = this.#tables;
    this.#tables = tables;
    for (const change of changes) this.#keep(change);
    this.#events.onChange(changes, before, tables);
    this.#settle();
    return true;
  }

  #onUpdate(change: ResourceChange): string | null {
    if (!this.#held.has(change.typeUrl))
      return `resources of type ${change.typeUrl} are unknown here`;
    const before = this.#tables;
    const result = checkChange(before, change);
    if (result.refusal !== null) {
      this.#events.onRefused(change.typeUrl, result.refusal);
      return result.refusal;
    }
    this.#tables = result.tables;
    this.#keep(change);
    this.#events.onChange([change], before, result.tables);
    const { typeUrl } = change;
    if (typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener) this.#settle();
    return null;
  }

  #keep(change: ResourceChange): void {
    const resources = this.#held.get(change.typeUrl) as Map<string, ResourceBytes>;
    for (const name of change.removed) {
      const old = resources.get(name);
      if (old !== undefined) this.#mix(change.typeUrl, old);
      resources.delete(name);
    }
    for (const resource of change.changed) {
      const old = resources.get(resource.name);
      if (old !== undefined) this.#mix(change.typeUrl, old);
      resources.set(resource.name, resource);
      this.#mix(change.typeUrl, resource);
    }
  }

  #mix(typeUrl: string, resource: ResourceBytes): void {
    const text = `${typeUrl}\n${resource.name}\n${resource.version}`;
    const digest = createHash("sha256").update(text).digest();
    this.#hashHigh ^= digest.readInt32BE(0);
    this.#hashLow ^= digest.readInt32BE(4);
  }

  /** Asks for what is now mentioned and drops what is not mentioned any more. */
  #settle(): void {
    const endpoints = new Set<string>();
    const routes = new Set<string>();
    const secrets = new Set<string>([bundleSecret]);
    for (const cluster of this.#tables.clusters.values()) {
      if (cluster.endpointsName !== null) endpoints.add(cluster.endpointsName);
      for (const { tls } of cluster.transports) if (tls !== null) secrets.add(tls.rootsSecret);
    }
    for (const listener of this.#tables.listeners.values()) {
      for (const chain of [listener.tlsChain, listener.plainChain]) {
        const routesName = chain?.http?.routesName ?? null;
        if (routesName !== null) routes.add(routesName);
        const rootsSecret = chain?.tls?.rootsSecret ?? null;
        if (rootsSecret !== null) secrets.add(rootsSecret);
      }
    }
    secrets.delete(localSecret);
    this.#ask(typeUrls.endpoint, endpoints);
    this.#ask(typeUrls.route, routes);
    this.#ask(typeUrls.secret, secrets);
  }

  #ask(typeUrl: string, wanted: ReadonlySet<string>): void {
    const asked = this.#asked.get(typeUrl) as Set<string>;
    const added = [...wanted].filter((name) => !asked.has(name));
    const dropped = [...asked].filter((name) => !wanted.has(name));
    this.#asked.set(typeUrl, new Set(wanted));
    if (added.length > 0) this.#client?.subscribe(typeUrl, added);
    if (dropped.length === 0) return;
    this.#client?.unsubscribe(typeUrl, dropped);
    const held = this.#held.get(typeUrl) as Map<string, ResourceBytes>;
    const removed = dropped.filter((name) => held.has(name));
    if (removed.length === 0) return;
    const change = { typeUrl, changed: [], removed };
    const before = this.#tables;
    const result = checkChange(before, change);
    if (result.refusal !== null) return;
    this.#tables = result.tables;
    this.#keep(change);
    this.#events.onChange([change], before, result.tables);
  }
}
