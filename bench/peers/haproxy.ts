// HAProxy as a proxy; the pair speaks HTTP/2 over mTLS, its fastest way.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { makeCertificates } from "../certificates.ts";
import { answering, Crew, type Peer, type PeerOptions } from "../peer.ts";

// HTTP/2 has no reason phrase, and h2load does not take a status line without one.
const reason = "http-response set-status 200 reason OK if { status 200 }";

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
  const { dir, originPort, scenario } = options;
  const port = await freePort();
  const launch = (name: string, text: string): number => {
    const file = path.join(dir, `${name}.cfg`);
    writeFileSync(file, head + text);
    return crew.spawn("haproxy", ["-db", "-f", file]);
  };
  const pids: number[] = [];
  const server = `server s 127.0.0.1`;
  if (scenario === "one-hop") {
    pids.push(
      launch(
        "one",
        `frontend f\n  bind 127.0.0.1:${port}\n  default_backend b\nbackend b\n  ${server}:${originPort}\n`,
      ),
    );
  } else {
    const certs = makeCertificates(dir);
    const inner = await freePort();
    pids.push(
      launch(
        "in",
        `frontend f\n  bind 127.0.0.1:${inner} ssl crt ${certs.both} ca-file ${certs.ca} verify required alpn h2\n  default_backend b\nbackend b\n  ${server}:${originPort}\n`,
      ),
      launch(
        "out",
        `frontend f\n  bind 127.0.0.1:${port}\n  ${reason}\n  default_backend b\nbackend b\n  ${server}:${inner} ssl crt ${certs.both} ca-file ${certs.ca} verify required verifyhost bench sni str(bench) alpn h2\n`,
      ),
    );
  }
  await answering(port, "/");
  return { port, path: "/", pids, stop: () => crew.stop() };
}

export const haproxy: Peer = {
  name: "haproxy",
  scenarios: ["one-hop", "pair"],
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
