// The two network filters: `HttpConnectionManager` and `TcpProxy`.

import {
  HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails as ForwardDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
  type HttpFilter,
} from "@weft/xds/messages/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js";
import { TcpProxy } from "@weft/xds/messages/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js";
import { compileInlineRoutes } from "./compile-routes.ts";
import { limitMs } from "./duration.ts";
import type { Scope } from "./scope.ts";
import { type ClientCertificateHeader, HttpRow, TcpRow, WeightedClusterRow } from "./tables.ts";
import { typeName } from "./typed-config.ts";

const managerFields: ReadonlySet<string> = new Set([
  "codecType",
  "statPrefix",
  "routeSpecifier",
  "httpFilters",
  "commonHttpProtocolOptions",
  "streamIdleTimeout",
  "requestTimeout",
  "requestHeadersTimeout",
  "maxRequestHeadersKb",
  "upgradeConfigs",
  "forwardClientCertDetails",
  "setCurrentClientCertDetails",
  "normalizePath",
  "mergeSlashes",
  "pathWithEscapedSlashesAction",
  "serverHeaderTransformation",
  "generateRequestId",
  "preserveExternalRequestId",
]);

const commonFields: ReadonlySet<string> = new Set(["idleTimeout", "maxConnectionDuration"]);

const certificateHeaders: ReadonlyMap<number, ClientCertificateHeader> = new Map<
  number,
  ClientCertificateHeader
>([
  [ForwardDetails.SANITIZE, "sanitize"],
  [ForwardDetails.SANITIZE_SET, "sanitize-set"],
  [ForwardDetails.FORWARD_ONLY, "forward-only"],
  [ForwardDetails.APPEND_FORWARD, "append-forward"],
]);

// Envoy's when the manager does not say.
const idleTimeoutMsDefault = 3_600_000;
const streamIdleTimeoutMsDefault = 300_000;

/** Null when it says nowhere to send requests. */
export function compileHttpManager(bytes: Uint8Array, scope: Scope): HttpRow | null {
  const message = HttpConnectionManager.decode(bytes);
  scope.refuseOthers(message, managerFields);
  refuseOptions(message, scope);
  refuseHttpFilters(message.httpFilters, scope);
  const common = message.commonHttpProtocolOptions;
  const commonAt = scope.at("common_http_protocol_options");
  if (common !== undefined) commonAt.refuseOthers(common, commonFields);
  const specifier = message.routeSpecifier;
  let routesName: string | null = null;
  let routes = null;
  if (specifier?.$case === "rds") {
    const { configSource, routeConfigName } = specifier.rds;
    if (configSource?.configSourceSpecifier?.$case !== "ads") {
      scope.at("rds").at("config_source").refuse("must be ads");
    }
    if (routeConfigName === "") scope.at("rds").at("route_config_name").refuse("is missing");
    routesName = routeConfigName;
  } else if (specifier?.$case === "routeConfig") {
    routes = compileInlineRoutes(specifier.routeConfig, scope.at("route_config"));
  } else {
    return scope.at("route_specifier").refuse("must be rds or route_config");
  }
  const headersKb = message.maxRequestHeadersKb;
  return new HttpRow({
    statPrefix: message.statPrefix,
    routesName,
    routes,
    upgrades: compileUpgrades(message, scope),
    grpcWeb: message.httpFilters.some((one) => !one.disabled && filterType(one) === grpcWeb),
    clientCertificateHeader: certificateHeader(message, scope),
    normalizePath: message.normalizePath ?? false,
    mergeSlashes: message.mergeSlashes,
    idleTimeoutMs: limitMs(common?.idleTimeout, idleTimeoutMsDefault, commonAt.at("idle_timeout")),
    streamIdleTimeoutMs: limitMs(
      message.streamIdleTimeout,
      streamIdleTimeoutMsDefault,
      scope.at("stream_idle_timeout"),
    ),
    connectionAgeMaxMs: limitMs(
      common?.maxConnectionDuration,
      null,
      commonAt.at("max_connection_duration"),
    ),
    requestTimeoutMs: limitMs(message.requestTimeout, null, scope.at("request_timeout")),
    requestHeadersTimeoutMs: limitMs(
      message.requestHeadersTimeout,
      null,
      scope.at("request_headers_timeout"),
    ),
    requestHeadersBytesMax: headersKb === undefined ? null : headersKb * 1024,
  });
}

