// `weft.v1.Identity/SignCertificate`: attestation, then the authority's signature. Refusals travel
// as gRPC status whose message begins with the stable code.

import { StatusError, type XdsPeer } from "@weft/xds";
import type {
  SignCertificateRequest,
  SignCertificateResponse,
} from "@weft/xds/messages/weft/v1/identity.js";
import { attest } from "../ca/attest.ts";
import type { Authority } from "../ca/authority.ts";
import { asMeshError } from "../errors.ts";
import type { Logger } from "@weft/runtime";

export interface SignCertificateOptions {
  readonly log: Logger;
  readonly authority: Pick<Authority, "trustDomain" | "tokens" | "signCsr" | "roots">;
  /** Told how each request ended: `issued` or the error's code. */
  readonly onOutcome: (outcome: string) => void;
}

export async function signCertificate(
  options: SignCertificateOptions,
  request: SignCertificateRequest,
  peer: XdsPeer,
): Promise<SignCertificateResponse> {
  const { authority, log, onOutcome } = options;
  try {
    const { namespace, serviceAccount } = request;
    const { identity, by } = attest(peer, { namespace, serviceAccount }, authority);
    const ttlMs = request.ttlSeconds === 0 ? null : request.ttlSeconds * 1000;
    const svid = await authority.signCsr(request.csr, { ...identity, ttlMs });
    onOutcome("issued");
    log.debug("SVID issued", { spiffeId: svid.spiffeId, by, peer: peer.address });
    return {
      chain: [...svid.chain],
      roots: [...authority.roots()],
      spiffeId: svid.spiffeId,
      notBefore: BigInt(Math.floor(svid.notBeforeMs / 1000)),
      notAfter: BigInt(Math.floor(svid.notAfterMs / 1000)),
    };
  } catch (thrown) {
    const error = asMeshError(thrown);
    onOutcome(error.code);
    log.warn("SVID refused", { code: error.code, reason: error.message, peer: peer.address });
    throw new StatusError(error.row.grpcCode, `${error.code}: ${error.message}`, { cause: thrown });
  }
}
