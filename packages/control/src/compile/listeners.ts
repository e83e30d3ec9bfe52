// The listeners of a proxy: one outbound, the same for everyone in a namespace, and one inbound for
// each declared port of its workload (design section 5, "Inbound").

import type { MtlsMode, ProxyProtocolVersion, Workload, WorkloadPort } from "@weft/api";
import { VERSION_LABEL } from "@weft/api";
import { typeUrls } from "@weft/xds";
import { TrafficDirection } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import {
  type Filter,
  FilterChain,
  type ListenerFilter,
} from "@weft/xds/messages/envoy/config/listener/v3/listener_components.js";
import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import {
  Route,
  RouteAction,
  VirtualHost,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { Router } from "@weft/xds/messages/envoy/extensions/filters/http/router/v3/router.js";
import { TlsInspector } from "@weft/xds/messages/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.js";
import {
  HttpConnectionManager,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
} from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { TcpProxy } from "@weft/xds/messages/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js";
import { serviceNameOf, servicesOf } from "../model/membership.ts";
import type { Model } from "../model/model.ts";
import type { Protocol } from "../model/protocol.ts";
import { workloadProtocol } from "../model/service-ports.ts";
import { compileInboundCluster, idleTimeoutMs, settingsFor } from "./clusters.ts";
import { forwardFilter } from "./forward-proxy.ts";
import { compileMatch } from "./http-match.ts";
import { acceptedProxiesOf, modeOf } from "./mtls-mode.ts";
import { BUNDLE_SECRET, inboundName, OUTBOUND_LISTENER, routeTableName } from "./names.ts";
import { type CompiledResource, compiledResource, type ResourceRef } from "./resource.ts";
import type { TableKey } from "./route-table.ts";
import { duration, fromAds, socketAddress, typed, weftMetadata } from "./typed-config.ts";
import { downstreamTls } from "./upstream-tls.ts";

/** What one workload's proxy runs on the way in. */
export interface CompiledInbound {
  readonly listeners: readonly CompiledResource[];
  readonly clusters: readonly CompiledResource[];
}

export const OUTBOUND_PORT = 15_001;
const NETWORK_FILTERS = "envoy.extensions.filters.network";
const HCM = `${NETWORK_FILTERS}.http_connection_manager.v3.HttpConnectionManager`;

export function compileOutboundListener({ client, namespace, port }: TableKey): CompiledResource {
  const routes = routeTableName(namespace);
  const defaults = managerDefaults("outbound");
  const manager = HttpConnectionManager.fromPartial({
    ...defaults,
    // Without leave for CONNECT Envoy answers 403 where a route has an answer of its own.
    ...(client === "envoy" && {
      httpFilters: [forwardFilter(), ...defaults.httpFilters],
      upgradeConfigs: [...defaults.upgradeConfigs, { upgradeType: "CONNECT" }],
    }),
    routeSpecifier: { $case: "rds", rds: { configSource: fromAds, routeConfigName: routes } },
  });
  const listener = Listener.fromPartial({
    name: OUTBOUND_LISTENER,
    address: socketAddress("127.0.0.1", port),
    statPrefix: "outbound",
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [{ filters: [managerFilter(manager)] }],
  });
  const refs = [{ typeUrl: typeUrls.route, name: routes }];
  const bytes = Listener.encode(listener).finish();
  return compiledResource(typeUrls.listener, OUTBOUND_LISTENER, bytes, refs);
}

/** One listener and one cluster for each port that the sidecar has a port for. */
export function compileInbound(model: Model, workload: Workload): CompiledInbound {
  const listeners: CompiledResource[] = [];
  const clusters: CompiledResource[] = [];
  for (const port of workload.spec.ports ?? []) {
    if (port.meshPort === undefined) continue;
    listeners.push(compileInboundListener(model, workload, port, port.meshPort));
    const protocol = workloadProtocol(port);
    const name = inboundName(port.name);
    const announced = protocol === "tcp" ? announcedOf(model, workload) : null;
    clusters.push(compileInboundCluster(name, port.port, protocol, announced));
  }
  return { listeners, clusters };
}

function compileInboundListener(
  model: Model,
  workload: Workload,
  port: WorkloadPort,
  meshPort: number,
): CompiledResource {
  const name = inboundName(port.name);
  const mode = modeOf(model, workload, port).value;
  const proxies = acceptedProxiesOf(model, workload, port);
  const protocol = workloadProtocol(port);
  const idleMs = idleOf(model, workload, protocol === "tcp" ? "tcp" : "http");
  const filter = (isTls: boolean): Filter =>
    protocol === "tcp" ? tcpFilter(name, idleMs) : inboundHttpFilter(name, idleMs, isTls);
  const listener = Listener.fromPartial({
    name,
    address: socketAddress(workload.spec.address, meshPort),
    statPrefix: `inbound.${port.name}`,
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: chainsFor(mode, protocol, filter),
    ...detection(mode, protocol),
    metadata: weftMetadata({
      mode,
      service: serviceNameOf(model, workload),
      namespace: workload.metadata.namespace ?? "",
      version: workload.metadata.labels?.[VERSION_LABEL] ?? "",
      port: port.port,
      protocol,
      ...(proxies !== null && { proxyProtocolFrom: [...proxies] }),
    }),
  });
  const refs: ResourceRef[] = [{ typeUrl: typeUrls.cluster, name }];
  if (mode !== "Disable") refs.push({ typeUrl: typeUrls.secret, name: BUNDLE_SECRET });
  return compiledResource(typeUrls.listener, name, Listener.encode(listener).finish(), refs);
}

/** What the program wants to be told first; the oldest of its services that say so. */
function announcedOf(model: Model, workload: Workload): ProxyProtocolVersion | null {
  for (const service of servicesOf(model, workload)) {
    const own = { service, portName: "", port: 0 };
    const { value } = settingsFor(model, own, own).cluster.proxyProtocol;
    if (value !== null) return value;
  }
  return null;
}

/**
 * The longest of the services that select the workload: callers cut what takes too long for them.
 */
function idleOf(model: Model, workload: Workload, protocol: "http" | "tcp"): number {
  const timesMs = servicesOf(model, workload).map((service) => {
    const own = { service, portName: "", port: 0 };
    return idleTimeoutMs(settingsFor(model, own, own).cluster, protocol);
  });
  if (timesMs.includes(0)) return 0;
  return timesMs.length === 0 ? (protocol === "tcp" ? 3_600_000 : 300_000) : Math.max(...timesMs);
}

/** Strict takes TLS alone, Permissive both, Disable offers none. */
function chainsFor(
  mode: MtlsMode,
  protocol: Protocol,
  filter: (isTls: boolean) => Filter,
): FilterChain[] {
  const tls = FilterChain.fromPartial({
    name: "tls",
    filterChainMatch: { transportProtocol: "tls" },
    filters: [filter(true)],
    transportSocket: downstreamTls(protocol),
  });
  const plain = FilterChain.fromPartial({ name: "plain", filters: [filter(false)] });
  if (mode === "Strict") return [tls];
  return mode === "Disable" ? [plain] : [tls, plain];
}

/** Envoy counts what came in plaintext apart. */
function inboundHttpFilter(name: string, idleMs: number, isTls: boolean): Filter {
  const action = RouteAction.fromPartial({
    clusterSpecifier: { $case: "cluster", cluster: name },
    timeout: duration(0),
    idleTimeout: duration(idleMs),
  });
  const route = Route.fromPartial({ name: "default", match: compileMatch({}) });
  route.action = { $case: "route", route: action };
  const host = VirtualHost.fromPartial({ name, domains: ["*"] });
  host.routes = [route];
  const routeConfig = RouteConfiguration.fromPartial({ name });
  routeConfig.virtualHosts = [host];
  const manager = HttpConnectionManager.fromPartial({
    ...managerDefaults(isTls ? name : `${name}/plain`),
    forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
    setCurrentClientCertDetails: { uri: true },
  });
  manager.routeSpecifier = { $case: "routeConfig", routeConfig };
  return managerFilter(manager);
}

function tcpFilter(name: string, idleMs: number): Filter {
  const proxy = TcpProxy.fromPartial({
    statPrefix: name,
    clusterSpecifier: { $case: "cluster", cluster: name },
    idleTimeout: duration(idleMs),
  });
  return tcpProxyFilter(proxy);
}

export function tcpProxyFilter(proxy: TcpProxy): Filter {
  const type = `${NETWORK_FILTERS}.tcp_proxy.v3.TcpProxy`;
  return filterOf("envoy.filters.network.tcp_proxy", typed(type, TcpProxy.encode(proxy)));
}

/** An HTTP listener whose routes are a table. */
export function routedFilter(statPrefix: string, routeConfigName: string): Filter {
  const manager = HttpConnectionManager.fromPartial({
    ...managerDefaults(statPrefix),
    routeSpecifier: { $case: "rds", rds: { configSource: fromAds, routeConfigName } },
  });
  return managerFilter(manager);
}

function managerDefaults(statPrefix: string) {
  const router = typed(
    "envoy.extensions.filters.http.router.v3.Router",
    // Programs see the same headers whichever proxy is beside them.
    Router.encode(Router.fromPartial({ suppressEnvoyHeaders: true })),
  );
  return {
    statPrefix,
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    // What is matched and what is forwarded is the same spelling (http-cases H28).
    normalizePath: true,
    mergeSlashes: true,
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST,
    httpFilters: [
      {
        name: "envoy.filters.http.router",
        configType: { $case: "typedConfig" as const, typedConfig: router },
      },
    ],
    upgradeConfigs: [{ upgradeType: "websocket" }],
  };
}

function managerFilter(manager: HttpConnectionManager): Filter {
  const config = typed(HCM, HttpConnectionManager.encode(manager));
  return filterOf("envoy.filters.network.http_connection_manager", config);
}

function filterOf(name: string, typedConfig: ReturnType<typeof typed>): Filter {
  return { name, configType: { $case: "typedConfig", typedConfig } };
}

const SILENCE_MS = 250;

/** Where both chains stand, a TCP server may speak first: silence counts as plaintext. */
function detection(mode: MtlsMode, protocol: Protocol): Partial<Listener> {
  if (mode === "Disable") return {};
  const listenerFilters = [tlsInspector()];
  if (mode === "Strict" || protocol !== "tcp") return { listenerFilters };
  return {
    listenerFilters,
    listenerFiltersTimeout: duration(SILENCE_MS),
    continueOnListenerFiltersTimeout: true,
  };
}

function tlsInspector(): ListenerFilter {
  const type = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
  const typedConfig = typed(type, TlsInspector.encode(TlsInspector.fromPartial({})));
  return {
    name: "envoy.filters.listener.tls_inspector",
    configType: { $case: "typedConfig", typedConfig },
    filterDisabled: undefined,
  };
}
