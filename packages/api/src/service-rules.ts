// What Kubernetes demands of a Service beyond its schema.

import type { Reporter } from "./field-error.ts";
import { isIpAddress } from "./format.ts";
import { checkLabels } from "./metadata.ts";
import { dnsLabelError, dnsSubdomainError, qualifiedNameError } from "./name.ts";
import type { ServicePort, ServiceSpec } from "./service.ts";

const PORT_RANGE = "must be between 1 and 65535, inclusive";
const WITHOUT_NODE_PORT = "may not be used when `type` is 'ClusterIP' or 'ExternalName'";
const AFFINITY_SECONDS_MAX = 86_400;

export function checkServiceSpec(spec: ServiceSpec, report: Reporter): void {
  const isExternalName = spec.type === "ExternalName";
  const isHeadless = spec.clusterIP === "None";
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isExternalName && !isHeadless) report.required("ports");
  if (spec.type !== "NodePort" && spec.type !== "LoadBalancer") {
    ports.forEach(({ nodePort = 0 }, index) => {
      if (nodePort !== 0) report.forbidden(`ports[${index}].nodePort`, WITHOUT_NODE_PORT);
    });
  }
  checkLabels(spec.selector, report.at("selector"));
  if (isExternalName) checkExternalName(spec, report);
  else checkClusterIps(spec, report);
  (spec.externalIPs ?? []).forEach((address, index) => {
    if (!isIpAddress(address)) {
      report.invalid(`externalIPs[${index}]`, address, "must be a valid IP address");
    }
  });
  checkSessionAffinity(spec, report);
}

/** The type may change; a cluster IP once set stays, unless the type becomes ExternalName. */
export function checkServiceUpdate(
  spec: ServiceSpec,
  previous: ServiceSpec,
  report: Reporter,
): void {
  const isStill = spec.type !== "ExternalName" && previous.type !== "ExternalName";
  const before = previous.clusterIP ?? "";
  if (isStill && before !== "" && spec.clusterIP !== before) {
    report.invalid("clusterIP", spec.clusterIP ?? "", "field is immutable");
  }
}

/** With several ports each has a name, and no two the same. */
export function checkPortNames(ports: readonly ServicePort[], report: Reporter): void {
  const names = new Set<string>();
  ports.forEach(({ name = "" }, index) => {
    if (name === "" && ports.length > 1) report.required(`[${index}].name`);
    if (name !== "") {
      const error = dnsLabelError(name);
      if (error !== null) report.invalid(`[${index}].name`, name, error);
      else if (names.has(name)) report.duplicate(`[${index}].name`, name);
      names.add(name);
    }
  });
}

export function checkPort(port: ServicePort, report: Reporter): void {
  if (!isPort(port.port)) report.invalid("port", port.port, PORT_RANGE);
  const { targetPort, nodePort, appProtocol } = port;
  if (typeof targetPort === "number" && !isPort(targetPort)) {
    report.invalid("targetPort", targetPort, PORT_RANGE);
  }
  const nameError = typeof targetPort === "string" ? portNameError(targetPort) : null;
  if (nameError !== null) report.invalid("targetPort", targetPort, nameError);
  const protocolError = appProtocol === undefined ? null : qualifiedNameError(appProtocol);
  if (protocolError !== null) report.invalid("appProtocol", appProtocol, protocolError);
  if (nodePort !== undefined && nodePort !== 0 && !isPort(nodePort)) {
    report.invalid("nodePort", nodePort, PORT_RANGE);
  }
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 65535;
}

/** A port's name as IANA has it (RFC 6335 §5.1): at most 15 characters, one of them a letter. */
export function portNameError(name: string): string | null {
  if (name.length === 0 || name.length > 15) return "must have 1 to 15 characters";
  if (!/^[-a-z0-9]+$/.test(name)) return "must hold lower-case letters, digits and '-' only";
  if (!/[a-z]/.test(name)) return "must hold at least one letter";
  if (name.includes("--")) return "must not hold two '-' in a row";
  return /^-|-$/.test(name) ? "must not start or end with '-'" : null;
}

function checkExternalName(spec: ServiceSpec, report: Reporter): void {
  const { externalName = "", clusterIP = "" } = spec;
  if (clusterIP !== "") {
    report.forbidden("clusterIP", "may not be set when `type` is 'ExternalName'");
  }
  if (externalName === "") return report.required("externalName");
  const error = dnsSubdomainError(externalName.replace(/\.$/, ""));
  if (error !== null) report.invalid("externalName", externalName, error);
}

function checkClusterIps(spec: ServiceSpec, report: Reporter): void {
  const { clusterIP = "", clusterIPs = [] } = spec;
  if (clusterIP !== "" && clusterIP !== "None" && !isIpAddress(clusterIP)) {
    report.invalid("clusterIP", clusterIP, "must be empty, 'None', or a valid IP address");
  }
  if (clusterIP === "None" && (spec.type === "NodePort" || spec.type === "LoadBalancer")) {
    report.invalid("clusterIP", clusterIP, `may not be 'None' for type ${spec.type}`);
  }
  if (clusterIPs.length > 0 && clusterIPs[0] !== clusterIP) {
    report.invalid("clusterIPs", clusterIPs, "first value must match `clusterIP`");
  }
  clusterIPs.forEach((address, index) => {
    if (address !== "None" && !isIpAddress(address)) {
      report.invalid(`clusterIPs[${index}]`, address, "must be 'None' or a valid IP address");
    }
  });
}

function checkSessionAffinity(spec: ServiceSpec, report: Reporter): void {
  const settings = spec.sessionAffinityConfig;
  if (spec.sessionAffinity !== "ClientIP") {
    if (settings !== undefined) {
      report.forbidden("sessionAffinityConfig", "must not be set when session affinity is None");
    }
    return;
  }
  const seconds = settings?.clientIP?.timeoutSeconds;
  if (seconds !== undefined && (seconds < 1 || seconds > AFFINITY_SECONDS_MAX)) {
    report.invalid(
      "sessionAffinityConfig.clientIP.timeoutSeconds",
      seconds,
      `must be greater than 0 and less than or equal to ${AFFINITY_SECONDS_MAX}`,
    );
  }
}
