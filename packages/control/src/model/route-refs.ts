// What an HTTPRoute points at: the parents it attaches to, and every Service it sends or mirrors
// to.

import { GATEWAY_GROUP, type BackendObjectReference, type HttpRoute } from "@weft/api";
import { type ObjectKey, objectKey } from "./model.ts";

/** The Services a route attaches to, whether they exist or not. */
export function parentServicesOf(route: HttpRoute): ObjectKey[] {
  return parentsOf(route, "", "Service");
}

export function parentGatewaysOf(route: HttpRoute): ObjectKey[] {
  return parentsOf(route, GATEWAY_GROUP, "Gateway");
}

/** Where `Model.routesByParent` keeps the routes of a Gateway. */
export function gatewayParent(gateway: ObjectKey): string {
  return `Gateway/${gateway}`;
}

/** The Services a route's backendRefs and mirrors name. */
export function backendServicesOf(route: HttpRoute): ObjectKey[] {
  const keys = new Set<ObjectKey>();
  for (const ref of backendRefsOf(route)) {
    if (isServiceRef(ref)) {
      keys.add(objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name));
    }
  }
  return [...keys];
}

/** The namespaces beside its own that a route sends to. */
export function foreignNamespacesOf(route: HttpRoute): string[] {
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

function parentsOf(route: HttpRoute, group: string, kind: string): ObjectKey[] {
  const keys = new Set<ObjectKey>();
  for (const ref of route.spec.parentRefs ?? []) {
    if ((ref.group ?? GATEWAY_GROUP) !== group || (ref.kind ?? "Gateway") !== kind) continue;
    keys.add(objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name));
  }
  return [...keys];
}

function* backendRefsOf(route: HttpRoute): Generator<BackendObjectReference> {
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
