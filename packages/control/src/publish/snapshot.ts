// Puts snapshots together. A snapshot belongs to a generation: the staged part (clusters,
// listeners, routes) of one moment; endpoints and secrets go to everyone as they are. A generation
// that would dangle is refused with the reason, and the one before it stays (decision D3).

import { createHash } from "node:crypto";
import type { Workload } from "@weft/api";
import { type NodeUpstream, type ResourceMap, type Snapshot, typeUrls } from "@weft/xds";
import type { ClientClass } from "../compile/client-class.ts";
import type { CompiledMap, Compiler } from "../compile/compile.ts";
import type { CompiledInbound } from "../compile/listeners.ts";
import { BUNDLE_SECRET, INVALID_CLUSTER } from "../compile/names.ts";
import type { CompiledResource } from "../compile/resource.ts";
import type { CompiledUpstream } from "../compile/upstream-listeners.ts";
import { keyOf, type ObjectKey } from "../model/model.ts";
import { LayeredMap } from "./layered-map.ts";

/** What decides a proxy's snapshot: (class, generation) and, within it, where the proxy stands. */
export interface SnapshotKey {
  readonly client: ClientClass;
  readonly namespace: string;
  /** Null: the proxy has no inbound side, or its Workload has not been seen yet. */
  readonly workload: Workload | null;
  /** Where it takes outbound traffic, if it said so. */
  readonly outboundPort?: number | undefined;
  /** Where an Envoy listens for single services. */
  readonly upstreams?: readonly NodeUpstream[] | undefined;
}

/**
 * The staged resources of one moment. Parts of single proxies are filled in as they are first asked
 * for.
 */
export interface Generation {
  readonly number: number;
  readonly clusters: CompiledMap;
  /** By class and namespace. */
  readonly tables: Map<string, CompiledResource>;
  /** By workload. */
  readonly inbound: Map<ObjectKey, CompiledInbound>;
  /** By what was asked for. */
  readonly upstreams: Map<string, readonly CompiledUpstream[]>;
}

/** What is never staged. */
export interface LiveResources {
  readonly endpoints: CompiledMap;
  readonly bundle: CompiledResource;
}

export function createGeneration(number: number, clusters: CompiledMap): Generation {
  return { number, clusters, tables: new Map(), inbound: new Map(), upstreams: new Map() };
}

/** Compiles the parts that a proxy needs into the generation. */
export function fillGeneration(generation: Generation, compiler: Compiler, key: SnapshotKey): void {
  const table = tableKey(key);
  if (!generation.tables.has(table)) {
    generation.tables.set(table, tableOf(compiler, key));
  }
  const upstreams = upstreamsKey(key);
  if (upstreams !== "" && !generation.upstreams.has(upstreams)) {
    const { client, namespace, upstreams: asked = [] } = key;
    generation.upstreams.set(upstreams, compiler.upstreams(client, namespace, asked));
  }
  if (key.workload === null) return;
  const workload = keyOf(key.workload);
  if (!generation.inbound.has(workload)) {
    generation.inbound.set(workload, compiler.inbound(key.workload));
  }
}

/** The first reference that leads nowhere, as a sentence; null when all is consistent. */
export function findDangling(generation: Generation, live: LiveResources): string | null {
  const { clusters } = generation;
  for (const cluster of clusters.values()) {
    const problem = danglingIn(cluster, clusters, live);
    if (problem !== null) return problem;
  }
  for (const table of generation.tables.values()) {
    const problem = danglingIn(table, clusters, live);
    if (problem !== null) return problem;
  }
  for (const { listener, table } of [...generation.upstreams.values()].flat()) {
    const problem = danglingIn(table ?? listener, clusters, live);
    if (problem !== null) return problem;
  }
  for (const inbound of generation.inbound.values()) {
    const own = new Map(inbound.clusters.map((one) => [one.name, one]));
    for (const listener of inbound.listeners) {
      const problem = danglingIn(listener, own, live);
      if (problem !== null) return problem;
    }
  }
  return null;
}

function danglingIn(
  resource: CompiledResource,
  clusters: CompiledMap,
  live: LiveResources,
): string | null {
  for (const { typeUrl, name } of resource.refs) {
    if (typeUrl === typeUrls.cluster) {
      if (clusters.has(name) || name === INVALID_CLUSTER) continue;
    } else if (typeUrl === typeUrls.endpoint) {
      if (live.endpoints.has(name)) continue;
    } else if (name === BUNDLE_SECRET) continue;
    const short = typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
    return `${resource.name} names the ${short} ${name}, which does not exist`;
  }
  return null;
}

