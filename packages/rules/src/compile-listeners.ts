// `Listener` and its filter chains. The built-in proxy tells two kinds of connection apart, by
// their first byte: TLS and anything else; so a listener has at most one chain for each.

import { TrafficDirection } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import type {
  FilterChain,
  ListenerFilter,
} from "@weft/xds/messages/envoy/config/listener/v3/listener_components.js";
import { type AddressRange, parseAddressRange } from "./address-range.ts";
import { compileHttpManager, compileTcpProxy } from "./compile-filters.ts";
import { socketAddress } from "./compile-endpoints.ts";
import { compileDownstreamSocket } from "./compile-tls.ts";
import { durationMs } from "./duration.ts";
import type { Scope } from "./scope.ts";
import { ChainRow, type Direction, ListenerRow, type MtlsMode, protocols } from "./tables.ts";
import { typeName } from "./typed-config.ts";
import { weftMetadata } from "./weft-metadata.ts";

const listenerFields: ReadonlySet<string> = new Set([
  "name",
  "address",
  "statPrefix",
  "filterChains",
  "listenerFilters",
  "listenerFiltersTimeout",
  "continueOnListenerFiltersTimeout",
  "trafficDirection",
  "metadata",
]);

const modes: readonly MtlsMode[] = ["Strict", "Permissive", "Disable"];

/** Null when something was refused. */
export function compileListener(bytes: Uint8Array, scope: Scope): ListenerRow | null {
  const errorsBefore = scope.errorCount;
  const message = Listener.decode(bytes);
  scope.refuseOthers(message, listenerFields);
  const weft = weftMetadata(message.metadata, scope);
  const place = socketAddress(message.address, scope.at("address"));
  refuseListenerFilters(message.listenerFilters, scope);
  const chains = compileChains(message.filterChains, scope);
  const row = new ListenerRow({
    name: message.name,
    direction: directionOf(message, scope),
    address: place?.address ?? "",
    port: place?.port ?? 0,
    mode: weft.oneOf("mode", modes),
    service: weft.text("service"),
    namespace: weft.text("namespace"),
    version: weft.text("version"),
    servicePort: weft.count("port"),
    protocol: weft.oneOf("protocol", protocols),
    proxyProtocolFrom: compileRanges(weft.texts("proxyProtocolFrom"), scope),
    ...chains,
    detectionTimeoutMs: durationMs(
      message.listenerFiltersTimeout,
      null,
      scope.at("listener_filters_timeout"),
    ),
    goesOnUndetected: message.continueOnListenerFiltersTimeout,
  });
  weft.finish();
  return scope.errorCount > errorsBefore ? null : row;
}

function compileRanges(
  texts: readonly string[] | null,
  scope: Scope,
): readonly AddressRange[] | null {
  if (texts === null) return null;
  const ranges: AddressRange[] = [];
  for (const [i, text] of texts.entries()) {
    const range = parseAddressRange(text);
    if (range !== null) ranges.push(range);
    else scope.item("proxyProtocolFrom", i).refuse(`${text} is no range of addresses`);
  }
  return ranges;
}

function directionOf(message: Listener, scope: Scope): Direction {
  switch (message.trafficDirection) {
    case TrafficDirection.INBOUND:
      return "inbound";
    case TrafficDirection.OUTBOUND:
      return "outbound";
    default:
      scope.at("traffic_direction").refuse("must be INBOUND or OUTBOUND");
      return "outbound";
  }
}

const inspector = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";

/** Telling TLS from other bytes is what the built-in proxy does anyway. */
function refuseListenerFilters(filters: readonly ListenerFilter[], scope: Scope): void {
  for (const [i, filter] of filters.entries()) {
    const config =
      filter.configType?.$case === "typedConfig" ? filter.configType.typedConfig : undefined;
    if (typeName(config) === inspector) continue;
    scope
      .item("listener_filters", i)
      .refuse(`${filter.name} is not supported by the built-in proxy`);
  }
}

interface Chains {
  readonly tlsChain: ChainRow | null;
  readonly plainChain: ChainRow | null;
}

function compileChains(messages: readonly FilterChain[], scope: Scope): Chains {
  const byProtocol = new Map<string, ChainRow>();
  for (const [i, message] of messages.entries()) {
    const at = scope.item("filter_chains", i);
    const protocol = message.filterChainMatch?.transportProtocol ?? "";
    const row = compileChain(message, at);
    if (!["", "tls", "raw_buffer"].includes(protocol)) {
      at.at("filter_chain_match").refuse(`transport protocol ${protocol} is not known`);
    } else if (byProtocol.has(protocol)) {
      at.at("filter_chain_match").refuse("matches the same connections as another chain");
    }
    if (row !== null) byProtocol.set(protocol, row);
  }
  if (messages.length === 0) scope.at("filter_chains").refuse("is empty");
  // A chain without a match takes what no other does; with TLS of its own it takes TLS alone.
  const any = byProtocol.get("") ?? null;
  const isTls = any !== null && any.tls !== null;
  return {
    tlsChain: byProtocol.get("tls") ?? (isTls ? any : null),
    plainChain: byProtocol.get("raw_buffer") ?? (isTls ? null : any),
  };
}

const chainFields: ReadonlySet<string> = new Set([
  "filterChainMatch",
  "filters",
  "transportSocket",
  "name",
]);

const manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const tcpProxy = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

function compileChain(message: FilterChain, scope: Scope): ChainRow | null {
  scope.refuseOthers(message, chainFields);
  if (message.filterChainMatch !== undefined) {
    const at = scope.at("filter_chain_match");
    at.refuseOthers(message.filterChainMatch, new Set(["transportProtocol"]));
  }
  const tls = compileDownstreamSocket(message.transportSocket, scope.at("transport_socket"));
  const filter = message.filters[0];
  if (filter === undefined || message.filters.length > 1) {
    return scope.at("filters").refuse("must be one HTTP connection manager or one TCP proxy");
  }
  const config =
    filter.configType?.$case === "typedConfig" ? filter.configType.typedConfig : undefined;
  const at = scope.item("filters", 0);
  const { name } = message;
  switch (typeName(config)) {
    case manager: {
      const http = compileHttpManager(config?.value ?? new Uint8Array(0), at);
      return new ChainRow({ name, tls, http, tcp: null });
    }
    case tcpProxy: {
      const tcp = compileTcpProxy(config?.value ?? new Uint8Array(0), at);
      return new ChainRow({ name, tls, http: null, tcp });
    }
    default:
      return at.refuse(`${filter.name} is not supported by the built-in proxy`);
  }
}
