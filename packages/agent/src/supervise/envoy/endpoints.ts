// The endpoints Envoy knows: what the control plane says of each, with what Envoy has open to it
// and whether outlier detection has taken it out.

import type { EndpointOfCluster } from "@weft/proxy";
import { formatAddress } from "@weft/runtime";

/** Of `GET /clusters?format=json`. */
export interface ClusterStatuses {
  readonly cluster_statuses?: readonly {
    readonly name: string;
    readonly host_statuses?: readonly HostStatus[];
  }[];
}

interface HostStatus {
  readonly address: {
    readonly socket_address?: { readonly address: string; readonly port_value: number };
  };
  /** Zeros are left out. */
  readonly stats?: readonly { readonly name: string; readonly value?: string }[];
  readonly health_status?: {
    readonly failed_outlier_check?: boolean;
    readonly failed_active_health_check?: boolean;
  };
}

/** As the built-in proxy shows them. */
export function endpointViews(
  proxy: string,
  endpoints: readonly EndpointOfCluster[],
  statuses: ClusterStatuses,
): object[] {
  const known = new Map<string, HostStatus>();
  for (const { host_statuses: hosts = [], name } of statuses.cluster_statuses ?? []) {
    for (const host of hosts) known.set(`${name}\n${addressOf(host)}`, host);
  }
  return endpoints.map(({ cluster, mtls, row }) => {
    const host = known.get(`${cluster}\n${row.key}`);
    const ejected = host?.health_status?.failed_outlier_check ?? false;
    return {
      proxy,
      cluster,
      address: row.key,
      health: row.health,
      weight: row.weight,
      workload: row.workload,
      identity: row.identity,
      version: row.version,
      mtls,
      openConnections: statOf(host, "cx_active"),
      activeRequests: statOf(host, "rq_active"),
      ejected,
      // Envoy does not say which of its rules it was.
      reason: ejected ? "outlier detection" : host === undefined ? "not known to Envoy yet" : "",
    };
  });
}

function addressOf({ address }: HostStatus): string {
  const { address: host = "", port_value: port = 0 } = address.socket_address ?? {};
  return formatAddress(host, port);
}

function statOf(host: HostStatus | undefined, name: string): number {
  return Number(host?.stats?.find((stat) => stat.name === name)?.value ?? 0);
}
