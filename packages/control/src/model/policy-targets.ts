// What a policy attaches to (GEP-713): Services of its own namespace, or that namespace as a whole.

import type { PeerAuthentication, TrafficPolicy } from "@weft/api";
import type { Model, ObjectKey } from "./model.ts";

export type PolicyKind = "PeerAuthentication" | "TrafficPolicy";

export interface PolicyTarget {
  readonly kind: "Service" | "Namespace";
  readonly name: string;
  /** One port of the Service by name; null for all. */
  readonly section: string | null;
}

/** The targets of a policy that can exist; a policy without targetRefs is for its namespace. */
export function policyTargetsOf(policy: TrafficPolicy | PeerAuthentication): PolicyTarget[] {
  const namespace = policy.metadata.namespace ?? "";
  const refs = policy.spec.targetRefs ?? [];
  if (refs.length === 0) return [{ kind: "Namespace", name: namespace, section: null }];
  const targets: PolicyTarget[] = [];
  for (const { group, kind, name, sectionName = null } of refs) {
    if (group !== "") continue;
    if (kind === "Service") targets.push({ kind, name, section: sectionName });
    else if (kind === "Namespace" && name === namespace) {
      targets.push({ kind, name, section: null });
    }
  }
  return targets;
}

/**
 * Keys of `Model.policiesByTarget`: `<policy kind>/Service/<namespace>/<name>`,
 * `…/Namespace/<name>`.
 */
export function policyIndexKeys(
  kind: PolicyKind,
  policy: TrafficPolicy | PeerAuthentication,
): string[] {
  const namespace = policy.metadata.namespace ?? "";
  return policyTargetsOf(policy).map((target) =>
    target.kind === "Service"
      ? serviceIndexKey(kind, `${namespace}/${target.name}`)
      : namespaceIndexKey(kind, target.name),
  );
}

function serviceIndexKey(kind: PolicyKind, service: ObjectKey): string {
  return `${kind}/Service/${service}`;
}

function namespaceIndexKey(kind: PolicyKind, namespace: string): string {
  return `${kind}/Namespace/${namespace}`;
}

export interface PoliciesOf {
  readonly PeerAuthentication: PeerAuthentication;
  readonly TrafficPolicy: TrafficPolicy;
}

/**
 * The policies of a kind on one target (of a Service: one port, or all), the one that holds first.
 */
export function policiesOn<K extends PolicyKind>(
  model: Model,
  kind: K,
  namespace: string,
  target: PolicyTarget,
): PoliciesOf[K][] {
  const indexKey =
    target.kind === "Service"
      ? serviceIndexKey(kind, `${namespace}/${target.name}`)
      : namespaceIndexKey(kind, target.name);
  const policies: PoliciesOf[K][] = [];
  for (const key of model.policiesByTarget.get(indexKey)) {
    const policy = model.objects[kind].get(key) as PoliciesOf[K] | undefined;
    if (policy !== undefined && policyTargetsOf(policy).some((one) => isSame(one, target))) {
      policies.push(policy);
    }
  }
  return policies.sort(byAge);
}

/** Of two policies of one kind on one target the older holds. */
export function policyOn<K extends PolicyKind>(
  model: Model,
  kind: K,
  namespace: string,
  target: PolicyTarget,
): PoliciesOf[K] | null {
  return policiesOn(model, kind, namespace, target)[0] ?? null;
}

function isSame(a: PolicyTarget, b: PolicyTarget): boolean {
  return a.kind === b.kind && a.name === b.name && a.section === b.section;
}

interface Aged {
  readonly metadata: {
    readonly creationTimestamp?: string;
    readonly namespace?: string;
    readonly name: string;
  };
}

/** The order of the Gateway API: by creation, then by namespace and name. */
export function byAge(a: Aged, b: Aged): number {
  const [ageA, ageB] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  const nameA = `${a.metadata.namespace ?? ""}/${a.metadata.name}`;
  const nameB = `${b.metadata.namespace ?? ""}/${b.metadata.name}`;
  return nameA === nameB ? 0 : nameA < nameB ? -1 : 1;
}
