// The names a service is called by, and the routes behind each of its ports (design section 5,
// "Outbound"). A virtual host is encoded once and spliced into the route tables of every namespace
// that sees it so.

import type { Service } from "@weft/api";
import {
  type Route,
  VirtualHost,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { type Model, type ObjectKey, objectKey } from "../model/model.ts";
import type { Protocol } from "../model/protocol.ts";
import { meshServiceAt, type ServicePort, servicePortsOf } from "../model/service-ports.ts";
import type { ClientClass } from "./client-class.ts";
import { chooseCluster, type ClusterChoice } from "./clusters.ts";
import { routesForEnvoy } from "./envoy-routes.ts";
import { compileHttpRoutes, directRoute } from "./http-routes.ts";
import { DOMAIN, serviceFqdn, servicePortName } from "./names.ts";
import { digestOf } from "./resource.ts";
import { isStreamKind, routesAt } from "./route-parents.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { compileStreamRoutes, tunnelTo } from "./stream-routes.ts";
import { weftMetadata } from "./typed-config.ts";

/** For whom a service's virtual hosts are compiled. */
export interface Audience {
  readonly client: ClientClass;
  /** Callers of this namespace have routes of their own; null: everybody else. */
  readonly consumers: string | null;
}

/** The field of a RouteConfiguration that holds an encoded virtual host. */
export interface HostBytes {
  readonly bytes: Uint8Array;
  readonly digest: string;
}

export interface CompiledVirtualHost {
  readonly name: string;
  /** For callers of other namespaces. */
  readonly foreign: HostBytes;
  /** The same for callers of its own namespace, who may leave the namespace out of the name. */
  readonly own: HostBytes;
  /** Every existing cluster its routes send to. */
  readonly clusters: readonly ClusterChoice[];
}

const HTTP_PORT = 80;

/** One virtual host for each port, and one for every other port that answers 404. */
export function compileVirtualHosts(
  model: Model,
  serviceKey: ObjectKey,
  audience: Audience,
): CompiledVirtualHost[] {
  const service = meshServiceAt(model, serviceKey);
  if (service === undefined) return [];
  const ports = servicePortsOf(model, service);
  const hosts = ports.map((port) => compilePort(model, service, port, audience));
  hosts.push(compileOtherPorts(service, ports));
  return hosts;
}

/** Every form of a service's full name. */
function namesOf(service: Service): string[] {
  const { namespace = "", name } = service.metadata;
  return [
    `${name}.${namespace}`,
    `${name}.${namespace}.mesh`,
    `${name}.${namespace}.svc.${DOMAIN}`,
  ];
}

function compilePort(
  model: Model,
  service: Service,
  port: ServicePort,
  audience: Audience,
): CompiledVirtualHost {
  const { namespace = "", name } = service.metadata;
  const { routes, clusters, protocol } = compileRoutes(model, service, port, audience);
  const host = VirtualHost.fromPartial({
    name: servicePortName(namespace, name, port.port),
    metadata: weftMetadata({ service: name, namespace, port: port.port, protocol }),
  });
  host.routes = audience.client === "envoy" ? routesForEnvoy(routes) : routes;
  const suffixes = port.port === HTTP_PORT ? [`:${HTTP_PORT}`, ""] : [`:${port.port}`];
  return encodeHost(service, host, suffixes, clusters);
}

/** Encoded once without domains; those stand in front, in one form for each kind of caller. */
function encodeHost(
  service: Service,
  host: VirtualHost,
  suffixes: readonly string[],
  clusters: readonly ClusterChoice[],
): CompiledVirtualHost {
  const rest = VirtualHost.encode(host).finish();
  const withDomains = (names: readonly string[]): HostBytes => {
    const writer = new ProtoWriter(rest.length + 512);
    for (const suffix of suffixes) for (const name of names) writer.string(2, name + suffix);
    return hostField(writer.raw(rest).finish());
  };
  const names = namesOf(service);
  return {
    name: host.name,
    foreign: withDomains(names),
    own: withDomains([service.metadata.name, ...names]),
    clusters,
  };
}

/** `virtual_hosts` = 2. */
export function hostField(host: Uint8Array): HostBytes {
  const bytes = new ProtoWriter(host.length + 8).bytes(2, host).finish();
  return { bytes, digest: digestOf(bytes) };
}

interface PortRoutes {
  readonly routes: Route[];
  readonly clusters: readonly ClusterChoice[];
  /** What the port is to its callers. */
  readonly protocol: Protocol;
}

/**
 * A byte stream has routes for CONNECT; so have ports whose protocol the proxy may have to tunnel.
 * Where a port declares nothing, a TCPRoute or TLSRoute says that it is a byte stream.
 */
function compileRoutes(
  model: Model,
  service: Service,
  port: ServicePort,
  audience: Audience,
): PortRoutes {
  const { namespace = "", name } = service.metadata;
  const key = objectKey(namespace, name);
  const held = routesAt(model, key, port, audience.consumers);
  const { protocol } = port;
  if (protocol === "tcp" || isStreamKind(held[0]?.kind ?? "")) {
    const streams = compileStreamRoutes(model, { service, port }, held, audience.client);
    return { ...streams, protocol: "tcp" };
  }
  const compiled = compileHttpRoutes(model, { service, port }, held);
  if (protocol === "http") return { ...compiled, protocol };
  const named = { service: key, portName: port.name, port: port.port };
  const choice = chooseCluster(model, service, port, named);
  return {
    routes: [tunnelTo(choice), ...compiled.routes],
    clusters: [choice, ...compiled.clusters],
    protocol,
  };
}

/** The service exists, the port does not: said with a flag of its own. */
function compileOtherPorts(service: Service, ports: readonly ServicePort[]): CompiledVirtualHost {
  const { namespace = "", name } = service.metadata;
  const listed = ports.map((port) => port.port).join(", ");
  const has = listed === "" ? "it has none" : `it has ${listed}`;
  const body = `service ${name}.${namespace} has no such port; ${has}\n`;
  const host = VirtualHost.fromPartial({
    name: `${serviceFqdn(namespace, name)}:*`,
    routes: [directRoute("no-such-port", 404, body, { flag: "NP" })],
    metadata: weftMetadata({
      service: name,
      namespace,
      port: 0,
      protocol: "",
      // What the agent's DNS answers by.
      headless: service.spec.clusterIP === "None",
      ports: ports.map(({ name: portName, port, protocol }) => ({
        name: portName,
        port,
        protocol,
      })),
    }),
  });
  const hasHttpPort = ports.some((port) => port.port === HTTP_PORT);
  return encodeHost(service, host, hasHttpPort ? [":*"] : [":*", ""], []);
}
