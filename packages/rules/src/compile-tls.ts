// Transport sockets: TLS towards downstreams and upstreams, or none. Keys and certificates are
// named, never carried: `workload` is the agent's, `bundle` comes as a Secret resource.

import { ProxyProtocolConfig_Version } from "@weft/xds/messages/envoy/config/core/v3/proxy_protocol.js";
import { ProxyProtocolUpstreamTransport } from "@weft/xds/messages/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.js";
import type { TransportSocket } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import type { CertificateValidationContext } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/common.js";
import { SubjectAltNameMatcher_SanType } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/common.js";
import { Secret } from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/secret.js";
import {
  type CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/tls.js";
import { SecretRow, type UpstreamSocket, UpstreamTlsRow } from "./cluster-table.ts";
import type { Scope } from "./scope.ts";
import { DownstreamTlsRow } from "./tables.ts";
import { typeName } from "./typed-config.ts";

const types = "envoy.extensions.transport_sockets";
const rawBuffer = `${types}.raw_buffer.v3.RawBuffer`;

const announcing = `${types}.proxy_protocol.v3.ProxyProtocolUpstreamTransport`;

/**
 * TLS or plaintext, with a PROXY protocol header before it or not. `alpn` is offered in
 * place of the message's own.
 */
export function compileUpstreamSocket(
  message: TransportSocket | undefined,
  alpn: readonly string[] | null,
  scope: Scope,
): UpstreamSocket {
  const config = message?.configType?.typedConfig;
  if (config === undefined || typeName(config) !== announcing) {
    return { tls: compileUpstreamTls(message, alpn, scope), proxyProtocol: null };
  }
  const outer = ProxyProtocolUpstreamTransport.decode(config.value);
  scope.refuseOthers(outer, new Set(["config", "transportSocket"]));
  if (outer.config !== undefined) {
    scope.at("config").refuseOthers(outer.config, new Set(["version"]));
  }
  const isSecond = outer.config?.version === ProxyProtocolConfig_Version.V2;
  const tls = compileUpstreamTls(outer.transportSocket, alpn, scope.at("transport_socket"));
  return { tls, proxyProtocol: isSecond ? "V2" : "V1" };
}

/** Null for plaintext, and after a refusal. */
function compileUpstreamTls(
  message: TransportSocket | undefined,
  alpn: readonly string[] | null,
  scope: Scope,
): UpstreamTlsRow | null {
  const config = message?.configType?.typedConfig;
  const type = typeName(config);
  if (message === undefined || type === rawBuffer) return null;
  if (config === undefined || type !== `${types}.tls.v3.UpstreamTlsContext`) {
    return scope.refuse(`${type || message.name} is not supported by the built-in proxy`);
  }
  const context = UpstreamTlsContext.decode(config.value);
  scope.refuseOthers(context, new Set(["commonTlsContext", "sni"]));
  const common = compileCommon(context.commonTlsContext, scope.at("common_tls_context"));
  if (common === null) return null;
  if (common.rootsSecret === null) {
    return scope.at("common_tls_context").refuse("names no roots that the endpoint must chain to");
  }
  const { rootsSecret } = common;
  return new UpstreamTlsRow({
    ...common,
    alpn: alpn ?? common.alpn,
    rootsSecret,
    sni: context.sni,
  });
}

/** Null for plaintext, and after a refusal. */
export function compileDownstreamSocket(
  message: TransportSocket | undefined,
  scope: Scope,
): DownstreamTlsRow | null {
  const config = message?.configType?.typedConfig;
  const type = typeName(config);
  if (message === undefined || type === rawBuffer) return null;
  if (config === undefined || type !== `${types}.tls.v3.DownstreamTlsContext`) {
    return scope.refuse(`${type || message.name} is not supported by the built-in proxy`);
  }
  const context = DownstreamTlsContext.decode(config.value);
  scope.refuseOthers(context, new Set(["commonTlsContext", "requireClientCertificate"]));
  const common = compileCommon(context.commonTlsContext, scope.at("common_tls_context"));
  if (common === null) return null;
  const { certificateSecret } = common;
  if (certificateSecret === null) {
    return scope.at("common_tls_context").refuse("names no certificate");
  }
  const requireClientCertificate = context.requireClientCertificate ?? false;
  if (requireClientCertificate && common.rootsSecret === null) {
    return scope.at("common_tls_context").refuse("names no roots for client certificates");
  }
  return new DownstreamTlsRow({ ...common, certificateSecret, requireClientCertificate });
}

interface CommonFields {
  readonly alpn: readonly string[];
  readonly certificateSecret: string | null;
  readonly rootsSecret: string | null;
  readonly identities: readonly string[];
}

const commonFields: ReadonlySet<string> = new Set([
  "tlsCertificateSdsSecretConfigs",
  "validationContextType",
  "alpnProtocols",
]);

function compileCommon(message: CommonTlsContext | undefined, scope: Scope): CommonFields | null {
  if (message === undefined) return scope.refuse("is missing");
  scope.refuseOthers(message, commonFields);
  const certificates = message.tlsCertificateSdsSecretConfigs;
  if (certificates.length > 1) {
    scope.at("tls_certificate_sds_secret_configs").refuse("must name one certificate");
  }
  const validation = message.validationContextType;
  let roots: string | undefined;
  let identities: readonly string[] = [];
  switch (validation?.$case) {
    case undefined:
      break;
    case "validationContextSdsSecretConfig":
      roots = validation.validationContextSdsSecretConfig.name;
      break;
    case "combinedValidationContext": {
      const combined = validation.combinedValidationContext;
      const at = scope.at("combined_validation_context");
      at.refuseOthers(
        combined,
        new Set(["defaultValidationContext", "validationContextSdsSecretConfig"]),
      );
      roots = combined.validationContextSdsSecretConfig?.name;
      identities = compileIdentities(
        combined.defaultValidationContext,
        at.at("default_validation_context"),
      );
      break;
    }
    default:
      scope.at("validation_context_type").refuse("must name a secret");
  }
  return {
    alpn: message.alpnProtocols,
    certificateSecret: certificates[0]?.name ?? null,
    rootsSecret: roots ?? null,
    identities,
  };
}

/** The SPIFFE IDs a peer may have. */
function compileIdentities(
  message: CertificateValidationContext | undefined,
  scope: Scope,
): readonly string[] {
  if (message === undefined) return [];
  scope.refuseOthers(message, new Set(["matchTypedSubjectAltNames"]));
  const identities: string[] = [];
  for (const [i, { sanType, matcher }] of message.matchTypedSubjectAltNames.entries()) {
    const pattern = matcher?.matchPattern;
    const isExact = pattern?.$case === "exact" && matcher?.ignoreCase === false;
    if (sanType === SubjectAltNameMatcher_SanType.URI && isExact) identities.push(pattern.exact);
    else scope.item("match_typed_subject_alt_names", i).refuse("must be an exact URI");
  }
  return identities;
}

/** A trust bundle. */
export function compileSecret(bytes: Uint8Array, scope: Scope): SecretRow | null {
  const { name, type } = Secret.decode(bytes);
  if (type?.$case !== "validationContext") {
    return scope.refuse(
      type?.$case === "tlsCertificate"
        ? "carries a private key, which only the agent may hold"
        : "is not a validation context",
    );
  }
  const at = scope.at("validation_context");
  at.refuseOthers(type.validationContext, new Set(["trustedCa"]));
  const roots = type.validationContext.trustedCa?.specifier;
  const rootsPem =
    roots?.$case === "inlineString"
      ? roots.inlineString
      : roots?.$case === "inlineBytes"
        ? roots.inlineBytes.toString("utf8")
        : "";
  if (!rootsPem.includes("-----BEGIN CERTIFICATE-----")) {
    return at.at("trusted_ca").refuse("must be inline and hold a PEM certificate");
  }
  return new SecretRow(name, rootsPem);
}
