// Is this caller who it says? An SVID stands for itself; a join token stands for the identities it
// is limited to. Whether a caller may create missing objects comes from a token alone (design
// section 5).

import type { XdsPeer } from "@weft/xds";
import { MeshError } from "../errors.ts";
import { type JoinTokens, tokenAllows } from "./join-token.ts";
import {
  formatSpiffeId,
  isNamespaceName,
  isObjectName,
  parseSpiffeId,
  systemNamespace,
  type WorkloadIdentity,
} from "./spiffe-id.ts";

export interface AttestOptions {
  readonly trustDomain: string;
  readonly tokens: Pick<JoinTokens, "check">;
}

export interface Attestation {
  readonly identity: WorkloadIdentity;
  readonly spiffeId: string;
  readonly by: "svid" | "token";
  readonly mayCreate: boolean;
}

/** Throws a MeshError that says what is missing or does not fit. */
export function attest(
  peer: Pick<XdsPeer, "spiffeId" | "token">,
  wanted: WorkloadIdentity,
  options: AttestOptions,
): Attestation {
  checkNames(wanted);
  const spiffeId = formatSpiffeId(options.trustDomain, wanted);
  const attested = { identity: wanted, spiffeId };
  const held = peer.spiffeId === null ? null : parseSpiffeId(peer.spiffeId, options.trustDomain);
  const isOwnSvid =
    held !== null &&
    held.namespace === wanted.namespace &&
    held.serviceAccount === wanted.serviceAccount;
  if (isOwnSvid) {
    return { ...attested, by: "svid", mayCreate: mayCreateBesideSvid(peer.token, wanted, options) };
  }
  if (peer.token === null) {
    if (peer.spiffeId === null) {
      throw new MeshError("unauthenticated", "neither a join token nor a certificate was shown");
    }
    const message = `the certificate is ${peer.spiffeId}'s, but the call is for ${spiffeId}`;
    throw new MeshError("identity-mismatch", message);
  }
  const token = options.tokens.check(peer.token);
  if (!tokenAllows(token, wanted)) {
    throw new MeshError(
      "token-not-allowed",
      `join token ${token.id} may not stand for ${spiffeId}`,
    );
  }
  return { ...attested, by: "token", mayCreate: token.create };
}

/** The SVID is proof enough: a token that has ended since only loses the right to create. */
function mayCreateBesideSvid(
  text: string | null,
  wanted: WorkloadIdentity,
  options: AttestOptions,
): boolean {
  if (text === null) return false;
  try {
    const token = options.tokens.check(text);
    return token.create && tokenAllows(token, wanted);
  } catch (error) {
    if (error instanceof MeshError) return false;
    throw error;
  }
}

function checkNames(wanted: WorkloadIdentity): void {
  if (!isNamespaceName(wanted.namespace)) {
    const text = JSON.stringify(wanted.namespace);
    throw new MeshError("request-invalid", `${text} is not the name of a namespace`);
  }
  if (!isObjectName(wanted.serviceAccount)) {
    const text = JSON.stringify(wanted.serviceAccount);
    throw new MeshError("request-invalid", `${text} is not the name of a service account`);
  }
  if (wanted.namespace === systemNamespace) {
    const message = `identities of the namespace ${systemNamespace} are the control plane's own`;
    throw new MeshError("forbidden", message, {
      hint: "Run the workload in another namespace.",
    });
  }
}
