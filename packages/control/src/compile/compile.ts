// Keeps everything compiled and brings it up to a change, touching only what the change made stale.
// Pure: the same model gives the same bytes, whether it was reached in one step or in many.

import type { Workload } from "@weft/api";
import type { NodeUpstream } from "@weft/xds";
import type { Change } from "../model/change.ts";
import { keyOf, type Model, objectKey, type ObjectKey, splitKey } from "../model/model.ts";
import { meshServiceAt, servicePortsOf } from "../model/service-ports.ts";
import type { ClientClass } from "./client-class.ts";
import {
  chooseCluster,
  type ClusterChoice,
  compileCluster,
  compilePassthrough,
} from "./clusters.ts";
import type { CompileOptions } from "./compile-options.ts";
import { compileForwardCluster } from "./forward-proxy.ts";
import { compileEndpoints, createEndpointCache, type EndpointCache } from "./endpoints.ts";
import {
  compileInbound,
  type CompiledInbound,
  compileOutboundListener,
  OUTBOUND_PORT,
} from "./listeners.ts";
import { servicePortName } from "./names.ts";
import type { CompiledResource } from "./resource.ts";
import { consumerNamespacesOf } from "./route-parents.ts";
import { compileRouteTable, type SeenVirtualHost } from "./route-table.ts";
import { type CompiledUpstream, compileUpstream } from "./upstream-listeners.ts";
import { type CompiledVirtualHost, compileVirtualHosts } from "./virtual-hosts.ts";

export type CompiledMap = ReadonlyMap<string, CompiledResource>;

/** What came out different. */
export interface CompileResult {
  readonly hasClusterChange: boolean;
  readonly hasEndpointChange: boolean;
  readonly hasRouteChange: boolean;
}

/**
 * The virtual hosts of a service: for callers with routes of their own by namespace, "" for all
 * others.
 */
type HostsByCaller = Map<string, readonly CompiledVirtualHost[]>;

export class Compiler {
  readonly #model: Model;
  readonly #options: CompileOptions;
  readonly #endpointCache: EndpointCache = createEndpointCache();
  readonly #passthrough = compilePassthrough();
  readonly #forEnvoys = [compileForwardCluster()];
  readonly #endpointsOf = new Map<ObjectKey, readonly CompiledResource[]>();
  readonly #clustersOf = new Map<ObjectKey, readonly CompiledResource[]>();
  readonly #hostsOf = new Map<ClientClass, Map<ObjectKey, HostsByCaller>>([["builtin", new Map()]]);
  /**
   * Clusters with settings from the service the caller named, by name: as some route wants them,
   * compiled.
   */
  #wanted: ReadonlyMap<string, ClusterChoice> = new Map();
  readonly #variants = new Map<string, CompiledResource>();
  readonly #inbound = new Map<ObjectKey, CompiledInbound>();
  readonly #outbound = new Map<string, CompiledResource>();
  readonly #tables = new Map<string, CompiledResource>();
  readonly #staleTables = new Set<string>();
  /** The services that have virtual hosts, in order; null: to be sorted. */
  #sorted: readonly ObjectKey[] | null = null;
  #clusters: CompiledMap = new Map();
  #endpoints: CompiledMap = new Map();

