// What a route attaches to: which ports of which Services, for which callers; and the routes that
// hold at one port. Producer routes lie in the Service's namespace and hold for every caller;
// consumer routes lie in the caller's, hold for its callers alone, and replace the producer's there
// (GEP-1426). Of several kinds at one port the most specific alone holds (GEP-1294, "Route types").

import { GATEWAY_GROUP, type ParentReference } from "@weft/api";
import { type Model, type ObjectKey, objectKey, splitKey } from "../model/model.ts";
import { byAge } from "../model/policy-targets.ts";
import {
  type AnyRoute,
  ROUTE_KINDS,
  type RouteShape,
  routesOfParent,
} from "../model/route-refs.ts";
import type { ServicePort } from "../model/service-ports.ts";

/** The Service a parentRef names, or null when it names something else. */
export function parentServiceOf(route: RouteShape, ref: ParentReference): ObjectKey | null {
  if ((ref.group ?? GATEWAY_GROUP) !== "" || ref.kind !== "Service") return null;
  return objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name);
}

/** The Gateway a parentRef names, or null. */
export function parentGatewayOf(route: RouteShape, ref: ParentReference): ObjectKey | null {
  if ((ref.group ?? GATEWAY_GROUP) !== GATEWAY_GROUP) return null;
  if ((ref.kind ?? "Gateway") !== "Gateway") return null;
  return objectKey(ref.namespace ?? route.metadata.namespace ?? "", ref.name);
}

/** Whether routes of a kind are of byte streams; the others are of requests. */
export function isStreamKind(kind: string): boolean {
  return kind === "TCPRoute" || kind === "TLSRoute";
}

/**
 * Whether a parentRef that names the service means this port: all of its ports that speak what
 * routes of the kind are for, unless it says which. A port that declares nothing takes any kind.
 */
export function meansPort(kind: string, ref: ParentReference, port: ServicePort): boolean {
  if (port.protocol !== "auto" && (port.protocol === "tcp") !== isStreamKind(kind)) return false;
  if (ref.port !== undefined && ref.port !== port.port) return false;
  return ref.sectionName === undefined || ref.sectionName === port.name;
}

/**
 * The routes that hold at a port for callers of a namespace (null: any without routes of their
 * own), oldest first. All are of one kind; of TCPRoutes, which match everything, the oldest alone.
 */
export function routesAt(
  model: Model,
  service: ObjectKey,
  port: ServicePort,
  callers: string | null,
): readonly AnyRoute[] {
  const own = splitKey(service).namespace;
  const producers: AnyRoute[] = [];
  const consumers: AnyRoute[] = [];
  for (const kind of ROUTE_KINDS) {
    for (const key of routesOfParent(model, kind, service)) {
      const route: AnyRoute | undefined = model.objects[kind].get(key);
      if (route === undefined || !attachesTo(route, service, port)) continue;
      const { namespace } = route.metadata;
      if (namespace === own) producers.push(route);
      else if (namespace === callers) consumers.push(route);
    }
  }
  // Kinds were gathered in their order, so that the first one holds.
  const gathered = consumers.length > 0 ? consumers : producers;
  const kind = gathered[0]?.kind;
  const held = gathered.filter((one) => one.kind === kind).sort(byAge);
  return kind === "TCPRoute" ? held.slice(0, 1) : held;
}

/** The namespaces whose callers have routes of their own for a service. */
export function consumerNamespacesOf(model: Model, service: ObjectKey): Set<string> {
  const own = splitKey(service).namespace;
  const namespaces = new Set<string>();
  for (const kind of ROUTE_KINDS) {
    for (const key of routesOfParent(model, kind, service)) {
      const { namespace } = splitKey(key);
      if (namespace !== own) namespaces.add(namespace);
    }
  }
  return namespaces;
}

function attachesTo(route: AnyRoute, service: ObjectKey, port: ServicePort): boolean {
  return (route.spec.parentRefs ?? []).some(
    (ref) => parentServiceOf(route, ref) === service && meansPort(route.kind, ref, port),
  );
}
