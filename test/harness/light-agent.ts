// An agent without a proxy, so that a test can hold fifty in one process: it registers over the
// real gRPC port and follows one cluster's endpoints, remembering every set it was sent.

import { systemRuntime, silentLogger } from "@weft/runtime";
import { createXdsClient, typeUrls, writeNode, type XdsClient } from "@weft/xds";
import type { GrpcChannel } from "@weft/xds/grpc";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import { Register } from "@weft/xds/messages/weft/v1/agent.js";
import { signIn } from "./sign-in.ts";

export interface LightAgentOptions {
  readonly control: string;
  /** A join token's text. */
  readonly token: string;
  readonly service: string;
  readonly workload: string;
  /** Of the workload; nobody dials it here. */
  readonly meshPort: number;
}

export class LightAgent {
  /** How many endpoints each update held, oldest first. */
  readonly endpointCounts: number[] = [];
  isRegistered = false;
  #channel: GrpcChannel | null = null;
  #xds: XdsClient | null = null;
  #isClosed = false;
  readonly #runtime = systemRuntime({ log: silentLogger });
  readonly #options: LightAgentOptions;

  constructor(options: LightAgentOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { control, service, token } = this.#options;
    const { channel } = await signIn({
      control,
      token,
      namespace: "default",
      serviceAccount: service,
    });
    this.#channel = channel;
    this.#attach();
    this.#follow(channel);
  }

  close(): void {
    this.#isClosed = true;
    this.#xds?.close();
    this.#channel?.close();
  }

  /** One Attach stream after another, 200 ms apart: the control plane may be away. */
  #attach(): void {
    if (this.#isClosed) return;
    const stream = this.#channel?.attach();
    if (stream === undefined) return;
    const { meshPort, service, workload } = this.#options;
    stream.begin({
      onMessage: (message) => {
        if (message.message?.$case !== "registered") return;
        this.isRegistered = true;
        const health = { ready: true, reason: "Healthy", message: "" };
        stream.send({ message: { $case: "health", health } });
      },
      onDrain: () => {},
      onEnd: () => {
        this.isRegistered = false;
        setTimeout(() => this.#attach(), 200);
      },
    });
    const register = Register.fromPartial({
      namespace: "default",
      workload,
      serviceAccount: service,
      service,
      labels: { "weft.dev/service": service },
      address: "127.0.0.1",
      ports: [{ name: "http", port: 9, protocol: "http", meshPort }],
      weight: 100,
      create: true,
      version: "0.1.0",
      proxyKind: "builtin",
      servicePort: 80,
    });
    stream.send({ message: { $case: "register", register } });
  }

  #follow(channel: GrpcChannel): void {
    const { service, workload } = this.#options;
    this.#xds = createXdsClient({
      runtime: this.#runtime,
      node: writeNode({
        namespace: "default",
        workload,
        serviceAccount: service,
        cluster: service,
        kind: "builtin",
        version: "0.1.0",
        ports: [],
      }),
      connect: () => channel.deltaAds(),
      handler: {
        onUpdate: (typeUrl, changed, removed) => {
          if (typeUrl !== typeUrls.endpoint) return null;
          for (const { resource } of changed) {
            const { endpoints } = ClusterLoadAssignment.decode(resource);
            this.endpointCounts.push(endpoints.reduce((sum, l) => sum + l.lbEndpoints.length, 0));
          }
          for (const _name of removed) this.endpointCounts.push(0);
          return null;
        },
      },
    });
    this.#xds.subscribe(typeUrls.endpoint, [`${service}.default.svc.cluster.local:80`]);
  }
}
