// What a question about the mesh's own names is answered with (RFC 1035, RFC 2782; the names of
// design section 5 and of Kubernetes' DNS specification). Pure: where a name leads is asked of the
// `ZoneView`, what is no name of ours is left to the forwarder.

import type { NamedEndpoint, NamedService } from "@weft/proxy";
import { isIPv4, isIPv6 } from "@weft/runtime";
import type { Answer, SrvAnswer, TxtAnswer } from "dns-packet";

export interface ZoneView {
  /** Cluster DNS domain, `cluster.local`. */
  readonly domain: string;
  findService(name: string): NamedService | null;
  endpointsOf(service: NamedService): readonly NamedEndpoint[];
  /** Addresses that stand for a service; empty when there is none to be had. */
  addressesOf(service: NamedService): readonly string[];
  /** Whose address it is; null: nobody's. */
  serviceAt(address: string): { readonly service: string; readonly namespace: string } | null;
  /** Seconds an answer may be kept, by what it says of which name. */
  ttlSeconds(name: string, content: string): number;
}

export interface ZoneAnswer {
  readonly answers: readonly Answer[];
  readonly additionals: readonly Answer[];
  /** The name does not exist at all; otherwise an empty answer is "no data of that type". */
  readonly isMissing: boolean;
  /** Of the zone, for the SOA that lets a negative answer be cached (RFC 2308). */
  readonly zone: string;
}

/** The addresses of the names' own zones, reversed. */
const reverseSuffixes = [".in-addr.arpa", ".ip6.arpa"] as const;

/** Null: not a name of the mesh. `name` is lower case without the last dot. */
export function answerFrom(view: ZoneView, name: string, type: string): ZoneAnswer | null {
  const zone = zoneOf(view, name);
  const service = view.findService(name);
  if (service !== null) return answerService(view, name, type, service, zone ?? "mesh");
  const srv = srvName(name);
  if (srv !== null) {
    const of = view.findService(srv.service);
    if (of !== null) return answerSrv(view, name, type, of, srv, zone ?? "mesh");
  }
  const endpoint = endpointOf(view, name);
  if (endpoint !== null) {
    return found(addressRecords(view, name, type, [endpoint.address]), zone ?? "mesh");
  }
  const reverse = reverseSuffixes.some((suffix) => name.endsWith(suffix));
  if (reverse) return answerReverse(view, name, type);
  if (zone === null) return null;
  return { answers: [], additionals: [], isMissing: !isBetween(name, zone, srv !== null), zone };
}

/** The zone that Weft alone speaks for, or null. */
function zoneOf(view: ZoneView, name: string): string | null {
  for (const zone of ["mesh", `svc.${view.domain}`]) {
    if (name === zone || name.endsWith(`.${zone}`)) return zone;
  }
  return null;
}

/** The zone itself and a namespace have names below them: they exist without having data. */
function isBetween(name: string, zone: string, isSrv: boolean): boolean {
  if (name === zone) return true;
  const labels = name.slice(0, -zone.length - 1).split(".");
  return labels.length === 1 && !isSrv;
}

function answerService(
  view: ZoneView,
  name: string,
  type: string,
  service: NamedService,
  zone: string,
): ZoneAnswer {
  if (type === "TXT") return found([textRecord(view, name, service)], zone);
  if (type === "SRV") return answerSrv(view, name, type, service, null, zone);
  const addresses = service.isHeadless
    ? view.endpointsOf(service).map(({ address }) => address)
    : view.addressesOf(service);
  return found(addressRecords(view, name, type, addresses), zone);
}

interface SrvName {
  /** Name of a port, without its underscore. */
  readonly port: string;
  readonly transport: string;
  readonly service: string;
}

/** `_http._tcp.catalog.shop…`. */
function srvName(name: string): SrvName | null {
  const match = /^_([^.]+)\._(tcp|udp)\.(.+)$/.exec(name);
  if (match === null) return null;
  return { port: match[1] ?? "", transport: match[2] ?? "", service: match[3] ?? "" };
}

