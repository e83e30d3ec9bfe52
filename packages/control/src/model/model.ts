// The mesh as the compiler reads it: decoded objects by key, with the indexes that tell which other
// objects a change can touch. Pure data: `apply-event.ts` is the only writer, `compile/` the only
// reader.

import type {
  EndpointSlice,
  Gateway,
  GatewayClass,
  GrpcRoute,
  HttpRoute,
  MeshConfig,
  Namespace,
  PeerAuthentication,
  ReferenceGrant,
  Service,
  TcpRoute,
  TlsRoute,
  TrafficPolicy,
  Workload,
} from "@weft/api";

/** `<namespace>/<name>`. */
export type ObjectKey = string;

/** Kinds the model keeps; events of other kinds pass it by. */
export interface ModelKinds {
  readonly EndpointSlice: EndpointSlice;
  readonly Gateway: Gateway;
  readonly GatewayClass: GatewayClass;
  readonly GRPCRoute: GrpcRoute;
  readonly HTTPRoute: HttpRoute;
  readonly MeshConfig: MeshConfig;
  readonly Namespace: Namespace;
  readonly PeerAuthentication: PeerAuthentication;
  readonly ReferenceGrant: ReferenceGrant;
  readonly Service: Service;
  readonly TCPRoute: TcpRoute;
  readonly TLSRoute: TlsRoute;
  readonly TrafficPolicy: TrafficPolicy;
  readonly Workload: Workload;
}

export type ModelKind = keyof ModelKinds;

export interface Model {
  /** The newest revision applied. */
  revision: number;
  readonly objects: { readonly [K in ModelKind]: Map<ObjectKey, ModelKinds[K]> };
  /** Services by `<namespace>/<label>=<value>`, one pair of each selector. */
  readonly servicesBySelector: KeyIndex;
  /** Workloads by `<namespace>/<label>=<value>`, every label. */
  readonly workloadsByLabel: KeyIndex;
  /** Slices by the Service they belong to. */
  readonly slicesByService: KeyIndex;
  /** Routes by each Service they attach to: `<Kind>/<namespace>/<name>` (`route-refs.ts`). */
  readonly routesByParent: KeyIndex;
  /** Routes by each Service they send to, existing or not; keys as above. */
  readonly routesByBackend: KeyIndex;
  /** Policies of every kind by what they attach to: `<Kind>/<namespace>/<Kind>/<name>`. */
  readonly policiesByTarget: KeyIndex;
  /** Routes and grants, services and workloads by namespace: `<Kind>/<namespace>`. */
  readonly byNamespace: KeyIndex;
}

/** Sets of object keys under an index key; empty sets are dropped. */
export class KeyIndex {
  readonly #sets = new Map<string, Set<ObjectKey>>();

  get(indexKey: string): ReadonlySet<ObjectKey> {
    return this.#sets.get(indexKey) ?? NONE;
  }

  add(indexKey: string, key: ObjectKey): void {
    const set = this.#sets.get(indexKey);
    if (set === undefined) this.#sets.set(indexKey, new Set([key]));
    else set.add(key);
  }

  remove(indexKey: string, key: ObjectKey): void {
    const set = this.#sets.get(indexKey);
    if (set === undefined) return;
    set.delete(key);
    if (set.size === 0) this.#sets.delete(indexKey);
  }
}

const NONE: ReadonlySet<ObjectKey> = new Set();

export function createModel(): Model {
  return {
    revision: 0,
    objects: {
      EndpointSlice: new Map(),
      Gateway: new Map(),
      GatewayClass: new Map(),
      GRPCRoute: new Map(),
      HTTPRoute: new Map(),
      MeshConfig: new Map(),
      Namespace: new Map(),
      PeerAuthentication: new Map(),
      ReferenceGrant: new Map(),
      Service: new Map(),
      TCPRoute: new Map(),
      TLSRoute: new Map(),
      TrafficPolicy: new Map(),
      Workload: new Map(),
    },
    servicesBySelector: new KeyIndex(),
    workloadsByLabel: new KeyIndex(),
    slicesByService: new KeyIndex(),
    routesByParent: new KeyIndex(),
    routesByBackend: new KeyIndex(),
    policiesByTarget: new KeyIndex(),
    byNamespace: new KeyIndex(),
  };
}

export function objectKey(namespace: string, name: string): ObjectKey {
  return `${namespace}/${name}`;
}

/** Namespace and name of a key. */
export function splitKey(key: ObjectKey): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The key of an object that lies in a namespace; "" stands for one that lies in none. */
export function keyOf(object: { metadata: { namespace?: string; name: string } }): ObjectKey {
  return objectKey(object.metadata.namespace ?? "", object.metadata.name);
}
