// What a failed connection attempt means for the request that waited for it.

import { wrongPeerIdentity } from "@weft/runtime";
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
]);

export function connectFlag(errorCode: string): Flag {
  return certificateCodes.has(errorCode) ? Flag.UpstreamIdentity : Flag.UpstreamConnectFailure;
}
