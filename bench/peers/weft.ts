// Weft as users run it: a control plane, and one sidecar (plain to an unmeshed endpoint) or two
// (mTLS between).

import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { answering, Crew, listening, ready, type Peer, type PeerOptions } from "../peer.ts";
import type { Topology } from "../scenarios/scenario.ts";

const here = path.resolve(import.meta.dirname, "../..");

const protocols: Readonly<Record<Topology, string>> = {
  "one-hop": "http",
  pair: "http",
  "grpc-pair": "grpc",
  "tcp-pair": "tcp",
};

const service = (originPort: number, topology: Topology): object[] => [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "origin", namespace: "default" },
    spec: {
      ports: [{ name: "http", port: 80, targetPort: "http", appProtocol: protocols[topology] }],
      ...(topology !== "one-hop" ? { selector: { "weft.dev/service": "origin" } } : {}),
    },
  },
  ...(topology !== "one-hop"
    ? []
    : [
        {
          apiVersion: "discovery.k8s.io/v1",
          kind: "EndpointSlice",
          metadata: {
            name: "origin-1",
            namespace: "default",
            labels: { "kubernetes.io/service-name": "origin" },
          },
          addressType: "IPv4",
          endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
          ports: [{ name: "http", port: originPort, appProtocol: "http" }],
        },
      ]),
];

async function create(api: string, object: object): Promise<void> {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const base = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  const plural = kind === "Service" ? "services" : "endpointslices";
  const answer = await fetch(`${api}${base}/namespaces/default/${plural}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(object),
  });
  if (!answer.ok) throw new Error(`${kind}: ${answer.status} ${await answer.text()}`);
}

async function startWeft(
  root: string,
  options: PeerOptions,
): Promise<Awaited<ReturnType<Peer["start"]>>> {
  const { dir, originPort, topology } = options;
  const bin = path.join(root, "node_modules/.bin/weft");
  const crew = new Crew();
  const [api, xds] = [await freePort(), await freePort()];
  mkdirSync(dir, { recursive: true });
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? dir,
    WEFT_DATA_DIR: path.join(dir, "data"),
    NODE_OPTIONS: process.env["BENCH_NODE_OPTIONS"] ?? "",
    WEFT_CONTROL: `127.0.0.1:${xds}`,
  };
  crew.spawn(bin, ["up", "--listen", `127.0.0.1:${api}`, "--xds", `127.0.0.1:${xds}`], environment);
  await answering(api, "/readyz");
  for (const object of service(originPort, topology))
    await create(`http://127.0.0.1:${api}`, object);
  const pids: number[] = [];
  if (topology !== "one-hop") {
    const flags = ["sidecar", "--service", "origin", "--port", String(originPort)];
    pids.push(crew.spawn(bin, flags, environment));
  }
  const log = path.join(dir, "client.log");
  // A CMD that only says where the upstream listens.
  const say = [
    "--",
    "sh",
    "-c",
    'echo "$WEFT_UPSTREAM_ORIGIN" > "$0"; exec sleep 100000',
    path.join(dir, "address"),
  ];
  pids.push(
    crew.spawn(
      bin,
      ["run", "--service", "client", "--upstream", "origin", "--log-file", log, ...say],
      environment,
    ),
  );
  const address = await fileText(path.join(dir, "address"));
  const port = Number(address.trim().split(":")[1]);
  await listening(port);
  await ready(topology, port);
  return { port, pids, stop: () => crew.stop() };
}

async function fileText(file: string): Promise<string> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      const text = readFileSync(file, "utf8");
      if (text !== "") return text;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The Weft of a clone: this one, or another to compare a change with. */
export function weftOf(root: string, name: string): Peer {
  return {
    name,
    topologies: ["one-hop", "pair", "grpc-pair", "tcp-pair"],
    find() {
      const text = readFileSync(path.join(root, "packages/cli/package.json"), "utf8");
      return { version: (JSON.parse(text) as { version: string }).version };
    },
    start: (options) => startWeft(root, options),
  };
}

export const weft: Peer = weftOf(here, "weft");
