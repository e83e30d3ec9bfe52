// A cluster's `HttpProtocolOptions`: which HTTP its endpoints speak, and how long their connections
// live.

import type { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { HttpProtocolOptions } from "@weft/xds/messages/envoy/extensions/upstreams/http/v3/http_protocol_options.js";
import { KeepaliveRow } from "./cluster-table.ts";
import { durationMs, limitMs } from "./duration.ts";
import type { Scope } from "./scope.ts";
import { typeName } from "./typed-config.ts";

// Envoy's when the cluster does not say.
const idleTimeoutMsDefault = 3_600_000;
const commonFields: ReadonlySet<string> = new Set([
  "idleTimeout",
  "maxRequestsPerConnection",
  "maxConnectionDuration",
]);

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

export interface ProtocolFields {
  readonly isHttp2: boolean;
  readonly idleTimeoutMs: number | null;
  readonly requestsPerConnectionMax: number | null;
  readonly keepalive: KeepaliveRow | null;
  readonly connectionAgeMaxMs: number | null;
}

export function compileProtocolOptions(message: Cluster, scope: Scope): ProtocolFields {
  let fields: ProtocolFields = {
    isHttp2: false,
    idleTimeoutMs: idleTimeoutMsDefault,
    requestsPerConnectionMax: null,
    keepalive: null,
    connectionAgeMaxMs: null,
  };
  for (const [name, config] of Object.entries(message.typedExtensionProtocolOptions)) {
    const at = scope.at(`typed_extension_protocol_options["${name}"]`);
    if (typeName(config) === httpOptions) fields = compileHttpOptions(config.value, at);
    else at.refuse("not supported by the built-in proxy");
  }
  return fields;
}

function compileHttpOptions(bytes: Uint8Array, scope: Scope): ProtocolFields {
  const options = HttpProtocolOptions.decode(bytes);
  scope.refuseOthers(options, new Set(["commonHttpProtocolOptions", "upstreamProtocolOptions"]));
  const common = options.commonHttpProtocolOptions;
  const at = scope.at("common_http_protocol_options");
  if (common !== undefined) {
    at.refuseOthers(common, commonFields);
  }
  return {
    isHttp2: speaksHttp2(options, scope),
    idleTimeoutMs: limitMs(common?.idleTimeout, idleTimeoutMsDefault, at.at("idle_timeout")),
    requestsPerConnectionMax: common?.maxRequestsPerConnection || null,
    keepalive: compileKeepalive(options, scope),
    connectionAgeMaxMs: limitMs(
      common?.maxConnectionDuration,
      null,
      at.at("max_connection_duration"),
    ),
  };
}

/** Of the HTTP/2 options, wherever they stand. */
function compileKeepalive(options: HttpProtocolOptions, scope: Scope): KeepaliveRow | null {
  const upstream = options.upstreamProtocolOptions;
  const spoken =
    upstream?.$case === "explicitHttpConfig"
      ? upstream.explicitHttpConfig.protocolConfig
      : undefined;
  const http2 =
    upstream?.$case === "autoConfig"
      ? upstream.autoConfig.http2ProtocolOptions
      : spoken?.$case === "http2ProtocolOptions"
        ? spoken.http2ProtocolOptions
        : undefined;
  if (http2 === undefined) return null;
  const at = scope.at("http2_protocol_options");
  at.refuseOthers(http2, new Set(["connectionKeepalive"]));
  const message = http2.connectionKeepalive;
  if (message === undefined) return null;
  const keepaliveAt = at.at("connection_keepalive");
  keepaliveAt.refuseOthers(message, new Set(["interval", "timeout"]));
  const intervalMs = durationMs(message.interval, 0, keepaliveAt.at("interval"));
  const timeoutMs = durationMs(message.timeout, 0, keepaliveAt.at("timeout"));
  if (intervalMs < 1 || timeoutMs < 1) keepaliveAt.refuse("interval and timeout must be given");
  return new KeepaliveRow({ intervalMs, timeoutMs });
}

/** Without an answer by ALPN: HTTP/1.1 unless HTTP/2 is what the cluster speaks. */
function speaksHttp2(options: HttpProtocolOptions, scope: Scope): boolean {
  const upstream = options.upstreamProtocolOptions;
  if (upstream?.$case === "autoConfig") {
    scope.at("auto_config").refuseOthers(upstream.autoConfig, new Set(["http2ProtocolOptions"]));
    return false;
  }
  const spoken =
    upstream?.$case === "explicitHttpConfig"
      ? upstream.explicitHttpConfig.protocolConfig
      : undefined;
  const at = scope.at("explicit_http_config");
  switch (spoken?.$case) {
    case "httpProtocolOptions":
      at.at("http_protocol_options").refuseOthers(spoken.httpProtocolOptions, new Set());
      return false;
    case "http2ProtocolOptions":
      return true;
    default:
      at.refuse("must be given, for HTTP/1.1 or HTTP/2");
      return false;
  }
}
