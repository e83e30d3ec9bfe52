// Envoy as a proxy, one worker; the pair speaks HTTP/2 over mTLS.

import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { ready, Crew, type InboundSide, type Peer, type PeerOptions } from "../peer.ts";
import type { Topology } from "../scenarios/scenario.ts";

const binary = path.resolve(import.meta.dirname, "../../.cache/envoy/envoy/_bin/envoy");
const type = (name: string): string => `type.googleapis.com/envoy.${name}`;

interface Side {
  readonly topology: Topology;
  readonly port: number;
  readonly upstreamPort: number;
  readonly downstreamTls: object | null;
  readonly upstreamTls: object | null;
}

const httpFilter = {
  name: "http",
  typed_config: {
    "@type": type("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "bench",
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          routes: [{ match: { prefix: "/" }, route: { cluster: "up", timeout: "0s" } }],
        },
      ],
    },
    http_filters: [
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": type("extensions.filters.http.router.v3.Router") },
      },
    ],
  },
};

const tcpFilter = {
  name: "tcp",
  typed_config: {
    "@type": type("extensions.filters.network.tcp_proxy.v3.TcpProxy"),
    stat_prefix: "bench",
    cluster: "up",
  },
};

function bootstrap(side: Side): object {
  const limits = { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 };
  const isHttp2 = side.upstreamTls !== null || side.topology === "grpc-pair";
  const http = isHttp2 ? "http2_protocol_options" : "http_protocol_options";
  return {
    static_resources: {
      listeners: [
        {
          address: { socket_address: { address: "127.0.0.1", port_value: side.port } },
          filter_chains: [
            {
              ...(side.downstreamTls === null ? {} : { transport_socket: side.downstreamTls }),
              filters: [side.topology === "tcp-pair" ? tcpFilter : httpFilter],
            },
          ],
        },
      ],
      clusters: [
        {
          name: "up",
          type: "STATIC",
          circuit_breakers: { thresholds: [limits] },
          ...(side.upstreamTls === null ? {} : { transport_socket: side.upstreamTls }),
          ...(side.topology === "tcp-pair" ? {} : protocolOptions(http)),
          load_assignment: {
            cluster_name: "up",
            endpoints: [
              {
                lb_endpoints: [
                  {
                    endpoint: {
                      address: {
                        socket_address: { address: "127.0.0.1", port_value: side.upstreamPort },
                      },
                    },
                  },
                ],
              },
            ],
          },
        },
      ],
    },
  };
}

function protocolOptions(http: string): object {
  const name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const options = {
    "@type": type("extensions.upstreams.http.v3.HttpProtocolOptions"),
    explicit_http_config: { [http]: {} },
  };
  return { typed_extension_protocol_options: { [name]: options } };
}

function tls(kind: "Upstream" | "Downstream", certs: Certificates, alpn: string[]): object {
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": type(`extensions.transport_sockets.tls.v3.${kind}TlsContext`),
      ...(kind === "Downstream" ? { require_client_certificate: true } : { sni: "bench" }),
      common_tls_context: {
        alpn_protocols: alpn,
        tls_certificates: [
          { certificate_chain: { filename: certs.cert }, private_key: { filename: certs.key } },
        ],
        validation_context: { trusted_ca: { filename: certs.ca } },
      },
    },
  };
}

async function startEnvoy(options: PeerOptions): Promise<Awaited<ReturnType<Peer["start"]>>> {
  const crew = new Crew();
  const { dir, originPort, topology } = options;
  const port = await freePort();
  let count = 0;
  const launch = (side: Side): number => {
    const file = path.join(dir, `envoy-${count++}.json`);
    writeFileSync(file, JSON.stringify(bootstrap(side)));
    return crew.spawn(binary, [
      "-c",
      file,
      "--concurrency",
      "1",
      "-l",
      "error",
      "--disable-hot-restart",
    ]);
  };
  const plain = { topology, downstreamTls: null, upstreamTls: null };
  const alpn = topology === "tcp-pair" ? [] : ["h2"];
  const pids: number[] = [];
  let inbound: InboundSide | null = null;
  if (topology === "one-hop") pids.push(launch({ ...plain, port, upstreamPort: originPort }));
  else {
    const certs = makeCertificates(dir);
    const inner = await freePort();
    pids.push(
      launch({
        ...plain,
        port: inner,
        upstreamPort: originPort,
        downstreamTls: tls("Downstream", certs, alpn),
      }),
    );
    pids.push(
      launch({ ...plain, port, upstreamPort: inner, upstreamTls: tls("Upstream", certs, alpn) }),
    );
    inbound = { port: inner, pid: pids[0] as number, certificates: certs };
  }
  await ready(topology, port);
  return { port, pids, ...(inbound === null ? {} : { inbound }), stop: () => crew.stop() };
}

export const envoy: Peer = {
  name: "envoy",
  topologies: ["one-hop", "pair", "grpc-pair", "tcp-pair"],
  find() {
    if (!existsSync(binary)) return { why: "Envoy is not installed (npm run setup:test)" };
    const text = execFileSync(binary, ["--version"]).toString();
    return { version: /\/(\d+\.\d+\.\d+)\//.exec(text)?.[1] ?? "?" };
  },
  start: startEnvoy,
};
