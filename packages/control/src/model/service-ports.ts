// The ports of a service, the protocol spoken on each, and which port of a workload or slice stands
// behind it (design section 5, "Services and ports").

import type { EndpointSlice, Service, Workload, WorkloadPort } from "@weft/api";
import { membersOf } from "./membership.ts";
import type { Model, ObjectKey } from "./model.ts";
import { declaredProtocol, type Protocol, undeclaredProtocol } from "./protocol.ts";

export interface ServicePort {
  /** "" when the service's only port has no name. */
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** A name, a number, or null when none is written. */
  readonly targetPort: string | number | null;
}

/** A service of the mesh: all but those that only stand for a DNS name. */
export function meshServiceAt(model: Model, key: ObjectKey): Service | undefined {
  const service = model.objects.Service.get(key);
  return service?.spec.type === "ExternalName" ? undefined : service;
}

/** The service's TCP ports in the order written; datagrams are not the mesh's. */
export function servicePortsOf(model: Model, service: Service): ServicePort[] {
  const ports: ServicePort[] = [];
  let members: Workload[] | null = null;
  for (const { name = "", port, protocol, appProtocol, targetPort } of service.spec.ports ?? []) {
    if (protocol !== undefined && protocol !== "TCP") continue;
    const reached = targetPort === undefined || targetPort === "" ? null : targetPort;
    const half = { name, port, targetPort: reached };
    let spoken = declaredProtocol(name, appProtocol);
    if (spoken === null) {
      members ??= membersOf(model, service);
      spoken = memberProtocol(half, members);
    }
    ports.push({ ...half, protocol: spoken });
  }
  return ports;
}

/** Whether the Service itself says what each of its ports speaks. */
export function declaresProtocols(service: Service): boolean {
  return (service.spec.ports ?? []).every(
    ({ name = "", appProtocol }) => declaredProtocol(name, appProtocol) !== null,
  );
}

/** The workload's port that a service port reaches, or null: then it is no endpoint of it. */
export function workloadPortFor(
  servicePort: Pick<ServicePort, "name" | "port" | "targetPort">,
  workload: Workload,
): WorkloadPort | null {
  const ports = workload.spec.ports ?? [];
  const { name, port, targetPort } = servicePort;
  if (targetPort !== null) {
    const isNumber = typeof targetPort === "number";
    return ports.find((p) => (isNumber ? p.port : p.name) === targetPort) ?? null;
  }
  const sameName = name === "" ? undefined : ports.find((p) => p.name === name);
  const only = ports.length === 1 ? ports[0] : undefined;
  return sameName ?? ports.find((p) => p.port === port) ?? only ?? null;
}

/**
 * The port number of a slice that a service port reaches; slices name ports as the Service does.
 */
export function slicePortFor(servicePort: ServicePort, slice: EndpointSlice): number | null {
  const ports = (slice.ports ?? []).filter((p) => (p.protocol ?? "TCP") === "TCP");
  const sameName = ports.find((p) => (p.name ?? "") === servicePort.name);
  const only = ports.length === 1 && (ports[0]?.name ?? "") === "" ? ports[0] : undefined;
  return (sameName ?? only)?.port ?? null;
}

/** The protocol of a workload's own port. */
export function workloadProtocol(port: WorkloadPort): Protocol {
  return declaredProtocol("", port.protocol ?? "HTTP") ?? "tcp";
}

/** What the first workload with such a port declares; where there is none, the number says. */
function memberProtocol(
  port: Pick<ServicePort, "name" | "port" | "targetPort">,
  members: readonly Workload[],
): Protocol {
  for (const workload of members) {
    const own = workloadPortFor(port, workload);
    if (own !== null) return workloadProtocol(own);
  }
  return undeclaredProtocol(port.port);
}
