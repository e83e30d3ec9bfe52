// nginx and HAProxy as plain proxies of HTTP/1.1 and of HTTP/2 by prior knowledge, and an origin
// that takes anything: what comes back says whether the proxy passed it on.

import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import { FrameType, RawHttp2 } from "../conformance/http2-raw.ts";
import { eventually, start } from "../harness/processes.ts";

export interface StrictPeer {
  readonly name: string;
  readonly http1Port: number;
  readonly http2Port: number;
}

/** Says 200 to what it could read whole, and to what its own parser refuses. */
export async function startOrigin(context: TestContext): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end());
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const isRefused = error.code?.startsWith("HPE_") === true && socket.writable;
    socket.end(isRefused ? "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" : "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

export async function startPeers(context: TestContext, origin: number): Promise<StrictPeer[]> {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-strictness-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  const peers = [await nginx(context, dir, origin), await haproxy(context, dir, origin)];
  for (const { name, http1Port, http2Port } of peers) {
    const plain = "GET / HTTP/1.1\r\nHost: app\r\n\r\n";
    await eventually(`${name} serves`, async () => (await isTaken(http1Port, plain)) || null);
    await eventually(`${name} serves HTTP/2`, async () => {
      const get = (to: RawHttp2): RawHttp2 =>
        to.headers(1, [
          [":method", "GET"],
          [":scheme", "http"],
          [":authority", "app"],
          [":path", "/"],
        ]);
      return (await isTakenHttp2(http2Port, get)) || null;
    });
  }
  return peers;
}

async function nginx(context: TestContext, dir: string, origin: number): Promise<StrictPeer> {
  const [http1Port, http2Port] = [await freePort(), await freePort()];
  const file = path.join(dir, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => {
    mkdirSync(path.join(dir, name));
    return `${name}_temp_path ${dir}/${name};`;
  });
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/log;
events {}
http { access_log off; ${temporary.join(" ")}
server { listen 127.0.0.1:${http1Port}; listen 127.0.0.1:${http2Port} http2; location / {
proxy_pass http://127.0.0.1:${origin}; proxy_http_version 1.1; } } }`,
  );
  start(context, "/usr/sbin/nginx", ["-p", dir, "-c", file]);
  return { name: "nginx", http1Port, http2Port };
}

async function haproxy(context: TestContext, dir: string, origin: number): Promise<StrictPeer> {
  const [http1Port, http2Port] = [await freePort(), await freePort()];
  const file = path.join(dir, "haproxy.cfg");
  const times = ["connect", "client", "server"].map((name) => `  timeout ${name} 2s\n`);
  writeFileSync(
    file,
    `defaults\n  mode http\n  http-reuse never\n${times.join("")}frontend f
  bind 127.0.0.1:${http1Port}\n  bind 127.0.0.1:${http2Port} proto h2\n  default_backend b
backend b\n  server s 127.0.0.1:${origin}\n`,
  );
  start(context, "/usr/sbin/haproxy", ["-db", "-f", file]);
  return { name: "haproxy", http1Port, http2Port };
}

/** A proxy that still waits for the rest then has not taken it. */
const silenceMs = 4_000;

/** Whether a success came back to these bytes. */
export function isTaken(port: number, bytes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let text = "";
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(/^HTTP\/1\.[01] 2\d\d /.test(text));
    };
    const timer = setTimeout(finish, silenceMs);
    socket.on("data", (more: Buffer) => {
      text += more.toString("latin1");
      if (text.includes("\r\n\r\n")) finish();
    });
    socket.on("error", finish);
    socket.on("close", finish);
    socket.write(Buffer.from(bytes, "latin1"));
  });
}

/**
 * Whether a success came back to what `say` says: on the stream it returns (1 when it returns the
 * connection).
 */
export async function isTakenHttp2(
  port: number,
  say: (connection: RawHttp2) => unknown,
): Promise<boolean> {
  const connection = new RawHttp2(port);
  const said = say(connection);
  const streamId = typeof said === "number" ? said : 1;
  // Interim responses may come first.
  const isSaid = (): boolean =>
    connection.frames.some(
      ({ type, streamId: id, payload }) =>
        type === FrameType.Headers && id === streamId && isSuccess(payload),
    );
  await connection
    .until(
      (own) => isSaid() || own.hasAnswered(streamId) || own.resetOf(streamId) >= 0 || own.isOver,
      silenceMs,
    )
    .catch(() => {});
  connection.close();
  return isSaid();
}

/** The first field of the block is `:status: 200` (RFC 7541 appendix A). */
function isSuccess(block: Buffer): boolean {
  let at = 0;
  // A table size update may stand before it, of one byte or continued.
  while (((block[at] ?? 0) & 0xe0) === 0x20) {
    const isContinued = (block[at++] as number) === 0x3f;
    if (isContinued) while (((block[at++] ?? 0) & 0x80) !== 0);
  }
  return block[at] === 0x88;
}
