// What can be said of a Gateway before a gateway proxy serves it: which routes its listeners take.

import { GATEWAY_GROUP, type Gateway, type GatewayListener, type LabelSelector } from "@weft/api";
import { keyOf, type Model, objectKey } from "../model/model.ts";
import { type AnyRoute, gatewayParent, routesOfParent } from "../model/route-refs.ts";
import { parentGatewayOf } from "./route-parents.ts";

export interface ListenerVerdict {
  readonly name: string;
  readonly supportedKinds: { group: string; kind: string }[];
  readonly attachedRoutes: number;
  /** False: no proxy of ours speaks the listener's protocol. */
  readonly isSupported: boolean;
}

const HTTP_PROTOCOLS: readonly string[] = ["HTTP", "HTTPS"];
const HTTP_KINDS = ["HTTPRoute", "GRPCRoute"] as const;

export function judgeListeners(model: Model, gateway: Gateway): ListenerVerdict[] {
  return gateway.spec.listeners.map((listener) => {
    const isSupported = HTTP_PROTOCOLS.includes(listener.protocol);
    return {
      name: listener.name,
      supportedKinds: isSupported ? HTTP_KINDS.map((kind) => ({ group: GATEWAY_GROUP, kind })) : [],
      attachedRoutes: isSupported ? attachedRoutes(model, gateway, listener) : 0,
      isSupported,
    };
  });
}

/** Whether a listener takes routes of a namespace. */
export function allowsNamespace(
  model: Model,
  gateway: Gateway,
  listener: GatewayListener,
  namespace: string,
): boolean {
  const { from = "Same", selector } = listener.allowedRoutes?.namespaces ?? {};
  if (from === "All") return true;
  if (from === "Same") return namespace === gateway.metadata.namespace;
  const labels = model.objects.Namespace.get(objectKey("", namespace))?.metadata.labels ?? {};
  return selector !== undefined && selects(selector, labels);
}

function attachedRoutes(model: Model, gateway: Gateway, listener: GatewayListener): number {
  const key = keyOf(gateway);
  let count = 0;
  for (const kind of HTTP_KINDS) {
    for (const routeKey of routesOfParent(model, kind, gatewayParent(key))) {
      const route: AnyRoute | undefined = model.objects[kind].get(routeKey);
      const isAttached = route?.spec.parentRefs?.some(
        (ref) =>
          parentGatewayOf(route, ref) === key &&
          (ref.sectionName === undefined || ref.sectionName === listener.name) &&
          (ref.port === undefined || ref.port === listener.port) &&
          allowsNamespace(model, gateway, listener, route.metadata.namespace ?? ""),
      );
      if (isAttached === true) count++;
    }
  }
  return count;
}

function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const isExact = Object.entries(selector.matchLabels ?? {}).every(
    ([key, value]) => labels[key] === value,
  );
  return (
    isExact &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === "In" ? isIn : !isIn;
    })
  );
}
