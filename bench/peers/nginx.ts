// nginx as a proxy: keep-alive to the origin; the pair speaks HTTP/1.1 over mTLS, the only way it
// can.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { makeCertificates } from "../certificates.ts";
import { ready, Crew, type InboundSide, type Peer, type PeerOptions } from "../peer.ts";

export function nginxConfiguration(dir: string, http: string): string {
  return `daemon off; master_process off; worker_processes 1;
pid ${dir}/nginx.pid; error_log ${dir}/error.log;
events { worker_connections 4096; }
http { access_log off; ssl_protocols TLSv1.2 TLSv1.3; keepalive_requests 100000000;
client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
fastcgi_temp_path ${dir}/fastcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
${http} }
`;
}

export const nginxPath = (): string => {
  for (const candidate of ["/usr/sbin/nginx", "nginx"]) {
    try {
      execFileSync(candidate, ["-v"], { stdio: "ignore" });
      return candidate;
    } catch {
      // Try the next place.
    }
  }
  return "";
};

/** gRPC to gRPC, over TLS when there are lines for it. */
function grpcProxy(listen: string, upstream: string, origin: string, tls = ""): string {
  const scheme = tls === "" ? "grpc" : "grpcs";
  return `upstream ${upstream} { server ${origin}; keepalive 128; keepalive_requests 100000000; }
server { listen ${listen} http2; location / { grpc_pass ${scheme}://${upstream}; ${tls} } }`;
}

function proxy(listen: string, upstream: string, origin: string, tls = ""): string {
  const scheme = tls === "" ? "http" : "https";
  return `upstream ${upstream} { server ${origin}; keepalive 128; keepalive_requests 100000000; }
server { listen ${listen}; location / { proxy_pass ${scheme}://${upstream}; proxy_http_version 1.1;
proxy_set_header Connection ""; proxy_set_header Host $host; ${tls} } }`;
}

async function startNginx(options: PeerOptions): Promise<Awaited<ReturnType<Peer["start"]>>> {
  const crew = new Crew();
  const { dir, originPort, topology } = options;
  const port = await freePort();
  const launch = (name: string, http: string): number => {
    const own = path.join(dir, name);
    mkdirSync(own, { recursive: true });
    writeFileSync(path.join(own, "nginx.conf"), nginxConfiguration(own, http));
    return crew.spawn(nginxPath(), ["-p", own, "-c", path.join(own, "nginx.conf")]);
  };
  const pids: number[] = [];
  let inbound: InboundSide | null = null;
  if (topology === "one-hop") {
    pids.push(launch("one", proxy(`127.0.0.1:${port}`, "origin", `127.0.0.1:${originPort}`)));
  } else {
    const certs = makeCertificates(dir);
    const inner = await freePort();
    const isGrpc = topology === "grpc-pair";
    const pass = isGrpc ? grpcProxy : proxy;
    const client = `proxy_ssl_certificate ${certs.cert}; proxy_ssl_certificate_key ${certs.key};
proxy_ssl_trusted_certificate ${certs.ca}; proxy_ssl_verify on; proxy_ssl_verify_depth 2;
proxy_ssl_name bench; proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_session_reuse on;`;
    const server = pass(`127.0.0.1:${inner} ssl`, "origin", `127.0.0.1:${originPort}`).replace(
      "location /",
      `ssl_certificate ${certs.cert}; ssl_certificate_key ${certs.key}; ssl_client_certificate ${certs.ca}; ssl_verify_client on; ssl_verify_depth 2; location /`,
    );
    pids.push(launch("in", server));
    pids.push(
      launch(
        "out",
        pass(
          `127.0.0.1:${port}`,
          "inner",
          `127.0.0.1:${inner}`,
          isGrpc ? client.replaceAll("proxy_ssl", "grpc_ssl") : client,
        ),
      ),
    );
    inbound = { port: inner, pid: pids[0] as number, certificates: certs };
  }
  await ready(topology, port);
  return { port, pids, ...(inbound === null ? {} : { inbound }), stop: () => crew.stop() };
}

export const nginx: Peer = {
  name: "nginx",
  topologies: ["one-hop", "pair", "grpc-pair"],
  find() {
    const file = nginxPath();
    if (file === "") return { why: "nginx is not installed" };
    const text = execFileSync("sh", ["-c", `${file} -v 2>&1`]).toString();
    return { version: /nginx\/(\S+)/.exec(text)?.[1] ?? "?" };
  },
  start: startNginx,
};