/** One record for each port, or, headless, for each port and endpoint. */
function answerSrv(
  view: ZoneView,
  name: string,
  type: string,
  service: NamedService,
  asked: SrvName | null,
  zone: string,
): ZoneAnswer {
  const ports = service.ports.filter(
    (port) =>
      asked === null ||
      (asked.transport === "tcp" && (port.name === asked.port || port.protocol === asked.port)),
  );
  if (ports.length === 0) return { answers: [], additionals: [], isMissing: true, zone };
  if (type !== "SRV" && type !== "ANY") return found([], zone);
  const base = `${service.service}.${service.namespace}.svc.${view.domain}`;
  const targets = service.isHeadless
    ? view
        .endpointsOf(service)
        .map((one) => ({ name: `${one.workload}.${base}`, at: [one.address] }))
    : [{ name: base, at: view.addressesOf(service) }];
  const content = JSON.stringify([ports, targets]);
  const ttl = view.ttlSeconds(name, content);
  const answers: SrvAnswer[] = [];
  for (const target of targets) {
    for (const { port } of ports) {
      const data = { priority: 0, weight: 1, port, target: target.name };
      answers.push({ type: "SRV", name, ttl, data });
    }
  }
  const additionals = targets.flatMap((target) =>
    ["A", "AAAA"].flatMap((each) => addressRecords(view, target.name, each, target.at)),
  );
  return { answers, additionals, isMissing: false, zone };
}

/** `catalog-kvtqz.catalog.shop.svc.cluster.local`: one endpoint of a service. */
function endpointOf(view: ZoneView, name: string): NamedEndpoint | null {
  const dot = name.indexOf(".");
  if (dot < 0) return null;
  const service = view.findService(name.slice(dot + 1));
  if (service === null) return null;
  const workload = name.slice(0, dot);
  return view.endpointsOf(service).find((one) => one.workload === workload) ?? null;
}

function answerReverse(view: ZoneView, name: string, type: string): ZoneAnswer | null {
  const address = reversedAddress(name);
  const service = address === null ? null : view.serviceAt(address);
  if (service === null) return null;
  const data = `${service.service}.${service.namespace}.svc.${view.domain}`;
  const zone = name.endsWith(".ip6.arpa") ? "ip6.arpa" : "in-addr.arpa";
  if (type !== "PTR" && type !== "ANY") return found([], zone);
  return found([{ type: "PTR", name, ttl: view.ttlSeconds(name, data), data }], zone);
}

/** The address that a reverse name spells, in the form Node prints it; null when it is none. */
export function reversedAddress(name: string): string | null {
  if (name.endsWith(".in-addr.arpa")) {
    const address = name.slice(0, -".in-addr.arpa".length).split(".").reverse().join(".");
    return isIPv4(address) ? address : null;
  }
  const digits = name.slice(0, -".ip6.arpa".length).split(".").reverse().join("");
  if (!/^[0-9a-f]{32}$/.test(digits)) return null;
  const groups = digits.match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function addressRecords(
  view: ZoneView,
  name: string,
  type: string,
  addresses: readonly string[],
): Answer[] {
  const ttl = view.ttlSeconds(name, addresses.join(" "));
  const wantsV4 = type === "A" || type === "ANY";
  const wantsV6 = type === "AAAA" || type === "ANY";
  const records: Answer[] = [];
  for (const data of new Set(addresses)) {
    if (wantsV4 && isIPv4(data)) records.push({ type: "A", name, ttl, data });
    else if (wantsV6 && isIPv6(data)) records.push({ type: "AAAA", name, ttl, data });
  }
  return records;
}

function textRecord(view: ZoneView, name: string, service: NamedService): TxtAnswer {
  const data = [
    `service=${service.service}`,
    `namespace=${service.namespace}`,
    ...service.ports.map(({ name: portName, port, protocol }) => {
      return `port=${port} protocol=${protocol}${portName === "" ? "" : ` name=${portName}`}`;
    }),
  ];
  return { type: "TXT", name, ttl: view.ttlSeconds(name, data.join()), data };
}

function found(answers: readonly Answer[], zone: string): ZoneAnswer {
  return { answers, additionals: [], isMissing: false, zone };
}