  constructor(model: Model, options: CompileOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** Clusters of every service port, the same for everyone; a new map when one changed. */
  get clusters(): CompiledMap {
    return this.#clusters;
  }

  /** Endpoints of every service port; a new map when one changed. */
  get endpoints(): CompiledMap {
    return this.#endpoints;
  }

  /** Compiles what the change made stale; yields after each unit, so that the caller can pause. */
  *apply(change: Change): Generator<undefined, CompileResult> {
    const all = change.isEverything ? this.#everyService() : null;
    const endpoints = yield* this.#applyEndpoints(all ?? change.endpoints);
    const hosts = yield* this.#applyHosts(all ?? change.virtualHosts, change.isEverything);
    const clusters = yield* this.#applyClusters(all ?? change.clusters, hosts.hasVariantChange);
    if (change.isEverything) this.#inbound.clear();
    else for (const key of change.inbound) this.#inbound.delete(key);
    return {
      hasClusterChange: clusters,
      hasEndpointChange: endpoints,
      hasRouteChange: hosts.hasChange,
    };
  }

  /**
   * Compiles routes for a further class of clients from now on. True when it is new: then every
   * service's virtual hosts are stale.
   */
  addClass(client: ClientClass): boolean {
    if (this.#hostsOf.has(client)) return false;
    this.#hostsOf.set(client, new Map());
    return true;
  }

  /** The classes compiled for. */
  classes(): Set<ClientClass> {
    return new Set(this.#hostsOf.keys());
  }

  /** What every proxy of a class has beside the clusters of services. */
  classClusters(client: ClientClass): readonly CompiledResource[] {
    return client === "envoy" ? this.#forEnvoys : [];
  }

  /** The built-in proxy finds it by name and binds what its agent chose; Envoy binds `port`. */
  outboundListener(
    client: ClientClass,
    namespace: string,
    port: number = OUTBOUND_PORT,
  ): CompiledResource {
    const key = `${client}/${namespace}:${port}`;
    let listener = this.#outbound.get(key);
    if (listener === undefined) {
      listener = compileOutboundListener({ client, namespace, port });
      this.#outbound.set(key, listener);
    }
    return listener;
  }

  /**
   * What callers of a namespace see; the same object as before when nothing changed. An Envoy's
   * `port` is in it, as what must not be forwarded to.
   */
  routeTable(
    client: ClientClass,
    namespace: string,
    port: number = OUTBOUND_PORT,
  ): CompiledResource {
    const key = client === "envoy" ? `${client}/${namespace}:${port}` : `${client}/${namespace}`;
    const before = this.#tables.get(key);
    if (before !== undefined && !this.#staleTables.delete(key)) return before;
    const seen = [...this.#seenBy(client, namespace)];
    const table = compileRouteTable(this.#model, { client, namespace, port }, seen);
    if (before?.version === table.version) return before;
    this.#tables.set(key, table);
    return table;
  }

  /** The listeners of single services that an Envoy asked for. */
  upstreams(
    client: ClientClass,
    namespace: string,
    asked: readonly NodeUpstream[],
  ): CompiledUpstream[] {
    const hosts = this.#hostsOf.get(client);
    return asked.map((upstream) => {
      const byCaller = hosts?.get(objectKey(upstream.namespace, upstream.service));
      const seen = byCaller?.get(namespace) ?? byCaller?.get("") ?? [];
      return compileUpstream(this.#model, upstream, seen);
    });
  }

  /** The inbound side of a workload, which may have left the model already. */
  inbound(workload: Workload): CompiledInbound {
    const key = keyOf(workload);
    let made = this.#inbound.get(key);
    if (made === undefined) {
      made = compileInbound(this.#model, workload);
      this.#inbound.set(key, made);
    }
    return made;
  }

  /** Forgets what was kept for a workload nobody asks for any more. */
  forget(workload: ObjectKey): void {
    this.#inbound.delete(workload);
  }

  /** Also those that are gone from the model but not from what is compiled. */
  #everyService(): Set<ObjectKey> {
    return new Set([...this.#model.objects.Service.keys(), ...this.#endpointsOf.keys()]);
  }

  *#applyEndpoints(services: ReadonlySet<ObjectKey>): Generator<undefined, boolean> {
    const changed: CompiledResource[] = [];
    const removed: string[] = [];
    for (const key of services) {
      const before = this.#endpointsOf.get(key) ?? [];
      const after = compileEndpoints(this.#model, key, this.#options, this.#endpointCache);
      if (after.length === 0) this.#endpointsOf.delete(key);
      else this.#endpointsOf.set(key, after);
      collectDifferences(before, after, changed, removed);
      yield;
    }
    this.#endpoints = withDifferences(this.#endpoints, changed, removed);
    return changed.length > 0 || removed.length > 0;
  }

  *#applyHosts(
    services: ReadonlySet<ObjectKey>,
    isEverything: boolean,
  ): Generator<undefined, { hasChange: boolean; hasVariantChange: boolean }> {
    let hasChange = isEverything;
    let hasVariantChange = isEverything;
    for (const key of services) {
      for (const [client, hosts] of this.#hostsOf) {
        const before = hosts.get(key) ?? new Map();
        const after = this.#compileHosts(key, client);
        if (before.size === 0 || after.size === 0) this.#sorted = null;
        if (after.size === 0) hosts.delete(key);
        else hosts.set(key, after);
        hasChange ||= !isSameHosts(before, after);
        // Also when the routes stay as they are: the settings of a variant may have changed.
        hasVariantChange ||= variantsIn(before).length + variantsIn(after).length > 0;
      }
      yield;
    }
    if (hasChange) for (const key of this.#tables.keys()) this.#staleTables.add(key);
    return { hasChange, hasVariantChange };
  }

  *#applyClusters(
    services: ReadonlySet<ObjectKey>,
    hasVariantChange: boolean,
  ): Generator<undefined, boolean> {
    const changed: CompiledResource[] = [];
    const removed: string[] = [];
    if (this.#clusters.size === 0) changed.push(this.#passthrough);
    for (const key of services) {
      const before = this.#clustersOf.get(key) ?? [];
      const after = this.#compileClusters(key);
      if (after.length === 0) this.#clustersOf.delete(key);
      else this.#clustersOf.set(key, after);
      collectDifferences(before, after, changed, removed);
      yield;
    }
    if (hasVariantChange) this.#wanted = this.#wantedVariants();
    for (const choice of this.#wanted.values()) {
      if (!hasVariantChange && !services.has(choice.service)) continue;
      const before = this.#variants.get(choice.name);
      const after = compileCluster(this.#model, choice, this.#options);
      if (after === null || after.version === before?.version) continue;
      this.#variants.set(choice.name, after);
      changed.push(after);
      yield;
    }
    for (const name of this.#variants.keys()) {
      if (this.#wanted.has(name)) continue;
      this.#variants.delete(name);
      removed.push(name);
    }
    this.#clusters = withDifferences(this.#clusters, changed, removed);
    return changed.length > 0 || removed.length > 0;
  }

  #compileClusters(key: ObjectKey): CompiledResource[] {
    const service = meshServiceAt(this.#model, key);
    if (service === undefined) return [];
    const made: CompiledResource[] = [];
    for (const port of servicePortsOf(this.#model, service)) {
      const named = { service: key, portName: port.name, port: port.port };
      const choice = chooseCluster(this.#model, service, port, named);
      const cluster = compileCluster(this.#model, choice, this.#options);
      if (cluster !== null) made.push(cluster);
    }
    return made;
  }

  #compileHosts(key: ObjectKey, client: ClientClass): HostsByCaller {
    const byCaller: HostsByCaller = new Map();
    if (meshServiceAt(this.#model, key) === undefined) return byCaller;
    byCaller.set("", compileVirtualHosts(this.#model, key, { client, consumers: null }));
    for (const consumers of consumerNamespacesOf(this.#model, key)) {
      byCaller.set(consumers, compileVirtualHosts(this.#model, key, { client, consumers }));
    }
    return byCaller;
  }

  #wantedVariants(): Map<string, ClusterChoice> {
    const wanted = new Map<string, ClusterChoice>();
    for (const hosts of this.#hostsOf.values()) {
      for (const byCaller of hosts.values()) {
        for (const choice of variantsIn(byCaller)) wanted.set(choice.name, choice);
      }
    }
    return wanted;
  }

  /** The keys of one class's virtual hosts, which are the same for all. */
  #sortedServices(hosts: ReadonlyMap<ObjectKey, HostsByCaller>): readonly ObjectKey[] {
    this.#sorted ??= [...hosts.keys()].sort();
    return this.#sorted;
  }

  *#seenBy(client: ClientClass, namespace: string): Generator<SeenVirtualHost> {
    const hosts = this.#hostsOf.get(client) ?? new Map<ObjectKey, HostsByCaller>();
    for (const key of this.#sortedServices(hosts)) {
      const byCaller = hosts.get(key);
      const isOwn = splitKey(key).namespace === namespace;
      for (const host of byCaller?.get(namespace) ?? byCaller?.get("") ?? []) {
        yield { ...(isOwn ? host.own : host.foreign), clusters: host.clusters };
      }
    }
  }
}

/** Choices whose cluster is not the service port's own. */
function variantsIn(byCaller: HostsByCaller): ClusterChoice[] {
  const choices: ClusterChoice[] = [];
  for (const hosts of byCaller.values()) {
    for (const { clusters } of hosts) {
      for (const choice of clusters) {
        const { namespace, name } = splitKey(choice.service);
        if (choice.name !== servicePortName(namespace, name, choice.port)) choices.push(choice);
      }
    }
  }
  return choices;
}

function isSameHosts(before: HostsByCaller, after: HostsByCaller): boolean {
  if (before.size !== after.size) return false;
  for (const [caller, hosts] of after) {
    const known = before.get(caller);
    if (known === undefined || known.length !== hosts.length) return false;
    const isSame = hosts.every((host, index) => {
      const other = known[index];
      return other?.own.digest === host.own.digest;
    });
    if (!isSame) return false;
  }
  return true;
}

function collectDifferences(
  before: readonly CompiledResource[],
  after: readonly CompiledResource[],
  changed: CompiledResource[],
  removed: string[],
): void {
  const known = new Map(before.map((one) => [one.name, one]));
  for (const one of after) {
    if (known.get(one.name)?.version !== one.version) changed.push(one);
    known.delete(one.name);
  }
  removed.push(...known.keys());
}

/** The same map when nothing differs; else a new one in the order of names. */
function withDifferences(
  map: CompiledMap,
  changed: readonly CompiledResource[],
  removed: readonly string[],
): CompiledMap {
  if (changed.length === 0 && removed.length === 0) return map;
  const next = new Map(map);
  for (const name of removed) next.delete(name);
  const added: CompiledResource[] = [];
  for (const one of changed) {
    if (next.has(one.name)) next.set(one.name, one);
    else added.push(one);
  }
  return added.length === 0 ? next : merged(next, added);
}

/** Both in the order of names. */
function merged(map: CompiledMap, added: readonly CompiledResource[]): CompiledMap {
  const rest = added.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const next = new Map<string, CompiledResource>();
  let at = 0;
  for (const [name, one] of map) {
    for (let before = rest[at]; before !== undefined && before.name < name; before = rest[++at]) {
      next.set(before.name, before);
    }
    next.set(name, one);
  }
  for (const one of rest.slice(at)) next.set(one.name, one);
  return next;
}
