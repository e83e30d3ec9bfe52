// Which mode of mutual TLS a port of a workload is in, and why (design sections 5 and 6). Policies
// that target a Service apply to every workload it selects, whatever name the caller used.

import {
  MESH_CONFIG_NAME,
  type MtlsMode,
  type PeerAuthentication,
  type Workload,
  type WorkloadPort,
} from "@weft/api";
import { servicesOf } from "../model/membership.ts";
import { type Model, type ObjectKey, splitKey } from "../model/model.ts";
import { byAge, policyOn } from "../model/policy-targets.ts";
import { type ServicePort, servicePortsOf, workloadPortFor } from "../model/service-ports.ts";
import { meshConfigOf, type Sourced, type ValueOrigin } from "./settings.ts";

type Level = "Port" | "Service" | "Namespace";

/** The mode of one port of a workload. */
export function modeOf(model: Model, workload: Workload, port: WorkloadPort): Sourced<MtlsMode> {
  const namespace = workload.metadata.namespace ?? "";
  for (const { policies, level } of policiesOf(model, workload, port)) {
    const found = decide(policies, port.port, level);
    if (found !== null) return found;
  }
  return wideMode(model, namespace, port.port);
}

/** Who sends a PROXY protocol header to a port; null: nobody said. */
export function acceptedProxiesOf(
  model: Model,
  workload: Workload,
  port: WorkloadPort,
): readonly string[] | null {
  const namespace = workload.metadata.namespace ?? "";
  const nearest = policiesOf(model, workload, port).flatMap(({ policies }) => policies);
  const wide = wholeNamespace(model, namespace);
  const all = wide === null ? nearest : [...nearest, wide];
  const found = all.find(({ spec }) => spec.proxyProtocol !== undefined);
  return found?.spec.proxyProtocol?.from ?? null;
}

/** Those that target the services of a workload's port, the nearest and oldest first. */
function policiesOf(
  model: Model,
  workload: Workload,
  port: WorkloadPort,
): { readonly policies: readonly PeerAuthentication[]; readonly level: Level }[] {
  const namespace = workload.metadata.namespace ?? "";
  if (model.byNamespace.get(`PeerAuthentication/${namespace}`).size === 0) return [];
  const onPort: PeerAuthentication[] = [];
  const onService: PeerAuthentication[] = [];
  for (const key of servicesOf(model, workload)) {
    const service = model.objects.Service.get(key);
    if (service === undefined) continue;
    for (const servicePort of servicePortsOf(model, service)) {
      if (workloadPortFor(servicePort, workload) !== port) continue;
      const policy = attached(model, key, servicePort.name);
      if (policy !== null) onPort.push(policy);
    }
    const policy = attached(model, key, null);
    if (policy !== null) onService.push(policy);
  }
  return [
    { policies: onPort.sort(byAge), level: "Port" },
    { policies: onService.sort(byAge), level: "Service" },
  ];
}

/** The mode a service itself is in, whether it has workloads or not. */
export function serviceModeOf(
  model: Model,
  service: ObjectKey,
  servicePort: Pick<ServicePort, "name" | "targetPort">,
): Sourced<MtlsMode> {
  const number = typeof servicePort.targetPort === "number" ? servicePort.targetPort : null;
  const onPort = attached(model, service, servicePort.name);
  const onService = attached(model, service, null);
  return (
    decide(onPort === null ? [] : [onPort], number, "Port") ??
    decide(onService === null ? [] : [onService], number, "Service") ??
    wideMode(model, splitKey(service).namespace, number)
  );
}

function attached(
  model: Model,
  service: ObjectKey,
  section: string | null,
): PeerAuthentication | null {
  if (section === "") return null;
  const { namespace, name } = splitKey(service);
  return policyOn(model, "PeerAuthentication", namespace, { kind: "Service", name, section });
}

function wholeNamespace(model: Model, namespace: string): PeerAuthentication | null {
  const target = { kind: "Namespace", name: namespace, section: null } as const;
  return policyOn(model, "PeerAuthentication", namespace, target);
}

function wideMode(model: Model, namespace: string, portNumber: number | null): Sourced<MtlsMode> {
  const policy = wholeNamespace(model, namespace);
  const written = decide(policy === null ? [] : [policy], portNumber, "Namespace");
  if (written !== null) return written;
  const mesh = meshConfigOf(model)?.spec.mtls?.mode;
  if (mesh !== undefined) {
    return { value: mesh, origin: { kind: "MeshConfig", name: MESH_CONFIG_NAME } };
  }
  return { value: "Permissive", origin: { kind: "Default" } };
}

/** The first policy that says something about the port. */
function decide(
  policies: readonly PeerAuthentication[],
  portNumber: number | null,
  attachedTo: Level,
): Sourced<MtlsMode> | null {
  for (const { metadata, spec } of policies) {
    const ofPort = spec.portLevel?.find((one) => one.port === portNumber)?.mtls.mode;
    const value = ofPort ?? spec.mtls?.mode;
    if (value === undefined) continue;
    const origin: ValueOrigin = {
      kind: "PeerAuthentication",
      namespace: metadata.namespace ?? "",
      name: metadata.name,
      attachedTo: ofPort === undefined ? attachedTo : "Port",
    };
    return { value, origin };
  }
  return null;
}
