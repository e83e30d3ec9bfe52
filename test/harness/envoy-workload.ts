// A workload whose proxy is the real Envoy, against a real control plane: signed in, registered
// and kept alive as an agent would, with Envoy on the ADS port as a node of kind `envoy`.

import type { TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import { writeNode } from "@weft/xds";
import { Register } from "@weft/xds/messages/weft/v1/agent.js";
import { type Envoy, startEnvoy } from "./envoy.ts";
import type { Mesh } from "./mesh.ts";
import { eventually } from "./processes.ts";
import { localToken, signIn } from "./sign-in.ts";

export interface EnvoyWorkloadOptions {
  readonly binary: string;
  readonly transport: "delta" | "sotw";
  readonly service: string;
  /** Of the program behind it, which has to be running; null: client-only. */
  readonly port: number | null;
}

export interface EnvoyWorkload extends Envoy {
  /** `<namespace>/<workload>`. */
  readonly id: string;
  readonly spiffeId: string;
  readonly outboundPort: number;
  /** Where its inbound listener is; null when client-only. */
  readonly meshPort: number | null;
}

const controlPlaneId = "spiffe://weft.local/ns/weft-system/sa/control-plane";
const version = "0.1.0";
const namespace = "default";

/** Resolves when Envoy serves; it leaves with the test. */
export async function startEnvoyWorkload(
  context: TestContext,
  mesh: Mesh,
  options: EnvoyWorkloadOptions,
): Promise<EnvoyWorkload> {
  const { binary, port, service, transport } = options;
  const control = `127.0.0.1:${mesh.xdsPort}`;
  const token = localToken(mesh.environment["WEFT_DATA_DIR"] ?? "");
  const signedIn = await signIn({ control, token, namespace, serviceAccount: service });
  const workload = `${service}-envoy`;
  const ports =
    port === null ? [] : [{ name: "http", port, protocol: "http", meshPort: await freePort() }];
  await register(context, signedIn.channel.attach(), { workload, service, ports });
  const outboundPort = await freePort();
  const node = writeNode({
    namespace,
    workload,
    serviceAccount: service,
    cluster: service,
    kind: "envoy",
    version,
    ports,
    outboundPort,
  });
  const envoy = await startEnvoy(context, {
    binary,
    xdsAddress: control,
    transport,
    node: { id: node.id, cluster: node.cluster, metadata: node.metadata ?? {} },
    identity: signedIn.identity,
    controlPlaneId,
  });
  context.after(() => signedIn.channel.close());
  await eventually(`Envoy of ${service} is live`, async () =>
    (await envoy.admin("/ready")).startsWith("LIVE") ? true : null,
  );
  const meshPort = ports[0]?.meshPort ?? null;
  const id = `${namespace}/${workload}`;
  return { ...envoy, id, spiffeId: signedIn.spiffeId, outboundPort, meshPort };
}

/** The open stream is the workload's life. */
function register(
  context: TestContext,
  stream: ReturnType<Awaited<ReturnType<typeof signIn>>["channel"]["attach"]>,
  { workload, service, ports }: { workload: string; service: string; ports: Register["ports"] },
): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.begin({
      onMessage: ({ message }) => {
        if (message?.$case !== "registered") return;
        const health = { ready: true, reason: "Healthy", message: "" };
        stream.send({ message: { $case: "health", health } });
        resolve();
      },
      onDrain: () => {},
      onEnd: (status) => reject(new Error(`registration ended: ${JSON.stringify(status)}`)),
    });
    context.after(() => stream.close());
    const body = Register.fromPartial({
      namespace,
      workload,
      serviceAccount: service,
      service: ports.length === 0 ? "" : service,
      labels: { "weft.dev/service": service },
      address: "127.0.0.1",
      ports,
      weight: 100,
      create: true,
      version,
      proxyKind: "envoy",
      servicePort: ports[0]?.port ?? 0,
    });
    stream.send({ message: { $case: "register", register: body } });
  });
}
