// The same raw requests through us, nginx and HAProxy: what one of them refuses we refuse too, or
// strictness.yaml says why not.

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import { parse } from "yaml";
import { Mesh, parse as parseObjects } from "../conformance/harness.ts";
import {
  chunked,
  cut,
  get,
  host,
  line,
  post,
  refused,
} from "../conformance/http1-request-cases.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually, start } from "../harness/processes.ts";

interface Input {
  readonly id: string;
  readonly bytes: string;
}

/** Legal, or on the border of it; nobody here has to take them. */
const bordering: readonly Input[] = [
  { id: "plain", bytes: get("") },
  { id: "1.0 without Host", bytes: "GET /x HTTP/1.0\r\n\r\n" },
  { id: "absolute form", bytes: `GET http://app/x HTTP/1.1\r\n${host}\r\n` },
  { id: "dot segments", bytes: line("GET /a/../b HTTP/1.1") },
  { id: "dot segments above the root", bytes: line("GET /../b HTTP/1.1") },
  { id: "double slash", bytes: line("GET //b HTTP/1.1") },
  { id: "odd query", bytes: line('GET /x?a=b|c"{} HTTP/1.1') },
  { id: "escaped tilde", bytes: line("GET /%7ea HTTP/1.1") },
  { id: "OPTIONS *", bytes: line("OPTIONS * HTTP/1.1") },
  { id: "unknown method", bytes: line("BREW /x HTTP/1.1") },
  { id: "lower-case method", bytes: line("get /x HTTP/1.1") },
  { id: "HTTP/1.2", bytes: line("GET /x HTTP/1.2") },
  { id: "space at the line's end", bytes: line("GET /x HTTP/1.1 ") },
  { id: "one line end first", bytes: `\r\n${get("")}` },
  { id: "Host with port", bytes: "GET /x HTTP/1.1\r\nHost: app:80\r\n\r\n" },
  { id: "empty Host", bytes: "GET /x HTTP/1.1\r\nHost:\r\n\r\n" },
  { id: "no space after colon", bytes: get("X-A:1\r\n") },
  { id: "space after value", bytes: get("X-A: 1  \t\r\n") },
  { id: "empty value", bytes: get("X-A:\r\n") },
  { id: "eight bits in a value", bytes: get("X-A: caf\xe9\r\n") },
  { id: "DEL in a value", bytes: get("X-A: 1\x7f2\r\n") },
  { id: "a name with underscore", bytes: get("X_A: 1\r\n") },
  { id: "a name with a dot", bytes: get("X.A: 1\r\n") },
  { id: "a name with brackets", bytes: get("X(A): 1\r\n") },
  { id: "Upgrade: h2c", bytes: get("Connection: Upgrade\r\nUpgrade: h2c\r\n") },
  { id: "GET with a body", bytes: get("Content-Length: 2\r\n").concat("ab") },
  { id: "length with zeros", bytes: post("Content-Length: 0003\r\n", "abc") },
  { id: "length with spaces around", bytes: post("Content-Length:   3  \r\n", "abc") },
  { id: "Chunked", bytes: post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n") },
  { id: "chunk size with zeros", bytes: chunked("0003\r\nabc\r\n0\r\n\r\n") },
  { id: "chunk size in capitals", bytes: chunked("A\r\n0123456789\r\n0\r\n\r\n") },
  { id: "chunk extension", bytes: chunked("3;a=b\r\nabc\r\n0\r\n\r\n") },
  { id: "chunk extension with blanks", bytes: chunked("3 ; a=b\r\nabc\r\n0\r\n\r\n") },
  { id: "trailers", bytes: chunked("3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n") },
  { id: "trailers that frame", bytes: chunked("3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n") },
  { id: "malformed trailers", bytes: chunked("3\r\nabc\r\n0\r\nX T: 1\r\n\r\n") },
];

/** Answers what it could read whole; node's own parser judges what a proxy passes on. */
async function startOrigin(context: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

async function startPeers(context: TestContext, origin: number): Promise<Map<string, number>> {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-strictness-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  const [nginxPort, haproxyPort] = [await freePort(), await freePort()];
  const nginx = path.join(dir, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => {
    mkdirSync(path.join(dir, name));
    return `${name}_temp_path ${dir}/${name};`;
  });
  writeFileSync(
    nginx,
    `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/log;
events {}
http { access_log off; ${temporary.join(" ")}
server { listen 127.0.0.1:${nginxPort}; location / {
proxy_pass http://127.0.0.1:${origin}; proxy_http_version 1.1; } } }`,
  );
  start(context, "/usr/sbin/nginx", ["-p", dir, "-c", nginx]);
  const haproxy = path.join(dir, "haproxy.cfg");
  const times = ["connect", "client", "server"].map((name) => `  timeout ${name} 2s\n`);
  writeFileSync(
    haproxy,
    `defaults\n  mode http\n${times.join("")}frontend f\n  bind 127.0.0.1:${haproxyPort}
  default_backend b\nbackend b\n  server s 127.0.0.1:${origin}\n`,
  );
  start(context, "/usr/sbin/haproxy", ["-db", "-f", haproxy]);
  const ports = new Map([
    ["nginx", nginxPort],
    ["haproxy", haproxyPort],
  ]);
  for (const [name, port] of ports) {
    await eventually(`${name} serves`, async () => ((await isTaken(port, get(""))) ? true : null));
  }
  return ports;
}

/** A proxy that still waits for the rest then has not taken it. */
const silenceMs = 4_000;

/** Whether a success came back. */
function isTaken(port: number, bytes: string): Promise<boolean> {
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

const objects = `
kind: Service
metadata: { name: app }
spec:
  selector: { weft.dev/service: app }
  ports: [{ name: http, port: 80, targetPort: http, appProtocol: http }]
---
kind: Workload
metadata: { name: app-1, labels: { weft.dev/service: app } }
spec: { serviceAccount: app, ports: [{ name: http }] }
---
kind: Workload
metadata: { name: web }
`;

test("we are never laxer than the stricter of nginx and HAProxy", async (context) => {
  const fix = "npm run setup:test installs it";
  if (!hasPart(context, "nginx", existsSync("/usr/sbin/nginx"), fix)) return;
  if (!hasPart(context, "haproxy", existsSync("/usr/sbin/haproxy"), fix)) return;
  const file = path.join(import.meta.dirname, "strictness.yaml");
  const listed = parse(readFileSync(file, "utf8")) as { id: string; reason: string }[];
  const reasons = new Map(listed.map(({ id, reason }) => [id, reason]));
  const peers = await startPeers(context, await startOrigin(context));
  const mesh = await Mesh.open(parseObjects(objects), 1, {});
  context.after(() => mesh.close());
  const ours = [mesh.proxy("web").ports.outbound, mesh.inbound("app-1")];
  const laxer: string[] = [];
  const taken = new Set<string>();
  await Promise.all(
    [...refused, ...cut, ...bordering].map(async ({ id, bytes }) => {
      const own = await Promise.all(ours.map((port) => isTaken(port, bytes)));
      if (!own.includes(true)) return;
      taken.add(id);
      for (const [name, port] of peers) {
        if (await isTaken(port, bytes)) continue;
        if (!reasons.delete(id)) laxer.push(`${id}: refused by ${name}`);
      }
    }),
  );
  assert.ok(taken.has("plain") && taken.has("trailers"), "legal requests are taken");
  assert.deepEqual(laxer.sort(), []);
  assert.deepEqual([...reasons.keys()], [], "listed without need");
});
