// Brings the model up to one event of the store, and notes what it makes stale. A change that the
// compiler cannot see (a status, an annotation) makes nothing stale.

import {
  type EndpointSlice,
  type PeerAuthentication,
  type ReferenceGrant,
  SERVICE_NAME_LABEL,
  type Service,
  type TrafficPolicy,
  type Workload,
} from "@weft/api";
import { type Change, judgedKey } from "./change.ts";
import { labelIndexKey, membersOf, selectorOf, servicesOf } from "./membership.ts";
import {
  type KeyIndex,
  keyOf,
  type Model,
  type ModelKind,
  type ModelKinds,
  type ObjectKey,
  splitKey,
} from "./model.ts";
import { policyIndexKeys } from "./policy-targets.ts";
import {
  backendServicesOf,
  foreignNamespacesOf,
  gatewayParent,
  parentGatewaysOf,
  parentServicesOf,
  ROUTE_KINDS,
  routeIndexKey,
  type RouteKind,
  type RouteShape,
  routesOfParent,
} from "./route-refs.ts";
import { declaresProtocols } from "./service-ports.ts";

/** An event of the store, decoded; every kind may come, the model keeps those it knows. */
export interface ModelEvent {
  readonly type: "put" | "delete";
  readonly kind: string;
  readonly object: { readonly metadata: { readonly name: string; readonly namespace?: string } };
  readonly revision: number;
}

export function applyEvent(model: Model, event: ModelEvent, change: Change): void {
  model.revision = Math.max(model.revision, event.revision);
  if (!Object.hasOwn(model.objects, event.kind)) return;
  const kind = event.kind as ModelKind;
  const object = event.type === "put" ? (event.object as ModelKinds[typeof kind]) : null;
  replace(model, kind, keyOf(event.object), object, change);
}

function replace<K extends ModelKind>(
  model: Model,
  kind: K,
  key: ObjectKey,
  next: ModelKinds[K] | null,
  change: Change,
): void {
  const objects = model.objects[kind] as Map<ObjectKey, ModelKinds[K]>;
  const before = objects.get(key) ?? null;
  if (before === null && next === null) return;
  if (before !== null && next !== null && effectOf(kind, before) === effectOf(kind, next)) {
    objects.set(key, next);
    return;
  }
  const watcher = watchers[kind] as Watcher<ModelKinds[K]>;
  change.judged.add(judgedKey(kind, key));
  if (before !== null) {
    watcher.touch(model, before, key, change);
    watcher.index?.(model, before, (index, indexKey) => index.remove(indexKey, key));
    objects.delete(key);
  }
  if (next !== null) {
    objects.set(key, next);
    watcher.index?.(model, next, (index, indexKey) => index.add(indexKey, key));
    watcher.touch(model, next, key, change);
  }
}

/** What of an object can change what is compiled or judged, as text. */
function effectOf(kind: ModelKind, object: ModelKinds[ModelKind]): string {
  const { metadata, status, ...rest } = object as {
    metadata: Record<string, unknown>;
    status?: { conditions?: readonly { type: string; status: string }[] };
  };
  const ready =
    kind === "Workload" ? status?.conditions?.find((one) => one.type === "Ready")?.status : null;
  const { labels, creationTimestamp, deletionTimestamp, generation, uid } = metadata;
  return JSON.stringify([
    rest,
    labels,
    creationTimestamp,
    deletionTimestamp !== undefined,
    generation,
    uid,
    ready,
  ]);
}

type Indexer = (index: KeyIndex, indexKey: string) => void;

interface Watcher<T> {
  index?(model: Model, object: T, each: Indexer): void;
  /** Called with the indexes as they are with the object in them. */
  touch(model: Model, object: T, key: ObjectKey, change: Change): void;
}

const nothing = (): void => undefined;

const watchers: { readonly [K in ModelKind]: Watcher<ModelKinds[K]> } = {
  EndpointSlice: { index: indexSlice, touch: touchSlice },
  Gateway: { touch: touchGateway },
  GatewayClass: { touch: touchGatewayClass },
  GRPCRoute: { index: indexRoute("GRPCRoute"), touch: touchRoute("GRPCRoute") },
  HTTPRoute: { index: indexRoute("HTTPRoute"), touch: touchRoute("HTTPRoute") },
  MeshConfig: { touch: (_model, _object, _key, change) => void (change.isEverything = true) },
  Namespace: { touch: nothing },
  PeerAuthentication: { index: indexPolicy("PeerAuthentication"), touch: touchPeerAuthentication },
  ReferenceGrant: { index: indexGrant, touch: touchGrant },
  Service: { index: indexService, touch: touchService },
  TCPRoute: { index: indexRoute("TCPRoute"), touch: touchRoute("TCPRoute") },
  TLSRoute: { index: indexRoute("TLSRoute"), touch: touchRoute("TLSRoute") },
  TrafficPolicy: { index: indexPolicy("TrafficPolicy"), touch: touchTrafficPolicy },
  Workload: { index: indexWorkload, touch: touchWorkload },
};

