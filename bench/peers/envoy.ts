// Envoy as a proxy, one worker; the pair speaks HTTP/2 over mTLS.

import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { answering, Crew, type Peer, type PeerOptions } from "../peer.ts";

const binary = path.resolve(import.meta.dirname, "../../.cache/envoy/envoy/_bin/envoy");
const type = (name: string): string => `type.googleapis.com/envoy.${name}`;

interface Side {
  readonly port: number;
  readonly upstreamPort: number;
  readonly downstreamTls: object | null;
  readonly upstreamTls: object | null;
}

function bootstrap(side: Side): object {
  const limits = { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 };
  const http = side.upstreamTls === null ? "http_protocol_options" : "http2_protocol_options";
  return {
    static_resources: {
      listeners: [
        {
          address: { socket_address: { address: "127.0.0.1", port_value: side.port } },
          filter_chains: [
            {
              ...(side.downstreamTls === null ? {} : { transport_socket: side.downstreamTls }),
              filters: [
                {
                  name: "http",
                  typed_config: {
                    "@type": type(
                      "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    ),
                    stat_prefix: "bench",
                    route_config: {
                      virtual_hosts: [
                        {
                          name: "all",
                          domains: ["*"],
                          routes: [
                            { match: { prefix: "/" }, route: { cluster: "up", timeout: "0s" } },
                          ],
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
                },
              ],
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
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": type("extensions.upstreams.http.v3.HttpProtocolOptions"),
              explicit_http_config: { [http]: {} },
            },
          },
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

function tls(kind: "Upstream" | "Downstream", certs: Certificates): object {
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": type(`extensions.transport_sockets.tls.v3.${kind}TlsContext`),
      ...(kind === "Downstream" ? { require_client_certificate: true } : { sni: "bench" }),
      common_tls_context: {
        alpn_protocols: ["h2"],
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
  const { dir, originPort, scenario } = options;
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
  const plain = { downstreamTls: null, upstreamTls: null };
  const pids: number[] = [];
  if (scenario === "one-hop") pids.push(launch({ ...plain, port, upstreamPort: originPort }));
  else {
    const certs = makeCertificates(dir);
    const inner = await freePort();
    pids.push(
      launch({
        ...plain,
        port: inner,
        upstreamPort: originPort,
        downstreamTls: tls("Downstream", certs),
      }),
    );
    pids.push(launch({ ...plain, port, upstreamPort: inner, upstreamTls: tls("Upstream", certs) }));
  }
  await answering(port, "/");
  return { port, path: "/", pids, stop: () => crew.stop() };
}

export const envoy: Peer = {
  name: "envoy",
  scenarios: ["one-hop", "pair"],
  find() {
    if (!existsSync(binary)) return { why: "Envoy is not installed (npm run setup:test)" };
    const text = execFileSync(binary, ["--version"]).toString();
    return { version: /\/(\d+\.\d+\.\d+)\//.exec(text)?.[1] ?? "?" };
  },
  start: startEnvoy,
};
