// EndpointSlice (discovery.k8s.io/v1): addresses behind a Service, written by people or other
// controllers.

import { column } from "./column.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { Reporter } from "./field-error.ts";
import { isIpv4, isIpv6 } from "./format.ts";
import type { KindInfo } from "./kind.ts";
import { dnsLabelError, dnsSubdomainError, labelValueError, qualifiedNameError } from "./name.ts";
import { boolean, choice, integer, list, map, object, type Static, string } from "./schema.ts";

/** The label that says whose addresses they are. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

const endpointConditions = object("Whether the endpoint can be used.", {
  ready: boolean("It takes new requests; absent counts as true."),
  serving: boolean("It answers, even while it is ending."),
  terminating: boolean("It is ending."),
});

const targetReference = object(
  "The object the endpoint stands for.",
  {
    apiVersion: string("API version of the object."),
    kind: string("Kind of the object."),
    namespace: string("Namespace of the object."),
    name: string("Name of the object."),
    uid: string("UID of the object."),
    resourceVersion: string("Revision of the object."),
    fieldPath: string("A field within the object."),
  },
  { atomic: true },
);

const hintZone = object("A zone.", { name: string("Its name.") }, { required: ["name"] });
const hintNode = object("A node.", { name: string("Its name.") }, { required: ["name"] });

const endpoint = object(
  "One endpoint and its addresses.",
  {
    addresses: list(
      "Its addresses; all reach the same endpoint, and callers use the first.",
      string(""),
      {
        listType: "set",
        minItems: 1,
        maxItems: 100,
      },
    ),
    conditions: endpointConditions,
    hostname: string("Its host name: a DNS label."),
    targetRef: targetReference,
    deprecatedTopology: map("Topology of the beta version; kept, not used.", string("")),
    nodeName: string("The node it runs on."),
    zone: string("The zone it runs in."),
    hints: object("Where its callers should be.", {
      forZones: list("Zones that should use it.", hintZone, { maxItems: 8 }),
      forNodes: list("Nodes that should use it.", hintNode, { maxItems: 8 }),
    }),
  },
  { required: ["addresses"] },
);

const port = object(
  "One port of every endpoint of the slice.",
  {
    name: string("Its name: empty or a DNS label, unique in the slice."),
    protocol: choice("Its transport.", ["TCP", "UDP", "SCTP"], { default: "TCP" }),
    port: integer("Its number; absent means every port."),
    appProtocol: string("Its application protocol, e.g. http or kubernetes.io/h2c."),
  },
  { atomic: true },
);

export type Endpoint = Static<typeof endpoint>;

const schema = kindSchema(
  "discovery.k8s.io/v1",
  "EndpointSlice",
  "Some of the endpoints behind a Service, all of one address family.",
  {
    addressType: choice("What every address is; it cannot change.", ["IPv4", "IPv6", "FQDN"]),
    endpoints: list("The endpoints.", endpoint, { maxItems: 1000 }),
    ports: list("The ports of every endpoint.", port, { maxItems: 20000 }),
  },
  { required: ["addressType", "endpoints"] },
);

export type EndpointSlice = Static<typeof schema>;

export const endpointSliceKind: KindInfo<EndpointSlice> = defineKind({
  schema,
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  namespaced: true,
  isCore: true,
  columns: [
    column("AddressType", "What the addresses are.", (object) => object.addressType),
    column("Ports", "Their ports.", (object) => showSome(portNumbers(object), "<unset>")),
    column("Endpoints", "Their addresses.", (object) => showSome(addressesOf(object), "<unset>")),
  ],
  fillDefaults(object) {
    object.endpoints ??= [];
    for (const one of object.ports ?? []) one.name ??= "";
  },
  check(object, report) {
    object.endpoints.forEach((one, index) => {
      checkEndpoint(one, object.addressType, report.at(`endpoints[${index}]`));
    });
    checkPorts(object.ports ?? [], report.at("ports"));
  },
  checkUpdate(object, previous, report) {
    if (object.addressType !== previous.addressType) {
      report.invalid("addressType", object.addressType, "field is immutable");
    }
  },
});

const addressChecks = {
  IPv4: (address: string) => (isIpv4(address) ? null : "must be an IPv4 address"),
  IPv6: (address: string) => (isIpv6(address) ? null : "must be an IPv6 address"),
  FQDN: (address: string) => dnsSubdomainError(address.replace(/\.$/, "")),
} as const;

function checkEndpoint(
  one: Endpoint,
  addressType: keyof typeof addressChecks,
  report: Reporter,
): void {
  const check = Object.hasOwn(addressChecks, addressType) ? addressChecks[addressType] : null;
  one.addresses.forEach((address, index) => {
    const error = check?.(address) ?? null;
    if (error !== null) report.invalid(`addresses[${index}]`, address, error);
  });
  const hostnameError = one.hostname === undefined ? null : dnsLabelError(one.hostname);
  if (hostnameError !== null) report.invalid("hostname", one.hostname, hostnameError);
  const nodeError = one.nodeName === undefined ? null : dnsSubdomainError(one.nodeName);
  if (nodeError !== null) report.invalid("nodeName", one.nodeName, nodeError);
  (one.hints?.forZones ?? []).forEach((zone, index) => {
    const error = labelValueError(zone.name);
    if (error !== null) report.invalid(`hints.forZones[${index}].name`, zone.name, error);
  });
}

function checkPorts(ports: readonly Static<typeof port>[], report: Reporter): void {
  const names = new Set<string>();
  ports.forEach((one, index) => {
    const name = one.name ?? "";
    if (names.has(name)) report.duplicate(`[${index}].name`, name);
    names.add(name);
    const nameError = name === "" ? null : dnsLabelError(name);
    if (nameError !== null) report.invalid(`[${index}].name`, name, nameError);
    if (one.port !== undefined && (one.port < 1 || one.port > 65535)) {
      report.invalid(`[${index}].port`, one.port, "must be between 1 and 65535, inclusive");
    }
    const protocolError =
      one.appProtocol === undefined ? null : qualifiedNameError(one.appProtocol);
    if (protocolError !== null)
      report.invalid(`[${index}].appProtocol`, one.appProtocol, protocolError);
  });
}

function portNumbers(slice: EndpointSlice): string[] {
  return (slice.ports ?? []).map((one) => (one.port === undefined ? "*" : String(one.port)));
}

function addressesOf(slice: EndpointSlice): string[] {
  return slice.endpoints.flatMap((one) => one.addresses);
}

const SHOWN_MAX = 3;

function showSome(values: readonly string[], none: string): string {
  if (values.length === 0) return none;
  const shown = values.slice(0, SHOWN_MAX).join(",");
  return values.length > SHOWN_MAX ? `${shown} + ${values.length - SHOWN_MAX} more...` : shown;
}
