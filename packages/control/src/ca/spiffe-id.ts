// SPIFFE IDs of workloads: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` (decision
// D7). Syntax as the SPIFFE-ID standard, sections 2.1 to 2.4.

import { MeshError } from "../errors.ts";

export interface WorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The namespace of the mesh itself; no token and no agent can get an identity in it. */
export const systemNamespace = "weft-system";

/** The identity the control plane's own port shows, and agents insist on. */
export const controlPlaneIdentity: WorkloadIdentity = {
  namespace: systemNamespace,
  serviceAccount: "control-plane",
};

const segmentPattern = /^[a-zA-Z0-9._-]+$/;
const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;
const labelPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const subdomainPattern = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export function formatSpiffeId(trustDomain: string, identity: WorkloadIdentity): string {
  return `spiffe://${trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`;
}

/** The workload a SPIFFE ID of this trust domain names, or null when it is any other URI. */
export function parseSpiffeId(uri: string, trustDomain: string): WorkloadIdentity | null {
  if (uri.length > 2048) return null;
  const prefix = `spiffe://${trustDomain}/`;
  if (!uri.startsWith(prefix)) return null;
  const [ns, namespace, sa, serviceAccount, ...rest] = uri.slice(prefix.length).split("/");
  if (ns !== "ns" || sa !== "sa" || rest.length > 0) return null;
  if (!isSegment(namespace) || !isSegment(serviceAccount)) return null;
  return { namespace, serviceAccount };
}

/** A Kubernetes namespace name (RFC 1123 label). */
export function isNamespaceName(name: string): boolean {
  return labelPattern.test(name);
}

/** A Kubernetes object name (RFC 1123 subdomain). */
export function isObjectName(name: string): boolean {
  return subdomainPattern.test(name) && !name.includes("..");
}

/** Throws `trust-domain-invalid` unless the name can root identities. */
export function assertTrustDomain(name: string): void {
  if (isTrustDomain(name)) return;
  throw new MeshError("trust-domain-invalid", `${JSON.stringify(name)} is not a trust domain`);
}

function isSegment(text: string | undefined): text is string {
  return text !== undefined && text !== "." && text !== ".." && segmentPattern.test(text);
}

function isTrustDomain(name: string): boolean {
  return trustDomainPattern.test(name);
}
