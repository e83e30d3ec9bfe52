// What the Gateway API demands of a Gateway beyond its schema (there written as CEL, here as code).

import type { Reporter } from "./field-error.ts";
import { isIpAddress } from "./format.ts";
import type { GatewayInfrastructure, GatewayListener, GatewayListenerTls } from "./gateway.ts";
import { hostnameRegex, patternSentence, SUBDOMAIN } from "./name.ts";

const KEY_PATTERN = new RegExp(`^(${SUBDOMAIN}/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$`);
const PREFIX_CHARACTERS_MAX = 252;

interface Address {
  type?: string;
  value?: string;
}

export function checkAddress(address: Address, report: Reporter): void {
  const { type = "IPAddress", value } = address;
  if (value === undefined) return;
  if (type === "IPAddress" && !isIpAddress(value)) {
    report.invalid("value", value, "must be a valid IP address");
  }
  if (type === "Hostname" && !hostnameRegex.test(value)) {
    report.invalid("value", value, patternSentence(hostnameRegex.source));
  }
}

/** IP addresses and host names each stand in the list once. */
export function checkAddresses(addresses: readonly Address[], report: Reporter): void {
  const seen = new Set<string>();
  addresses.forEach(({ type = "IPAddress", value }, index) => {
    if (value === undefined || (type !== "IPAddress" && type !== "Hostname")) return;
    const key = `${type}/${value}`;
    if (seen.has(key)) report.duplicate(`[${index}].value`, value);
    seen.add(key);
  });
}

export function checkListenerTls(tls: GatewayListenerTls, report: Reporter): void {
  const { mode, certificateRefs = [], options = {} } = tls;
  if (mode !== "Terminate") return;
  if (certificateRefs.length > 0 || Object.keys(options).length > 0) return;
  report.required("certificateRefs", "mode Terminate needs certificateRefs or options");
}

const WITHOUT_TLS: readonly string[] = ["HTTP", "TCP", "UDP"];
const WITHOUT_HOSTNAME: readonly string[] = ["TCP", "UDP"];

export function checkListeners(listeners: readonly GatewayListener[], report: Reporter): void {
  const seen = new Set<string>();
  listeners.forEach((listener, index) => {
    const at = report.at(index);
    const { protocol, tls, hostname, port } = listener;
    if (WITHOUT_TLS.includes(protocol) && tls !== undefined) {
      at.forbidden("tls", `protocol ${protocol} has no TLS`);
    }
    if (protocol === "HTTPS" && tls !== undefined && tls.mode !== "Terminate") {
      at.invalid("tls.mode", tls.mode, "must be Terminate for protocol HTTPS");
    }
    if (protocol === "TLS" && tls?.mode === undefined) {
      at.required("tls.mode", "protocol TLS needs a mode");
    }
    if (WITHOUT_HOSTNAME.includes(protocol) && hostname !== undefined && hostname !== "") {
      at.forbidden("hostname", `protocol ${protocol} has no host names`);
    }
    const key = JSON.stringify([port, protocol, hostname ?? null]);
    if (seen.has(key)) {
      report.duplicate(`[${index}]`, {
        port,
        protocol,
        ...(hostname === undefined ? {} : { hostname }),
      });
    }
    seen.add(key);
  });
}

export function checkInfrastructure(value: GatewayInfrastructure, report: Reporter): void {
  checkKeys(value.labels, report.at("labels"));
  checkKeys(value.annotations, report.at("annotations"));
}

function checkKeys(values: Readonly<Record<string, string>> | undefined, report: Reporter): void {
  for (const key of Object.keys(values ?? {})) {
    if (!KEY_PATTERN.test(key)) {
      report.invalid(
        "",
        key,
        "must be a name of at most 63 characters with an optional domain and '/' before it",
      );
    }
    if ((key.split("/")[0] ?? "").length > PREFIX_CHARACTERS_MAX) {
      report.invalid(
        "",
        key,
        `the part before '/' must have at most ${PREFIX_CHARACTERS_MAX} characters`,
      );
    }
  }
}
