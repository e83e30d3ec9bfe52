// The SPIFFE ID in a certificate that TLS has verified. SPIFFE X.509-SVID section 2: exactly one
// URI SAN, and never an identity from a signing certificate.

import type { X509Certificate } from "node:crypto";

const idMax = 2048;
const idPattern = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/;

/** The workload identity a leaf proves; null when it proves none. */
export function spiffeIdOf(certificate: X509Certificate): string | null {
  if (certificate.ca) return null;
  const uri = onlyUri(certificate);
  if (uri === null || uri.length > idMax) return null;
  const path = idPattern.exec(uri)?.[2];
  if (path === undefined) return null;
  return path.split("/").some((segment) => segment === "." || segment === "..") ? null : uri;
}

/** The trust domain of an identity, or of a root's `spiffe://<trust domain>`; "" when unknown. */
export function trustDomainOf(uri: string): string {
  return /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/|$)/.exec(uri)?.[1] ?? "";
}

export function onlyUri(certificate: X509Certificate): string | null {
  const names = certificate.subjectAltName ?? "";
  // Node quotes values that could be mistaken for two; no SPIFFE ID needs that.
  if (names.includes('"')) return null;
  const uris = names.split(", ").filter((name) => name.startsWith("URI:"));
  return uris.length === 1 ? (uris[0] ?? "").slice("URI:".length) : null;
}
