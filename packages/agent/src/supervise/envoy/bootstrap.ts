// What Envoy is started with: who it is, where its agent is, and nothing else. All of it comes from
// the agent over one Unix socket; its admin interface is another, which nobody but the agent opens.

import type { Node } from "@weft/xds/messages/envoy/config/core/v3/base.js";

export interface BootstrapOptions {
  readonly node: Node;
  readonly agentSocket: string;
  readonly adminSocket: string;
  /** Upper bounds of the duration histograms. */
  readonly boundsMs: readonly number[];
}

/** What compiled resources call the agent. */
const agentName = "agent";
const http2Options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

export function makeBootstrap(options: BootstrapOptions): object {
  const { adminSocket, agentSocket, boundsMs, node } = options;
  // Without an end: half a configuration is never served.
  const ads = { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" };
  return {
    node: { id: node.id, cluster: node.cluster, metadata: node.metadata ?? {} },
    admin: { address: { pipe: { path: adminSocket, mode: 0o600 } } },
    // Else histograms are up to five seconds old.
    stats_flush_on_admin: true,
    stats_config: {
      histogram_bucket_settings: [{ match: { prefix: "cluster." }, buckets: [...boundsMs] }],
    },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: agentName,
              retry_policy: { retry_back_off: { base_interval: "0.1s", max_interval: "2s" } },
            },
          },
        ],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: { clusters: [agentCluster(agentSocket)] },
  };
}

export function agentCluster(socket: string): object {
  const endpoint = { endpoint: { address: { pipe: { path: socket } } } };
  return {
    name: agentName,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: {
      cluster_name: agentName,
      endpoints: [{ lb_endpoints: [endpoint] }],
    },
    typed_extension_protocol_options: {
      [http2Options]: {
        "@type": `type.googleapis.com/${http2Options}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}
