// How a cluster's endpoints are dialled, and the TLS contexts of both ends. A meshed endpoint must
// show one of the expected SPIFFE IDs; an unmeshed one is dialled in plaintext.

import type { Cluster_TransportSocketMatch } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { TransportSocket } from "@weft/xds/messages/envoy/config/core/v3/base.js";
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
import { BUNDLE_SECRET, WORKLOAD_SECRET } from "./names.ts";
import { fromAds, secretNamed, typed } from "./typed-config.ts";

const TLS_SOCKET = "envoy.transport_sockets.tls";
const TLS_TYPES = "envoy.extensions.transport_sockets.tls.v3";
const ALPN = ["http/1.1"];

/**
 * By the endpoint's `tlsMode`; the second matches every endpoint that has none. Where mutual TLS is
 * demanded such an endpoint is asked for it all the same, and fails: the built-in proxy does not
 * even dial it.
 */
export function transportSocketMatches(
  sni: string,
  identities: readonly string[],
  requireMtls: boolean,
): Cluster_TransportSocketMatch[] {
  const mtls = upstreamTls(sni, identities);
  return [
    { name: "mtls", match: { tlsMode: "mtls" }, transportSocket: mtls },
    requireMtls
      ? { name: "refused", match: {}, transportSocket: mtls }
      : { name: "plaintext", match: {}, transportSocket: plaintext() },
  ];
}

/** What an inbound listener offers: our SVID, and a certificate of the mesh is demanded. */
export function downstreamTls(): TransportSocket {
  const context = DownstreamTlsContext.fromPartial({
    requireClientCertificate: true,
    commonTlsContext: {
      alpnProtocols: ALPN,
      tlsCertificateSdsSecretConfigs: [secretNamed(WORKLOAD_SECRET, undefined)],
      validationContextType: {
        $case: "validationContextSdsSecretConfig",
        validationContextSdsSecretConfig: secretNamed(BUNDLE_SECRET, fromAds),
      },
    },
  });
  const config = typed(`${TLS_TYPES}.DownstreamTlsContext`, DownstreamTlsContext.encode(context));
  return socket(TLS_SOCKET, config);
}

function upstreamTls(sni: string, identities: readonly string[]): TransportSocket {
  const context = UpstreamTlsContext.fromPartial({
    sni,
    commonTlsContext: {
      alpnProtocols: ALPN,
      tlsCertificateSdsSecretConfigs: [secretNamed(WORKLOAD_SECRET, undefined)],
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

function plaintext(): TransportSocket {
  const type = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
  return socket(
    "envoy.transport_sockets.raw_buffer",
    typed(type, RawBuffer.encode(RawBuffer.fromPartial({}))),
  );
}

function socket(name: string, typedConfig: ReturnType<typeof typed>): TransportSocket {
  return TransportSocket.fromPartial({ name, configType: { $case: "typedConfig", typedConfig } });
}
