// What a failed connection attempt means for the request that waited for it.

import { wrongPeerIdentity } from "@weft/runtime";
import { Refusal } from "../telemetry/refusals.ts";
import { Flag } from "../telemetry/response-flags.ts";

/** Certificate problems of the peer, beside an identity that is not the expected one. */
const certificateCodes: ReadonlySet<string> = new Set([
  wrongPeerIdentity,
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "CERT_CHAIN_TOO_LONG",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
]);

/** What OpenSSL says of a connection, alerts among it. */
const sslCodes = "ERR_SSL_";

/** What a TLS connection that failed by its certificates is called in the log; null: it did not. */
export function tlsRefusal(errorCode: string): Refusal | null {
  // Who proved what is noted where it was read.
  if (errorCode === wrongPeerIdentity) return null;
  if (certificateCodes.has(errorCode)) return Refusal.EndpointCertificate;
  return errorCode.startsWith(sslCodes) ? Refusal.EndpointTls : null;
}

export function connectFlag(errorCode: string): Flag {
  return certificateCodes.has(errorCode) ? Flag.UpstreamIdentity : Flag.UpstreamConnectFailure;
}
