// How a cluster's endpoints are dialled, and the TLS contexts of both ends. A meshed endpoint must
// show one of the expected SPIFFE IDs; an unmeshed one is dialled in plaintext.

import type { ProxyProtocolVersion } from "@weft/api";
import type { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { TransportSocket } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import { ProxyProtocolConfig_Version } from "@weft/xds/messages/envoy/config/core/v3/proxy_protocol.js";
import { ProxyProtocolUpstreamTransport } from "@weft/xds/messages/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.js";
import { RawBuffer } from "@weft/xds/messages/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.js";
import {
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
} from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/common.js";
import {
  DownstreamTlsContext,
  UpstreamTlsContext,
} from "@weft/xds/messages/envoy/extensions/transport_sockets/tls/v3/tls.js";
import { StringMatcher } from "@weft/xds/messages/envoy/type/matcher/v3/string.js";
import type { Protocol } from "../model/protocol.ts";
import { BUNDLE_SECRET, WORKLOAD_SECRET } from "./names.ts";
import { fromAds, fromAgent, secretNamed, typed } from "./typed-config.ts";

const TLS_SOCKET = "envoy.transport_sockets.tls";
const TLS_TYPES = "envoy.extensions.transport_sockets.tls.v3";
const HTTP_ALPN = ["h2", "http/1.1"];

/** Whom a cluster's connections must reach, and how. */
export interface UpstreamExpectations {
  readonly sni: string;
  readonly identities: readonly string[];
  readonly requireMtls: boolean;
  /** No endpoint is dialled in plaintext, now. */
  readonly isAllMtls: boolean;
}

/**
 * By the endpoint's `tlsMode`; the second matches every endpoint that has none. Where mutual TLS is
 * demanded such an endpoint is asked for it all the same, and fails: the built-in proxy does not
 * even dial it. Where no endpoint is without it, mutual TLS is the cluster's own socket too: Envoy
 * lets a cluster choose its protocol by ALPN only if every socket it has can.
 */
export function upstreamSockets(
  expected: UpstreamExpectations,
  protocol: Protocol,
  announced: ProxyProtocolVersion | null,
): Pick<Cluster, "transportSocketMatches" | "transportSocket"> {
  const mtls = upstreamTls(expected, protocol);
  const always = { name: "mtls", match: { tlsMode: "mtls" }, transportSocket: mtls };
  if (expected.requireMtls) {
    const refused = { name: "refused", match: {}, transportSocket: mtls };
    return { transportSocketMatches: [always, refused], transportSocket: mtls };
  }
  if (expected.isAllMtls) return { transportSocketMatches: [always], transportSocket: mtls };
  const bare = announced === null ? plaintext() : announcing(announced, plaintext());
  const plain = { name: "plaintext", match: {}, transportSocket: bare };
  return { transportSocketMatches: [always, plain], transportSocket: undefined };
}

/**
 * What an Envoy may offer without speaking something else afterwards. With `http2` and `grpc` it
 * speaks HTTP/2 whatever the peer says.
 * The built-in proxy offers both for every HTTP port and keeps to the answer.
 */
function upstreamAlpn(protocol: Protocol, isAllMtls: boolean): string[] {
  if (protocol === "tcp") return [];
  const isHttp2 = protocol === "http2" || protocol === "grpc";
  return isHttp2 || isAllMtls ? HTTP_ALPN : ["http/1.1"];
}

/** What an inbound listener offers: our SVID, and a certificate of the mesh is demanded. */
export function downstreamTls(protocol: Protocol): TransportSocket {
  const context = DownstreamTlsContext.fromPartial({
    requireClientCertificate: true,
    commonTlsContext: {
      alpnProtocols: protocol === "tcp" ? [] : HTTP_ALPN,
      tlsCertificateSdsSecretConfigs: [secretNamed(WORKLOAD_SECRET, fromAgent)],
      validationContextType: {
        $case: "validationContextSdsSecretConfig",
        validationContextSdsSecretConfig: secretNamed(BUNDLE_SECRET, fromAds),
      },
    },
  });
  const config = typed(`${TLS_TYPES}.DownstreamTlsContext`, DownstreamTlsContext.encode(context));
  return socket(TLS_SOCKET, config);
}

function upstreamTls(expected: UpstreamExpectations, protocol: Protocol): TransportSocket {
  const { sni, identities } = expected;
  const context = UpstreamTlsContext.fromPartial({
    sni,
    commonTlsContext: {
      alpnProtocols: upstreamAlpn(protocol, expected.requireMtls || expected.isAllMtls),
      tlsCertificateSdsSecretConfigs: [secretNamed(WORKLOAD_SECRET, fromAgent)],
      validationContextType: {
        $case: "combinedValidationContext",
        combinedValidationContext: {
          defaultValidationContext: { matchTypedSubjectAltNames: identities.map(exactUri) },
          validationContextSdsSecretConfig: secretNamed(BUNDLE_SECRET, fromAds),
        },
      },
    },
  });
  const config = typed(`${TLS_TYPES}.UpstreamTlsContext`, UpstreamTlsContext.encode(context));
  return socket(TLS_SOCKET, config);
}

function exactUri(identity: string): SubjectAltNameMatcher {
  const matcher = StringMatcher.fromPartial({ matchPattern: { $case: "exact", exact: identity } });
  return { sanType: SubjectAltNameMatcher_SanType.URI, matcher, oid: "" };
}

/** Says first, in a PROXY protocol header, who the connection is from. */
export function announcing(
  version: ProxyProtocolVersion,
  transportSocket: TransportSocket,
): TransportSocket {
  const { V1, V2 } = ProxyProtocolConfig_Version;
  const config = { version: version === "V1" ? V1 : V2 };
  const type =
    "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport";
  const message = ProxyProtocolUpstreamTransport.fromPartial({ config, transportSocket });
  return socket(
    "envoy.transport_sockets.upstream_proxy_protocol",
    typed(type, ProxyProtocolUpstreamTransport.encode(message)),
  );
}

export function plaintext(): TransportSocket {
  const type = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
  return socket(
    "envoy.transport_sockets.raw_buffer",
    typed(type, RawBuffer.encode(RawBuffer.fromPartial({}))),
  );
}

function socket(name: string, typedConfig: ReturnType<typeof typed>): TransportSocket {
  return TransportSocket.fromPartial({ name, configType: { $case: "typedConfig", typedConfig } });
}
