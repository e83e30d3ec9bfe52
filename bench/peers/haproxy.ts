// HAProxy as a proxy; the pair speaks HTTP/2 over mTLS, its fastest way.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { makeCertificates } from "../certificates.ts";
import { ready, Crew, type InboundSide, type Peer, type PeerOptions } from "../peer.ts";
import type { Topology } from "../scenarios/scenario.ts";

// HTTP/2 has no reason phrase, and h2load does not take a status line without one.
const reason = "  http-response set-status 200 reason OK if { status 200 }\n";

/** How the two sides speak: with each other, and with client and origin. */
function pairOf(topology: Topology): Record<"mode" | "between" | "plain" | "edit", string> {
  if (topology === "tcp-pair") return { mode: "tcp", between: "", plain: "", edit: "" };
  const isGrpc = topology === "grpc-pair";
  return {
    mode: "http",
    between: "alpn h2",
    plain: isGrpc ? "proto h2" : "",
    edit: isGrpc ? "" : reason,
  };
}

const head = `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
`;

async function startHaproxy(options: PeerOptions): Promise<Awaited<ReturnType<Peer["start"]>>> {
  const crew = new Crew();
  const { dir, originPort, topology } = options;
  const port = await freePort();
  const launch = (name: string, text: string): number => {
    const file = path.join(dir, `${name}.cfg`);
    writeFileSync(file, head + text);
    return crew.spawn("haproxy", ["-db", "-f", file]);
  };
  const pids: number[] = [];
  let inbound: InboundSide | null = null;
  const server = `server s 127.0.0.1`;
  if (topology === "one-hop") {
    pids.push(
      launch(
        "one",
        `frontend f\n  bind 127.0.0.1:${port}\n  default_backend b\nbackend b\n  ${server}:${originPort}\n`,
      ),
    );
  } else {
    const certs = makeCertificates(dir);
    const inner = await freePort();
    const both = `ssl crt ${certs.both} ca-file ${certs.ca} verify required`;
    const { mode, between, plain, edit } = pairOf(topology);
    const side = (bind: string, server: string): string =>
      `frontend f\n  mode ${mode}\n  bind 127.0.0.1:${bind}\n  default_backend b\nbackend b\n  mode ${mode}\n  server s 127.0.0.1:${server}\n`;
    const toInner = `${inner} ${both} verifyhost bench sni str(bench) ${between}`;
    pids.push(
      launch("in", side(`${inner} ${both} ${between}`, `${originPort} ${plain}`)),
      launch("out", side(`${port} ${plain}`, toInner).replace("  default", `${edit}  default`)),
    );
    inbound = { port: inner, pid: pids[0] as number, certificates: certs };
  }
  await ready(topology, port);
  return { port, pids, ...(inbound === null ? {} : { inbound }), stop: () => crew.stop() };
}

export const haproxy: Peer = {
  name: "haproxy",
  topologies: ["one-hop", "pair", "grpc-pair", "tcp-pair"],
  find() {
    try {
      const text = execFileSync("haproxy", ["-v"]).toString();
      return { version: /version (\S+)/.exec(text)?.[1] ?? "?" };
    } catch {
      return { why: "haproxy is not installed" };
    }
  },
  start: startHaproxy,
};
