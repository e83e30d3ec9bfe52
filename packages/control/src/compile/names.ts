// The names that travel: of clusters, route tables, identities. Fixed by the design; proxies and
// commands rely on them.

/** The DNS domain of services. */
export const DOMAIN = "cluster.local";

/** The cluster that stands for an invalid backendRef; it never exists. */
export const INVALID_CLUSTER = "invalid-backend";

/** The cluster that takes requests to names outside the mesh. */
export const PASSTHROUGH_CLUSTER = "passthrough";

/** The same for Envoys, which look the names up. */
export const FORWARD_CLUSTER = "passthrough-by-name";

/** What an Envoy's bootstrap calls the agent beside it. */
export const AGENT_CLUSTER = "agent";

export const OUTBOUND_LISTENER = "outbound";

/** The secrets: the agent holds `workload`, the control plane sends `bundle`. */
export const WORKLOAD_SECRET = "workload";
export const BUNDLE_SECRET = "bundle";

export function serviceFqdn(namespace: string, service: string): string {
  return `${service}.${namespace}.svc.${DOMAIN}`;
}

/** The name of a service port's cluster, virtual host and endpoints. */
export function servicePortName(namespace: string, service: string, port: number): string {
  return `${serviceFqdn(namespace, service)}:${port}`;
}

/** The cluster whose settings come partly from another service, the one the caller named. */
export function variantName(clusterName: string, named: string): string {
  return `${clusterName}@${named}`;
}

export function routeTableName(namespace: string): string {
  return `outbound/${namespace}`;
}

/** Listener and cluster of one declared port of a workload. */
export function inboundName(portName: string): string {
  return `inbound/${portName}`;
}

/** Listener and route table of one `--upstream` of an Envoy. */
export function upstreamListenerName(written: string): string {
  return `upstream/${written}`;
}

export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
