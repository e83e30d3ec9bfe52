// What the proxies stand before: nginx with contents of a few sizes, and nghttpd as a gRPC server
// whose every call is answered with five bytes and grpc-status 0.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@weft/runtime";
import { answering, answeringGrpc, type Crew } from "./peer.ts";
import { nginxConfiguration, nginxPath } from "./peers/nginx.ts";
import type { Topology } from "./scenarios/scenario.ts";

/** A message of gRPC: not compressed, five bytes. */
export const grpcMessage: Buffer = Buffer.from("\0\0\0\0\x05hello", "latin1");

export async function startOrigin(crew: Crew, dir: string, topology: Topology): Promise<number> {
  const own = path.join(dir, "origin");
  const port = await freePort();
  if (topology === "grpc-pair") {
    mkdirSync(path.join(own, "bench.Echo"), { recursive: true });
    writeFileSync(path.join(own, "bench.Echo/Unary"), grpcMessage);
    const flags = ["--no-tls", "-a", "127.0.0.1", "-d", own, "--trailer", "grpc-status: 0"];
    crew.spawn("nghttpd", [...flags, String(port)]);
    await answeringGrpc(port);
    return port;
  }
  mkdirSync(path.join(own, "files"), { recursive: true });
  for (const [name, bytes] of [
    ["64k", 64 * 1024],
    ["1m", 1024 * 1024],
  ] as const) {
    writeFileSync(path.join(own, "files", name), Buffer.alloc(bytes, "x"));
  }
  const answer = `return 200 "${"x".repeat(66)}";`;
  const small = `location = / { ${answer} } location /r { ${answer} }`;
  const server = `sendfile on; server { listen 127.0.0.1:${port}; root ${own}/files; ${small} }`;
  writeFileSync(path.join(own, "nginx.conf"), nginxConfiguration(own, server));
  crew.spawn(nginxPath(), ["-p", own, "-c", path.join(own, "nginx.conf")]);
  await answering(port, "/");
  return port;
}