function indexWorkload(model: Model, workload: Workload, each: Indexer): void {
  const namespace = workload.metadata.namespace ?? "";
  each(model.byNamespace, `Workload/${namespace}`);
  for (const [label, value] of Object.entries(workload.metadata.labels ?? {})) {
    each(model.workloadsByLabel, labelIndexKey(namespace, label, value));
  }
}

function touchWorkload(model: Model, workload: Workload, key: ObjectKey, change: Change): void {
  change.inbound.add(key);
  for (const serviceKey of servicesOf(model, workload)) {
    touchEndpoints(serviceKey, change);
    change.clusters.add(serviceKey);
    const service = model.objects.Service.get(serviceKey);
    // Where the Service does not say what its ports speak, its workloads do.
    if (service !== undefined && !declaresProtocols(service)) change.virtualHosts.add(serviceKey);
  }
}

function touchEndpoints(service: ObjectKey, change: Change): void {
  change.endpoints.add(service);
  change.judged.add(judgedKey("Service", service));
}

function indexService(model: Model, service: Service, each: Indexer): void {
  const namespace = service.metadata.namespace ?? "";
  each(model.byNamespace, `Service/${namespace}`);
  const first = selectorOf(service)[0];
  if (first !== undefined) {
    each(model.servicesBySelector, labelIndexKey(namespace, first[0], first[1]));
  }
}

function touchService(model: Model, service: Service, key: ObjectKey, change: Change): void {
  touchEndpoints(key, change);
  change.clusters.add(key);
  change.virtualHosts.add(key);
  for (const workload of membersOf(model, service)) change.inbound.add(keyOf(workload));
  judgeRoutesOf(model, key, change);
  touchCallersOf(model, key, change);
  for (const policy of model.policiesByTarget.get(`TrafficPolicy/Service/${key}`)) {
    change.judged.add(judgedKey("TrafficPolicy", policy));
  }
  for (const policy of model.policiesByTarget.get(`PeerAuthentication/Service/${key}`)) {
    change.judged.add(judgedKey("PeerAuthentication", policy));
  }
}

/** The virtual hosts whose routes send to a service, and those routes. */
function touchCallersOf(model: Model, service: ObjectKey, change: Change): void {
  for (const kind of ROUTE_KINDS) {
    touchRoutes(model, kind, model.routesByBackend.get(routeIndexKey(kind, service)), change);
  }
}

function indexSlice(model: Model, slice: EndpointSlice, each: Indexer): void {
  const service = sliceService(slice);
  if (service !== null) each(model.slicesByService, service);
}

function touchSlice(_model: Model, slice: EndpointSlice, _key: ObjectKey, change: Change): void {
  const service = sliceService(slice);
  if (service === null) return;
  touchEndpoints(service, change);
  // Whether all endpoints are in the mesh decides how its clusters choose their protocol.
  change.clusters.add(service);
}

function sliceService(slice: EndpointSlice): ObjectKey | null {
  const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? null : `${slice.metadata.namespace ?? ""}/${name}`;
}

function indexRoute(kind: RouteKind): (model: Model, route: RouteShape, each: Indexer) => void {
  return (model, route, each) => {
    const { routesByParent, routesByBackend, byNamespace } = model;
    for (const service of parentServicesOf(route)) {
      each(routesByParent, routeIndexKey(kind, service));
    }
    for (const gateway of parentGatewaysOf(route)) {
      each(routesByParent, routeIndexKey(kind, gatewayParent(gateway)));
    }
    for (const service of backendServicesOf(route)) {
      each(routesByBackend, routeIndexKey(kind, service));
    }
    for (const namespace of foreignNamespacesOf(route)) {
      each(byNamespace, `${kind} into/${namespace}`);
    }
  };
}

