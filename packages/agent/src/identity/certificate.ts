// What `weft cert` shows of a workload's SVID: never the key.

import { X509Certificate } from "node:crypto";
import type { Identity } from "./source.ts";

export interface CertificateView {
  readonly spiffeId: string;
  /** Hexadecimal, as openssl prints it. */
  readonly serialNumber: string;
  /** RFC 3339. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** How many roots its peers may chain to. */
  readonly roots: number;
}

/** Null before the first SVID. */
export function certificateOf(identity: Identity | null): CertificateView | null {
  if (identity === null) return null;
  const leaf = new X509Certificate(identity.chainPem);
  return {
    spiffeId: identity.spiffeId,
    serialNumber: leaf.serialNumber,
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    roots: identity.rootsPem.split("-----BEGIN CERTIFICATE-----").length - 1,
  };
}
