// Which workloads a service has: its selector over workload labels, nothing else (design section
// 5).

import { SERVICE_LABEL, type Service, type Workload } from "@weft/api";
import type { Model, ObjectKey } from "./model.ts";

/** The workloads a service selects, by name; without a selector it selects none. */
export function membersOf(model: Model, service: Service): Workload[] {
  const selector = selectorOf(service);
  const first = selector[0];
  if (first === undefined) return [];
  const namespace = service.metadata.namespace ?? "";
  const members: Workload[] = [];
  for (const key of model.workloadsByLabel.get(labelIndexKey(namespace, first[0], first[1]))) {
    const workload = model.objects.Workload.get(key);
    if (workload !== undefined && isSelected(selector, workload)) members.push(workload);
  }
  return members.sort(byName);
}

/** The services that select a workload, by key. */
export function servicesOf(model: Model, workload: Workload): ObjectKey[] {
  const namespace = workload.metadata.namespace ?? "";
  const keys: ObjectKey[] = [];
  for (const [label, value] of Object.entries(workload.metadata.labels ?? {})) {
    for (const key of model.servicesBySelector.get(labelIndexKey(namespace, label, value))) {
      const service = model.objects.Service.get(key);
      if (service !== undefined && isSelected(selectorOf(service), workload)) keys.push(key);
    }
  }
  return keys.sort();
}

/** Label pairs of the selector in key order; [] selects nothing. */
export function selectorOf(service: Service): [string, string][] {
  return Object.entries(service.spec.selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

export function labelIndexKey(namespace: string, label: string, value: string): string {
  return `${namespace}/${label}=${value}`;
}

/** The service a workload's traffic is counted under: its label, else one that selects it. */
export function serviceNameOf(model: Model, workload: Workload): string {
  const named = workload.metadata.labels?.[SERVICE_LABEL];
  if (named !== undefined && named !== "") return named;
  const selecting = servicesOf(model, workload)[0];
  if (selecting !== undefined) return selecting.slice(selecting.indexOf("/") + 1);
  return workload.spec.serviceAccount ?? "default";
}

function isSelected(selector: readonly [string, string][], workload: Workload): boolean {
  const labels = workload.metadata.labels ?? {};
  return selector.length > 0 && selector.every(([label, value]) => labels[label] === value);
}

function byName(a: Workload, b: Workload): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