function touchRoute(
  kind: RouteKind,
): (model: Model, route: RouteShape, key: ObjectKey, change: Change) => void {
  return (model, route, key, change) => {
    change.judged.add(judgedKey(kind, key));
    for (const service of parentServicesOf(route)) {
      change.virtualHosts.add(service);
      // Which of several kinds holds there may have changed.
      judgeRoutesOf(model, service, change);
    }
    for (const gateway of parentGatewaysOf(route)) change.judged.add(judgedKey("Gateway", gateway));
  };
}

function touchRoutes(
  model: Model,
  kind: RouteKind,
  keys: ReadonlySet<ObjectKey>,
  change: Change,
): void {
  for (const key of keys) {
    const route = model.objects[kind].get(key);
    if (route !== undefined) touchRoute(kind)(model, route, key, change);
  }
}

/** `parent` is a Service's key, or what `gatewayParent` makes of a Gateway's. */
function judgeRoutesOf(model: Model, parent: string, change: Change): void {
  for (const kind of ROUTE_KINDS) {
    for (const route of routesOfParent(model, kind, parent)) {
      change.judged.add(judgedKey(kind, route));
    }
  }
}

function touchGateway(model: Model, _gateway: unknown, key: ObjectKey, change: Change): void {
  judgeRoutesOf(model, gatewayParent(key), change);
}

function indexGrant(model: Model, grant: ReferenceGrant, each: Indexer): void {
  each(model.byNamespace, `ReferenceGrant/${grant.metadata.namespace ?? ""}`);
}

function touchGrant(model: Model, grant: ReferenceGrant, _key: ObjectKey, change: Change): void {
  const namespace = grant.metadata.namespace ?? "";
  for (const kind of ROUTE_KINDS) {
    touchRoutes(model, kind, model.byNamespace.get(`${kind} into/${namespace}`), change);
  }
}

function touchGatewayClass(model: Model, _class: unknown, _key: ObjectKey, change: Change): void {
  for (const key of model.objects.Gateway.keys()) change.judged.add(judgedKey("Gateway", key));
}

function indexPolicy<K extends "TrafficPolicy" | "PeerAuthentication">(
  kind: K,
): (model: Model, policy: ModelKinds[K], each: Indexer) => void {
  return (model, policy, each) => {
    each(model.byNamespace, `${kind}/${policy.metadata.namespace ?? ""}`);
    for (const indexKey of policyIndexKeys(kind, policy)) each(model.policiesByTarget, indexKey);
  };
}

function touchTrafficPolicy(
  model: Model,
  policy: TrafficPolicy,
  _key: ObjectKey,
  change: Change,
): void {
  judgeRivals(model, "TrafficPolicy", policy, change);
  for (const service of servicesUnder(model, "TrafficPolicy", policy)) {
    change.clusters.add(service);
    change.virtualHosts.add(service);
    touchCallersOf(model, service, change);
    const held = model.objects.Service.get(service);
    if (held === undefined) continue;
    for (const workload of membersOf(model, held)) change.inbound.add(keyOf(workload));
  }
}

function touchPeerAuthentication(
  model: Model,
  policy: PeerAuthentication,
  _key: ObjectKey,
  change: Change,
): void {
  judgeRivals(model, "PeerAuthentication", policy, change);
  // A workload may belong to several services, so the whole namespace is looked at again.
  const namespace = policy.metadata.namespace ?? "";
  for (const key of model.byNamespace.get(`Workload/${namespace}`)) change.inbound.add(key);
  for (const key of model.byNamespace.get(`Service/${namespace}`)) {
    change.endpoints.add(key);
    change.clusters.add(key);
  }
}

/** Policies on the same target: which of them is the older may have changed. */
function judgeRivals(
  model: Model,
  kind: "TrafficPolicy" | "PeerAuthentication",
  policy: TrafficPolicy | PeerAuthentication,
  change: Change,
): void {
  for (const indexKey of policyIndexKeys(kind, policy)) {
    for (const key of model.policiesByTarget.get(indexKey)) change.judged.add(judgedKey(kind, key));
  }
}

function servicesUnder(
  model: Model,
  kind: "TrafficPolicy" | "PeerAuthentication",
  policy: TrafficPolicy | PeerAuthentication,
): Set<ObjectKey> {
  const services = new Set<ObjectKey>();
  for (const indexKey of policyIndexKeys(kind, policy)) {
    const target = indexKey.slice(kind.length + 1);
    if (target.startsWith("Service/")) services.add(target.slice("Service/".length));
    else {
      const { name } = splitKey(target);
      for (const key of model.byNamespace.get(`Service/${name}`)) services.add(key);
    }
  }
  return services;
}
