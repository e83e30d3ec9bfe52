// What a registration means: its checks, and the objects it asks for (design section 5, "Services
// and ports", "Life of weft run"). Pure.

import {
  dnsLabelError,
  isIpAddress,
  labelValueError,
  qualifiedNameError,
  REGISTERED_ANNOTATION,
  SERVICE_LABEL,
  type Service,
  type ServicePort,
  serviceNameError,
  type Workload,
} from "@weft/api";
import type { Random } from "@weft/runtime";
import type { Register, WorkloadPort } from "@weft/xds/messages/weft/v1/agent.js";
import { isNamespaceName, isObjectName } from "../ca/spiffe-id.ts";

/** What `weft.dev/registered` says of workloads written here. */
export const registeredByAgent = "agent";

const protocols: ReadonlySet<string> = new Set(["http", "http2", "grpc", "tcp"]);
/** As generated names in Kubernetes: no vowels, so no words. */
const letters = "bcdfghjklmnpqrstvwxz";

/**
 * The first thing that cannot be right, as a sentence that names the field; null when all is well.
 */
export function registrationProblem(register: Register): string | null {
  const quoted = (text: string): string => JSON.stringify(text);
  if (!isNamespaceName(register.namespace)) {
    return `namespace ${quoted(register.namespace)} is not the name of a namespace`;
  }
  if (!isObjectName(register.serviceAccount)) {
    return `service account ${quoted(register.serviceAccount)} is not a name`;
  }
  if (register.workload !== "" && !isObjectName(register.workload)) {
    return `workload ${quoted(register.workload)} is not a name`;
  }
  if (register.service !== "" && serviceNameError(register.service) !== null) {
    return `service ${quoted(register.service)} is not the name of a service`;
  }
  if (register.address !== "" && !isIpAddress(register.address)) {
    return `address ${quoted(register.address)} is not an IP address`;
  }
  for (const [key, value] of Object.entries(register.labels)) {
    const error = qualifiedNameError(key) ?? labelValueError(value);
    if (error !== null) return `label ${quoted(key)}: ${error}`;
  }
  if (register.service === "" && register.ports.length > 0) {
    return "ports are declared, but no service";
  }
  return portsProblem(register.ports);
}

export function workloadName(register: Register, random: Random): string {
  if (register.workload !== "") return register.workload;
  const stem = register.service === "" ? register.serviceAccount : register.service;
  let name = `${stem}-`;
  for (let i = 0; i < 5; i++) name += letters[random.integer(letters.length)] ?? "";
  return name;
}

/** The Workload as its agent describes it, without status. */
export function workloadFor(register: Register, name: string, address: string): Workload {
  const { region, zone } = register;
  const locality = {
    ...(region === "" ? {} : { region }),
    ...(zone === "" ? {} : { zone }),
  };
  return {
    apiVersion: "weft.dev/v1alpha1",
    kind: "Workload",
    metadata: {
      name,
      namespace: register.namespace,
      labels: workloadLabels(register),
      annotations: { [REGISTERED_ANNOTATION]: registeredByAgent },
    },
    spec: {
      serviceAccount: register.serviceAccount,
      address,
      weight: register.weight === 0 ? 100 : register.weight,
      ports: register.ports.map((port) => ({
        name: port.name,
        port: port.port,
        protocol: port.protocol.toUpperCase() as "HTTP" | "HTTP2" | "GRPC" | "TCP",
        ...(port.meshPort === 0 ? {} : { meshPort: port.meshPort }),
      })),
      ...(Object.keys(locality).length === 0 ? {} : { locality }),
    },
  };
}

/** The Service `weft run` makes when there is none; null for a workload that serves nothing. */
export function serviceFor(register: Register): Service | null {
  const [first] = register.ports;
  if (register.service === "" || first === undefined) return null;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: register.service, namespace: register.namespace },
    spec: {
      selector: { [SERVICE_LABEL]: register.service },
      ports: servicePorts(first, register.servicePort === 0 ? first.port : register.servicePort),
    },
  };
}

/** Why the existing Service, which is never changed, does not lead to this workload. */
export function serviceWarnings(service: Service, register: Register): string[] {
  const { name, namespace } = service.metadata;
  const labels = workloadLabels(register);
  const selector = Object.entries(service.spec.selector ?? {});
  const isSelected =
    selector.length > 0 && selector.every(([label, value]) => labels[label] === value);
  if (isSelected) return [];
  const shown = selector.map(([label, value]) => `${label}=${value}`).join(",");
  return [
    `the Service ${namespace ?? ""}/${name} exists and was left as it is; its selector ` +
      `(${shown === "" ? "none" : shown}) does not select this workload`,
  ];
}

/** A sentence when the agent is further away than the versions this control plane serves. */
export function versionWarning(agent: string, own: string): string | null {
  const minorOf = (version: string): number | null => {
    const match = /^(\d+)\.(\d+)\./.exec(version);
    return match === null ? null : Number(match[1]) * 1000 + Number(match[2]);
  };
  const [theirs, ours] = [minorOf(agent), minorOf(own)];
  if (theirs === null || ours === null || Math.abs(theirs - ours) <= 1) return null;
  return `the agent's version ${agent} is more than one minor version away from ${own}`;
}

function servicePorts(port: WorkloadPort, programPort: number): ServicePort[] {
  const { protocol } = port;
  const common = { targetPort: port.name, appProtocol: protocol };
  if (protocol === "tcp") return [{ name: protocol, port: programPort, ...common }];
  const usual = { name: protocol, port: 80, ...common };
  if (programPort === 80) return [usual];
  return [usual, { name: `${protocol}-${programPort}`, port: programPort, ...common }];
}

function workloadLabels(register: Register): Record<string, string> {
  if (register.service === "") return register.labels;
  return { ...register.labels, [SERVICE_LABEL]: register.service };
}

function portsProblem(ports: readonly WorkloadPort[]): string | null {
  const names = new Set<string>();
  for (const port of ports) {
    if (dnsLabelError(port.name) !== null) return `port name ${JSON.stringify(port.name)}`;
    if (names.has(port.name)) return `port ${port.name} is declared twice`;
    names.add(port.name);
    if (!protocols.has(port.protocol)) {
      return `port ${port.name} has the unknown protocol ${JSON.stringify(port.protocol)}`;
    }
    if (port.port < 1 || port.port > 65535) return `port ${port.name} has the number ${port.port}`;
    if (port.meshPort > 65535) return `port ${port.name} has the mesh port ${port.meshPort}`;
  }
  return null;
}
