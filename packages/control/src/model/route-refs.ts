// What a route of any kind points at: the parents it attaches to, and every Service it sends or
// mirrors to.

import { type BackendObjectReference, GATEWAY_GROUP, type ParentReference } from "@weft/api";
import { type Model, type ModelKinds, type ObjectKey, objectKey } from "./model.ts";

/** The most specific kind first: of several at one port that one holds (GEP-1294). */
export const ROUTE_KINDS = ["GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute"] as const;
export type RouteKind = (typeof ROUTE_KINDS)[number];
export type AnyRoute = ModelKinds[RouteKind];

/** What routes of every kind have. */
export interface RouteShape {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[];
    readonly rules?: readonly RuleShape[];
  };
}

interface RuleShape {
  readonly filters?: readonly FilterShape[];
  readonly backendRefs?: readonly (BackendObjectReference & {
    readonly filters?: readonly FilterShape[];
  })[];
}

interface FilterShape {
  readonly requestMirror?: { readonly backendRef: BackendObjectReference };
}

/** Where the indexes keep the routes of a kind that name a parent or a backend. */
export function routeIndexKey(kind: RouteKind, named: string): string {
  return `${kind}/${named}`;
}

/** The keys of the routes of a kind that attach to a Service, or, so named, to a Gateway. */
export function routesOfParent(
  model: Model,
  kind: RouteKind,
  parent: string,
): ReadonlySet<ObjectKey> {
  return model.routesByParent.get(routeIndexKey(kind, parent));
}

/** The Services a route attaches to, whether they exist or not. */
export function parentServicesOf(route: RouteShape): ObjectKey[] {
  return parentsOf(route, "", "Service");
}

export function parentGatewaysOf(route: RouteShape): ObjectKey[] {
  return parentsOf(route, GATEWAY_GROUP, "Gateway");
}

/** What a Gateway is called where a Service is called by its key. */
export function gatewayParent(gateway: ObjectKey): string {
  return `Gateway/${gateway}`;
}

/** The Services a route's backendRefs and mirrors name. */
export function backendServicesOf(route: RouteShape): ObjectKey[] {
  const keys = new Set<ObjectKey>();
  for (const ref of backendRefsOf(route)) {
    if (isServiceRef(ref)) {
      keys.add(objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name));
    }
  }
  return [...keys];
}

/** The namespaces beside its own that a route sends to. */
export function foreignNamespacesOf(route: RouteShape): string[] {
  const namespaces = new Set<string>();
  for (const { namespace } of backendRefsOf(route)) {
    if (namespace !== undefined && namespace !== route.metadata.namespace) {
      namespaces.add(namespace);
    }
  }
  return [...namespaces];
}

export function isServiceRef(ref: BackendObjectReference): boolean {
  return (ref.group ?? "") === "" && (ref.kind ?? "Service") === "Service";
}

function parentsOf(route: RouteShape, group: string, kind: string): ObjectKey[] {
  const keys = new Set<ObjectKey>();
  for (const ref of route.spec.parentRefs ?? []) {
    if ((ref.group ?? GATEWAY_GROUP) !== group || (ref.kind ?? "Gateway") !== kind) continue;
    keys.add(objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name));
  }
  return [...keys];
}

function* backendRefsOf(route: RouteShape): Generator<BackendObjectReference> {
  for (const rule of route.spec.rules ?? []) {
    for (const filter of rule.filters ?? []) {
      if (filter.requestMirror !== undefined) yield filter.requestMirror.backendRef;
    }
    for (const ref of rule.backendRefs ?? []) {
      yield ref;
      for (const filter of ref.filters ?? []) {
        if (filter.requestMirror !== undefined) yield filter.requestMirror.backendRef;
      }
    }
  }
}