/** Fields whose every value but some is beyond the built-in proxy. */
function refuseOptions(message: HttpConnectionManager, scope: Scope): void {
  const { codecType, serverHeaderTransformation: server } = message;
  const codecs: number[] = [
    HttpConnectionManager_CodecType.AUTO,
    HttpConnectionManager_CodecType.HTTP1,
  ];
  if (!codecs.includes(codecType)) scope.at("codec_type").refuse("must be AUTO or HTTP1");
  // It never writes a server header; OVERWRITE is what an absent field reads as.
  if (server === ServerHeader.APPEND_IF_ABSENT) {
    scope.at("server_header_transformation").refuse("must be PASS_THROUGH");
  }
  const slashes: number[] = [
    EscapedSlashes.IMPLEMENTATION_SPECIFIC_DEFAULT,
    EscapedSlashes.REJECT_REQUEST,
  ];
  if (!slashes.includes(message.pathWithEscapedSlashesAction)) {
    scope.at("path_with_escaped_slashes_action").refuse("must be REJECT_REQUEST");
  }
  if (message.generateRequestId === false) {
    scope.at("generate_request_id").refuse("must be true for the built-in proxy");
  }
}

const router = "envoy.extensions.filters.http.router.v3.Router";
/** Its message has no fields. */
const grpcWeb = "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb";

function filterType(filter: HttpFilter): string {
  const config = filter.configType;
  return typeName(config?.$case === "typedConfig" ? config.typedConfig : undefined);
}

function refuseHttpFilters(filters: readonly HttpFilter[], scope: Scope): void {
  for (const [i, filter] of filters.entries()) {
    if ([router, grpcWeb].includes(filterType(filter))) continue;
    if (filter.isOptional || filter.disabled) continue;
    scope.item("http_filters", i).refuse(`${filter.name} is not supported by the built-in proxy`);
  }
}

function compileUpgrades(message: HttpConnectionManager, scope: Scope): readonly string[] {
  const types: string[] = [];
  for (const [i, upgrade] of message.upgradeConfigs.entries()) {
    const at = scope.item("upgrade_configs", i);
    refuseHttpFilters(upgrade.filters, at);
    if (upgrade.upgradeType === "") at.at("upgrade_type").refuse("is missing");
    else if (upgrade.enabled !== false) types.push(upgrade.upgradeType.toLowerCase());
  }
  return types;
}

function certificateHeader(message: HttpConnectionManager, scope: Scope): ClientCertificateHeader {
  const header = certificateHeaders.get(message.forwardClientCertDetails);
  if (header !== undefined) return header;
  scope.at("forward_client_cert_details").refuse("not supported by the built-in proxy");
  return "sanitize";
}

const tcpFields: ReadonlySet<string> = new Set(["statPrefix", "clusterSpecifier", "idleTimeout"]);

export function compileTcpProxy(bytes: Uint8Array, scope: Scope): TcpRow | null {
  const message = TcpProxy.decode(bytes);
  scope.refuseOthers(message, tcpFields);
  const specifier = message.clusterSpecifier;
  let shares: readonly { name: string; weight: number }[] = [];
  if (specifier?.$case === "cluster") {
    shares = [{ name: specifier.cluster, weight: 1 }];
  } else if (specifier?.$case === "weightedClusters") {
    shares = specifier.weightedClusters.clusters;
  }
  const weightTotal = shares.reduce((sum, share) => sum + share.weight, 0);
  if (weightTotal === 0) return scope.at("cluster_specifier").refuse("names no cluster");
  const clusters = shares.map(
    ({ name, weight }) =>
      new WeightedClusterRow({
        cluster: name,
        weight,
        requestEdits: null,
        responseEdits: null,
        authorityLiteral: null,
      }),
  );
  return new TcpRow({
    statPrefix: message.statPrefix,
    clusters,
    weightTotal,
    idleTimeoutMs: limitMs(message.idleTimeout, idleTimeoutMsDefault, scope.at("idle_timeout")),
  });
}
