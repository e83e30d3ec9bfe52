// What a route attaches to: which ports of which Services, for which callers; and the routes that
// hold at one port. Producer routes lie in the Service's namespace and hold for every caller;
// consumer routes lie in the caller's, hold for its callers alone, and replace the producer's there
// (GEP-1426).

import { GATEWAY_GROUP, type HttpRoute, type ParentReference } from "@weft/api";
import { type Model, type ObjectKey, objectKey, splitKey } from "../model/model.ts";
import { byAge } from "../model/policy-targets.ts";
import type { ServicePort } from "../model/service-ports.ts";

/** The Service a parentRef names, or null when it names something else. */
export function parentServiceOf(route: HttpRoute, ref: ParentReference): ObjectKey | null {
  if ((ref.group ?? GATEWAY_GROUP) !== "" || ref.kind !== "Service") return null;
  return objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name);
}

/** The Gateway a parentRef names, or null. */
export function parentGatewayOf(route: HttpRoute, ref: ParentReference): ObjectKey | null {
  if ((ref.group ?? GATEWAY_GROUP) !== GATEWAY_GROUP) return null;
  if ((ref.kind ?? "Gateway") !== "Gateway") return null;
  return objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name);
}

/**
 * Whether a parentRef that names the service means this port: all of its HTTP ports unless it says
 * which.
 */
export function meansPort(ref: ParentReference, port: ServicePort): boolean {
  if (port.protocol === "tcp") return false;
  if (ref.port !== undefined && ref.port !== port.port) return false;
  return ref.sectionName === undefined || ref.sectionName === port.name;
}

/**
 * The routes that hold at a port for callers of a namespace (null: any without routes of their
 * own).
 */
export function routesAt(
  model: Model,
  service: ObjectKey,
  port: ServicePort,
  callers: string | null,
): HttpRoute[] {
  const own = splitKey(service).namespace;
  const producers: HttpRoute[] = [];
  const consumers: HttpRoute[] = [];
  for (const key of model.routesByParent.get(service)) {
    const route = model.objects.HTTPRoute.get(key);
    if (route === undefined || !attachesTo(route, service, port)) continue;
    const { namespace } = route.metadata;
    if (namespace === own) producers.push(route);
    else if (namespace === callers) consumers.push(route);
  }
  return (consumers.length > 0 ? consumers : producers).sort(byAge);
}

/** The namespaces whose callers have routes of their own for a service. */
export function consumerNamespacesOf(model: Model, service: ObjectKey): Set<string> {
  const own = splitKey(service).namespace;
  const namespaces = new Set<string>();
  for (const key of model.routesByParent.get(service)) {
    const { namespace } = splitKey(key);
    if (namespace !== own) namespaces.add(namespace);
  }
  return namespaces;
}

function attachesTo(route: HttpRoute, service: ObjectKey, port: ServicePort): boolean {
  return (route.spec.parentRefs ?? []).some(
    (ref) => parentServiceOf(route, ref) === service && meansPort(ref, port),
  );
}
