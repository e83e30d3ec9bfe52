// What is to be said in the status of routes and policies, from the model alone.
// `publish/conditions.ts` writes it, with what the proxies answered.

import {
  type BackendObjectReference,
  type Gateway,
  type MeshConfig,
  type ParentReference,
  type PeerAuthentication,
  type Service,
  type TrafficPolicy,
  type TrafficSettings,
  WEFT_CONTROLLER,
} from "@weft/api";
import { type Model, type ObjectKey, objectKey, splitKey } from "../model/model.ts";
import { type PolicyKind, policyOn, policyTargetsOf } from "../model/policy-targets.ts";
import type { AnyRoute, RouteKind, RouteShape } from "../model/route-refs.ts";
import { meshServiceAt, servicePortsOf } from "../model/service-ports.ts";
import { supportedAlgorithms } from "./clusters.ts";
import { unmatchedPorts } from "./endpoints.ts";
import { allowsNamespace } from "./gateway-listeners.ts";
import { resolveRef } from "./route-backends.ts";
import {
  isStreamKind,
  meansPort,
  parentGatewayOf,
  parentServiceOf,
  routesAt,
} from "./route-parents.ts";
import { problemsOf } from "./route-problems.ts";

/** A condition without what only the writer knows. */
export interface Verdict {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export interface ParentVerdict {
  readonly parentRef: ParentReference;
  readonly verdicts: readonly Verdict[];
  /** Who runs what this parent gives: a consumer's route only callers of its own namespace. */
  readonly reach: "nobody" | "gateways" | "everyone" | { readonly namespace: string };
}

/** One entry for each parent that is ours to judge. */
export function judgeRoute(model: Model, route: AnyRoute): ParentVerdict[] {
  const verdicts: ParentVerdict[] = [];
  for (const parentRef of route.spec.parentRefs ?? []) {
    const service = parentServiceOf(route, parentRef);
    const gateway = parentGatewayOf(route, parentRef);
    if (service === null && gateway === null) continue;
    if (gateway !== null && isForeign(model, gateway)) continue;
    const accepted =
      service === null
        ? judgeGatewayParent(model, route, parentRef, gateway ?? "")
        : judgeServiceParent(model, route, parentRef, service);
    verdicts.push({
      parentRef,
      verdicts: [accepted, judgeRefs(model, route, service)],
      reach: reachOf(route, service, accepted),
    });
  }
  return verdicts;
}

function reachOf(
  route: AnyRoute,
  service: ObjectKey | null,
  accepted: Verdict,
): ParentVerdict["reach"] {
  if (accepted.status !== "True" && accepted.reason !== UNSUPPORTED) return "nobody";
  if (service === null) return "gateways";
  const { namespace = "" } = route.metadata;
  return splitKey(service).namespace === namespace ? "everyone" : { namespace };
}

const UNSUPPORTED = "UnsupportedValue";
const NO_PARENT = "NoMatchingParent";

function judgeServiceParent(
  model: Model,
  route: AnyRoute,
  ref: ParentReference,
  key: ObjectKey,
): Verdict {
  const service = meshServiceAt(model, key);
  if (service === undefined) return refuse(NO_PARENT, `There is no Service ${key}.`);
  const ports = servicePortsOf(model, service).filter((port) => meansPort(route.kind, ref, port));
  if (ports.length === 0) {
    const wanted = ref.port ?? ref.sectionName;
    const which = wanted === undefined ? "" : ` ${wanted}`;
    const spoken = isStreamKind(route.kind) ? "TCP" : "HTTP";
    return refuse(NO_PARENT, `Service ${key} has no ${spoken} port${which}.`);
  }
  const { namespace = "" } = route.metadata;
  const callers = splitKey(key).namespace === namespace ? null : namespace;
  const held = ports.map((port) => routesAt(model, key, port, callers));
  const winner = held.find((routes) => !routes.includes(route))?.[0];
  if (winner !== undefined && !held.some((routes) => routes.includes(route))) {
    return refuse("Conflicted", conflictMessage(route, winner, key));
  }
  const { messages } = problemsOf(route);
  return messages.length === 0 ? accept() : refuse(UNSUPPORTED, `${messages.join(". ")}.`);
}

/** Of several kinds the most specific holds, of several TCPRoutes the oldest (GEP-1294). */
function conflictMessage(route: AnyRoute, winner: AnyRoute, service: ObjectKey): string {
  const { namespace = "", name } = winner.metadata;
  const why = winner.kind === route.kind ? "which is older" : "whose kind is more specific";
  return `At Service ${service} ${winner.kind} ${namespace}/${name} holds, ${why}.`;
}

/** What a listener must speak for routes of each kind. */
const LISTENER_PROTOCOLS: Readonly<Record<RouteKind, readonly string[]>> = {
  GRPCRoute: ["HTTP", "HTTPS"],
  HTTPRoute: ["HTTP", "HTTPS"],
  TLSRoute: ["TLS"],
  TCPRoute: ["TCP"],
};

function judgeGatewayParent(
  model: Model,
  route: AnyRoute,
  ref: ParentReference,
  key: ObjectKey,
): Verdict {
  const gateway = model.objects.Gateway.get(key);
  if (gateway === undefined) return refuse(NO_PARENT, `There is no Gateway ${key}.`);
  const listeners = gateway.spec.listeners.filter(
    (one) =>
      (ref.sectionName === undefined || ref.sectionName === one.name) &&
      (ref.port === undefined || ref.port === one.port),
  );
  if (listeners.length === 0) {
    return refuse(
      NO_PARENT,
      `Gateway ${key} has no listener ${ref.sectionName ?? ref.port ?? ""}.`,
    );
  }
  const spoken = LISTENER_PROTOCOLS[route.kind];
  if (!listeners.some(({ protocol }) => spoken.includes(protocol))) {
    // The specification has a reason of its own for TLSRoutes.
    const reason = route.kind === "TLSRoute" ? UNSUPPORTED : "NotAllowedByListeners";
    const message = `A ${route.kind} needs a listener of protocol ${spoken.join(" or ")}.`;
    return refuse(reason, message);
  }
  const namespace = route.metadata.namespace ?? "";
  if (!listeners.some((one) => allowsNamespace(model, gateway, one, namespace))) {
    const message = `No listener of Gateway ${key} allows routes of namespace ${namespace}.`;
    return refuse("NotAllowedByListeners", message);
  }
  const { messages } = problemsOf(route);
  return messages.length === 0 ? accept() : refuse(UNSUPPORTED, `${messages.join(". ")}.`);
}

/** A Gateway of somebody else's class. */
function isForeign(model: Model, key: ObjectKey): boolean {
  const gateway = model.objects.Gateway.get(key);
  return gateway !== undefined && !isOurs(model, gateway);
}

export function isOurs(model: Model, gateway: Gateway): boolean {
  const key = objectKey("", gateway.spec.gatewayClassName);
  return model.objects.GatewayClass.get(key)?.spec.controllerName === WEFT_CONTROLLER;
}

/** The first reason there is, with every message. */
function judgeRefs(model: Model, route: AnyRoute, named: ObjectKey | null): Verdict {
  let reason: string | null = null;
  const messages: string[] = [];
  for (const { ref, where } of refsOf(route)) {
    const resolved = resolveRef(model, route, ref, named);
    if (resolved.problem === null) continue;
    reason ??= resolved.problem;
    messages.push(`${where}: ${resolved.message}`);
  }
  if (reason === null) {
    return { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: "" };
  }
  return { type: "ResolvedRefs", status: "False", reason, message: `${messages.join(". ")}.` };
}

function* refsOf(
  route: RouteShape,
): Generator<{ readonly ref: BackendObjectReference; readonly where: string }> {
  for (const [index, rule] of (route.spec.rules ?? []).entries()) {
    for (const [at, ref] of (rule.backendRefs ?? []).entries()) {
      yield { ref, where: `rules[${index}].backendRefs[${at}]` };
    }
    for (const [at, { requestMirror }] of (rule.filters ?? []).entries()) {
      if (requestMirror === undefined) continue;
      yield { ref: requestMirror.backendRef, where: `rules[${index}].filters[${at}]` };
    }
  }
}

/** Accepted and Conflicted; PartiallyInvalid where a value is carried out as another. */
export function judgePolicy(
  model: Model,
  kind: PolicyKind,
  policy: TrafficPolicy | PeerAuthentication,
): Verdict[] {
  const namespace = policy.metadata.namespace ?? "";
  const targets = policyTargetsOf(policy);
  const missing: string[] = [];
  const lost: string[] = [];
  for (const target of targets) {
    const isService = target.kind === "Service";
    const label = `${target.kind} ${target.name}${target.section === null ? "" : `, port ${target.section}`}`;
    if (isService && meshServiceAt(model, objectKey(namespace, target.name)) === undefined) {
      missing.push(label);
      continue;
    }
    const winner = policyOn(model, kind, namespace, target);
    if (winner !== null && winner.metadata.name !== policy.metadata.name) {
      lost.push(`${label} (${winner.metadata.name} is older)`);
    }
  }
  const held = targets.length - missing.length - lost.length;
  const verdicts = [acceptedPolicy(missing, lost, held)];
  const conflict = `Another ${kind} holds for ${lost.join(", ")}.`;
  verdicts.push(
    lost.length > 0
      ? { type: "Conflicted", status: "True", reason: "Conflicted", message: conflict }
      : { type: "Conflicted", status: "False", reason: "NotConflicted", message: "" },
  );
  if (kind === "TrafficPolicy") verdicts.push(judgeSettings((policy as TrafficPolicy).spec));
  return verdicts;
}

function acceptedPolicy(
  missing: readonly string[],
  lost: readonly string[],
  held: number,
): Verdict {
  if (held > 0) {
    return missing.length === 0
      ? accept()
      : { ...accept(), message: `Not found: ${missing.join(", ")}.` };
  }
  if (lost.length > 0) {
    return refuse("Conflicted", `An older policy holds for ${lost.join(", ")}.`);
  }
  return refuse("TargetNotFound", `Not found: ${missing.join(", ")}.`);
}

export function judgeMeshConfig(mesh: MeshConfig): Verdict[] {
  return [accept(), judgeSettings(mesh.spec.traffic ?? {})];
}

function judgeSettings(settings: TrafficSettings): Verdict {
  const algorithm = settings.loadBalancer?.algorithm;
  if (algorithm === undefined || supportedAlgorithms.includes(algorithm)) {
    return { type: "PartiallyInvalid", status: "False", reason: "Supported", message: "" };
  }
  const known = supportedAlgorithms.join(", ");
  return {
    type: "PartiallyInvalid",
    status: "True",
    reason: UNSUPPORTED,
    message: `Proxies have ${known}; loadBalancer.algorithm ${algorithm} is done as LeastRequest.`,
  };
}

/** Says which workloads have no port for a port of the service. */
export function judgeService(model: Model, service: Service): Verdict {
  const type = "weft.dev/PortsServed";
  const unmatched = unmatchedPorts(model, service);
  if (unmatched.length === 0) return { type, status: "True", reason: "PortsServed", message: "" };
  const parts = unmatched.map(({ port, workloads }) => {
    const shown = workloads.slice(0, SHOWN_MAX).join(", ");
    const more = workloads.length > SHOWN_MAX ? ` and ${workloads.length - SHOWN_MAX} more` : "";
    const { name, targetPort } = port;
    const wanted = targetPort === null ? "" : ` (targetPort ${targetPort})`;
    return `Port ${name === "" ? "" : `${name} `}${port.port}${wanted} finds no port of ${shown}${more}`;
  });
  return { type, status: "False", reason: "NoMatchingPort", message: `${parts.join(". ")}.` };
}

const SHOWN_MAX = 5;

function accept(): Verdict {
  return { type: "Accepted", status: "True", reason: "Accepted", message: "" };
}

function refuse(reason: string, message: string): Verdict {
  return { type: "Accepted", status: "False", reason, message };
}
