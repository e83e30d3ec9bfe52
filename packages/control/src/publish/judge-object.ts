// One object's verdicts and progress as the conditions of its kind's status.

import type {
  Condition,
  Gateway,
  GatewayClass,
  MeshConfig,
  PeerAuthentication,
  RouteParentStatus,
  Service,
  TrafficPolicy,
} from "@weft/api";
import { WEFT_CONTROLLER } from "@weft/api";
import { judgeListeners, type ListenerVerdict } from "../compile/gateway-listeners.ts";
import {
  isOurs,
  judgeMeshConfig,
  judgePolicy,
  judgeRoute,
  judgeService,
  type ParentVerdict,
  type Verdict,
} from "../compile/verdict.ts";
import type { Model, ModelKind, ObjectKey } from "../model/model.ts";
import type { AnyRoute } from "../model/route-refs.ts";
import type { Progress, ProgressReader } from "./progress.ts";

interface JudgedCondition extends Verdict {
  /** Written only over an earlier one: it is good news that nobody asked for. */
  readonly isOptional: boolean;
}

/** Conditions with the new ones in them. */
type MergeConditions = (
  before: readonly Condition[] | undefined,
  verdicts: readonly JudgedCondition[],
) => Condition[];

export interface Judgement {
  readonly conditions: readonly JudgedCondition[];
  /** Proxies have yet to answer. */
  readonly isPending: boolean;
  /** Puts it into a status of the kind. */
  apply(status: Record<string, unknown>, merge: MergeConditions): void;
}

/** An object, and since which publication proxies are sent it. */
export interface Published {
  readonly kind: ModelKind;
  readonly key: ObjectKey;
  readonly publication: number;
}

/** Null: there is nothing of ours to say. */
export function judgeObject(
  model: Model,
  { kind, key, publication }: Published,
  reader: ProgressReader,
): Judgement | null {
  const object: unknown = model.objects[kind].get(key);
  if (object === undefined) return null;
  const progress = (namespace: string | null): Progress =>
    reader.read({ publication, namespace, mention: `${key}/` });
  switch (kind) {
    case "GRPCRoute":
    case "HTTPRoute":
    case "TCPRoute":
    case "TLSRoute":
      return routeJudgement(judgeRoute(model, object as AnyRoute), progress);
    case "TrafficPolicy":
    case "PeerAuthentication": {
      const policy = object as TrafficPolicy | PeerAuthentication;
      return policyJudgement(judgePolicy(model, kind, policy), progress(null));
    }
    case "MeshConfig":
      return policyJudgement(judgeMeshConfig(object as MeshConfig), progress(null));
    case "Service":
      return plain([judgeService(model, object as Service)].map(optionalWhenGood), false);
    case "GatewayClass":
      return (object as GatewayClass).spec.controllerName === WEFT_CONTROLLER
        ? plain([needed(ACCEPTED)], false)
        : null;
    case "Gateway":
      return isOurs(model, object as Gateway)
        ? gatewayJudgement(judgeListeners(model, object as Gateway))
        : null;
    case "EndpointSlice":
    case "Namespace":
    case "ReferenceGrant":
    case "Workload":
      return null;
  }
}

const ACCEPTED: Verdict = { type: "Accepted", status: "True", reason: "Accepted", message: "" };

function needed(verdict: Verdict): JudgedCondition {
  return { ...verdict, isOptional: false };
}

/** Conditions whose normal value goes without saying. */
function optionalWhenGood(verdict: Verdict): JudgedCondition {
  const isGood =
    verdict.type === "weft.dev/PortsServed"
      ? verdict.status === "True"
      : verdict.type !== "Accepted" && verdict.status === "False";
  return { ...verdict, isOptional: isGood };
}

function plain(conditions: readonly JudgedCondition[], isPending: boolean): Judgement {
  return {
    conditions,
    isPending,
    apply(status, merge) {
      const merged = merge(status["conditions"] as Condition[] | undefined, conditions);
      if (merged.length > 0) status["conditions"] = merged;
    },
  };
}

function policyJudgement(verdicts: readonly Verdict[], progress: Progress): Judgement {
  const isInForce = verdicts.some(({ type, status }) => type === "Accepted" && status === "True");
  const { verdict, isPending } = programmed(isInForce, progress);
  return plain([...verdicts.map(optionalWhenGood), needed(verdict)], isPending);
}