/**
 * The snapshot of one proxy; `previous` lends its maps where nothing changed, so that the server
 * need not compare them. Null when the generation lacks the proxy's parts.
 */
export function assembleSnapshot(
  generation: Generation,
  live: LiveResources,
  compiler: Compiler,
  key: SnapshotKey,
  previous: Snapshot | null,
): Snapshot | null {
  const table = generation.tables.get(tableKey(key));
  const inbound = key.workload === null ? NO_INBOUND : generation.inbound.get(keyOf(key.workload));
  const asked = upstreamsKey(key);
  const upstreams = asked === "" ? [] : generation.upstreams.get(asked);
  if (table === undefined || inbound === undefined || upstreams === undefined) return null;
  const listeners = [...inbound.listeners, ...upstreams.map(({ listener }) => listener)];
  const tables = [table, ...upstreams.flatMap((one) => one.table ?? [])];
  const outbound = compiler.outboundListener(key.client, key.namespace, key.outboundPort);
  const kept = (typeUrl: string, map: ResourceMap): ResourceMap => {
    const before = previous?.resources.get(typeUrl);
    return before !== undefined && isSameMap(before, map) ? before : map;
  };
  const { clusters } = generation;
  const ownClusters = [...inbound.clusters, ...compiler.classClusters(key.client)];
  const own = mapOf(ownClusters);
  const resources = new Map<string, ResourceMap>([
    [
      typeUrls.cluster,
      kept(typeUrls.cluster, own.size === 0 ? clusters : new LayeredMap(own, clusters)),
    ],
    [typeUrls.endpoint, live.endpoints],
    [typeUrls.listener, kept(typeUrls.listener, mapOf([outbound, ...listeners]))],
    [typeUrls.route, kept(typeUrls.route, mapOf(tables))],
    [typeUrls.secret, kept(typeUrls.secret, mapOf([live.bundle]))],
  ]);
  const hash = createHash("sha256").update(digestOf(clusters)).update(digestOf(live.endpoints));
  for (const one of [...ownClusters, outbound, ...listeners, ...tables, live.bundle]) {
    hash.update(one.version);
  }
  return { version: hash.digest("hex").slice(0, VERSION_LENGTH), resources };
}

const VERSION_LENGTH = 12;
const NO_INBOUND: CompiledInbound = { listeners: [], clusters: [] };

/** Endpoints that an older generation still points at stay as they last were. */
export function retainEndpoints(
  generation: Generation,
  endpoints: CompiledMap,
  before: CompiledMap,
): CompiledMap {
  const kept = new Map(endpoints);
  for (const cluster of generation.clusters.values()) {
    for (const { typeUrl, name } of cluster.refs) {
      const last = before.get(name);
      if (typeUrl === typeUrls.endpoint && !kept.has(name) && last !== undefined) {
        kept.set(name, last);
      }
    }
  }
  return kept.size === endpoints.size ? endpoints : kept;
}

function tableKey({ client, namespace, outboundPort }: SnapshotKey): string {
  return `${client}/${namespace}:${client === "envoy" ? outboundPort : ""}`;
}

/** "" where nothing was asked for. */
function upstreamsKey({ client, namespace, upstreams = [] }: SnapshotKey): string {
  return upstreams.length === 0 ? "" : `${client}/${namespace}:${JSON.stringify(upstreams)}`;
}

function tableOf(compiler: Compiler, key: SnapshotKey): CompiledResource {
  return compiler.routeTable(key.client, key.namespace, key.outboundPort);
}

function mapOf(resources: readonly CompiledResource[]): ReadonlyMap<string, CompiledResource> {
  return new Map(resources.map((one) => [one.name, one]));
}

function isSameMap(a: ResourceMap, b: ResourceMap): boolean {
  if (a instanceof LayeredMap && b instanceof LayeredMap) {
    return a.shared === b.shared && isSameMap(a.own, b.own);
  }
  if (a === b) return true;
  if (a instanceof LayeredMap || b instanceof LayeredMap || a.size !== b.size) return false;
  for (const [name, resource] of a) if (b.get(name)?.version !== resource.version) return false;
  return true;
}

const digests = new WeakMap<CompiledMap, string>();

/** One text for the versions of a whole map; maps never change. */
function digestOf(map: CompiledMap): string {
  let digest = digests.get(map);
  if (digest === undefined) {
    const hash = createHash("sha256");
    for (const { name, version } of map.values()) hash.update(`${name} ${version}\n`);
    digest = hash.digest("hex");
    digests.set(map, digest);
  }
  return digest;
}
