// Weft as users run it: a control plane, and one sidecar (plain to an unmeshed endpoint) or two
// (mTLS between).

import { mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { type Certificates, makeMeshCertificate } from "../certificates.ts";
import { endsTls } from "../handshakes.ts";
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
      ports: [
        {
          name: protocols[topology],
          port: 80,
          targetPort: protocols[topology],
          appProtocol: protocols[topology],
        },
      ],
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
  const plural = `${kind.toLowerCase()}s`;
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
  objects: readonly object[],
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
  for (const object of [...service(originPort, topology), ...objects]) {
    await create(`http://127.0.0.1:${api}`, object);
  }
  const pids: number[] = [];
  if (topology !== "one-hop") {
    const flags = [
      ...["sidecar", "--service", "origin", "--port", String(originPort)],
      ...["--protocol", protocols[topology]],
    ];
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
  if (topology === "one-hop") return { port, pids, stop: () => crew.stop() };
  const certificates = makeMeshCertificate(dir, path.join(dir, "data/ca"));
  const pid = pids[0] as number;
  const inbound = { port: await inboundPort(pid, certificates), pid, certificates };
  return { port, pids, inbound, stop: () => crew.stop() };
}

/** Of the ports a sidecar listens on, the one that ends mutual TLS. */
async function inboundPort(pid: number, certificates: Certificates): Promise<number> {
  for (const port of listeningPorts(pid)) {
    const inbound = { port, pid, certificates };
    if (await endsTls(inbound)) return port;
  }
  throw new Error("the sidecar ends mutual TLS nowhere");
}

function listeningPorts(pid: number): number[] {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const found = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
    if (found !== null) inodes.add(found[1] ?? "");
  }
  const ports: number[] = [];
  for (const row of readFileSync("/proc/net/tcp", "utf8").trim().split("\n").slice(1)) {
    const [, local = "", , state, , , , , , inode = ""] = row.trim().split(/\s+/);
    const port = Number.parseInt(local.split(":")[1] ?? "", 16);
    if (state === "0A" && inodes.has(inode)) ports.push(port);
  }
  return [...new Set(ports)];
}

async function fileText(file: string): Promise<string> {
  const deadline = performance.now() + 90_000;
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
export function weftOf(root: string, name: string, objects: readonly object[] = []): Peer {
  return {
    name,
    topologies: ["one-hop", "pair", "grpc-pair", "tcp-pair"],
    find() {
      const text = readFileSync(path.join(root, "packages/cli/package.json"), "utf8");
      return { version: (JSON.parse(text) as { version: string }).version };
    },
    start: (options) => startWeft(root, options, objects),
  };
}

export const weft: Peer = weftOf(here, "weft");