/** Entries of other controllers stay; of ours those stay that still have a parent. */
function routeJudgement(
  parents: readonly ParentVerdict[],
  progress: (namespace: string | null) => Progress,
): Judgement {
  const judged = parents.map(({ parentRef, verdicts, reach }) => {
    const { verdict, isPending } = programmedAt(reach, progress);
    return { parentRef, isPending, conditions: [...verdicts, verdict].map(needed) };
  });
  return {
    conditions: judged.flatMap((one) => one.conditions),
    isPending: judged.some((one) => one.isPending),
    apply(status, merge) {
      const before = (status["parents"] ?? []) as RouteParentStatus[];
      const foreign = before.filter((one) => one.controllerName !== WEFT_CONTROLLER);
      const own = judged.map(({ parentRef, conditions }) => {
        const standing = before.find(
          (one) => one.controllerName === WEFT_CONTROLLER && isSameParent(one.parentRef, parentRef),
        );
        return {
          parentRef,
          controllerName: WEFT_CONTROLLER,
          conditions: merge(standing?.conditions, conditions),
        };
      });
      status["parents"] = [...foreign, ...own];
    },
  };
}

function isSameParent(a: object, b: object): boolean {
  const text = (one: object): string =>
    JSON.stringify(Object.entries(one).sort(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}

function programmedAt(
  reach: ParentVerdict["reach"],
  progress: (namespace: string | null) => Progress,
): { verdict: Verdict; isPending: boolean } {
  if (reach === "nobody") return programmed(false, progress(null));
  if (reach === "gateways") return { verdict: NO_GATEWAY, isPending: false };
  return programmed(true, progress(reach === "everyone" ? null : reach.namespace));
}

const NO_GATEWAY: Verdict = {
  type: "Programmed",
  status: "False",
  reason: "Pending",
  message: "No gateway proxy serves this Gateway.",
};

function programmed(
  isInForce: boolean,
  { running, total, refusals }: Progress,
): { verdict: Verdict; isPending: boolean } {
  const type = "Programmed";
  if (!isInForce) {
    const verdict = { type, status: "False", reason: "NotAccepted", message: "" } as const;
    return { verdict, isPending: false };
  }
  const count = `${running} of ${total} ${total === 1 ? "proxy runs" : "proxies run"} it.`;
  const [first] = refusals;
  if (first !== undefined) {
    const more = refusals.length > 1 ? ` (and ${refusals.length - 1} more)` : "";
    const message = `${count} Refused by ${first}${more}`;
    return { verdict: { type, status: "False", reason: "Refused", message }, isPending: true };
  }
  if (total === 0) {
    const message = "No proxy is connected.";
    return { verdict: { type, status: "Unknown", reason: "Pending", message }, isPending: true };
  }
  return running === total
    ? { verdict: { type, status: "True", reason: type, message: count }, isPending: false }
    : { verdict: { type, status: "False", reason: "Pending", message: count }, isPending: true };
}

function gatewayJudgement(listeners: readonly ListenerVerdict[]): Judgement {
  const conditions = [needed(ACCEPTED), needed(NO_GATEWAY)];
  return {
    conditions,
    isPending: false,
    apply(status, merge) {
      const before = (status["listeners"] ?? []) as { name: string; conditions: Condition[] }[];
      status["conditions"] = merge(status["conditions"] as Condition[] | undefined, conditions);
      status["listeners"] = listeners.map(
        ({ name, supportedKinds, attachedRoutes, isSupported }) => {
          const standing = before.find((one) => one.name === name)?.conditions;
          const verdicts = listenerVerdicts(isSupported);
          return { name, supportedKinds, attachedRoutes, conditions: merge(standing, verdicts) };
        },
      );
    },
  };
}

function listenerVerdicts(isSupported: boolean): JudgedCondition[] {
  const refused = "No proxy of this mesh speaks the protocol.";
  const accepted: Verdict = isSupported
    ? ACCEPTED
    : { type: "Accepted", status: "False", reason: "UnsupportedProtocol", message: refused };
  return [
    accepted,
    { type: "Conflicted", status: "False", reason: "NoConflicts", message: "" } as const,
    { type: "ResolvedRefs", status: "True", reason: "ResolvedRefs", message: "" } as const,
    NO_GATEWAY,
  ].map(needed);
}
