// Programs in several languages call and serve through the mesh, unmodified: what they read is the
// environment that `weft run` gives them.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import { findProgram, systemNode } from "../harness/interpreters.ts";
import { Mesh, nodeBin, root, type RunningWorkload, weftBin } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually, run } from "../harness/processes.ts";

const fixture = (name: string): string => path.join(root, "test/harness/programs", name);
const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];
const python = findProgram(["python3"], ["--version"]);
const setUp = "install it with `npm run setup:test`";

interface Call {
  readonly how: string;
  readonly status: number;
  readonly path: string;
  readonly method: string;
  readonly body: string;
  readonly client: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface Ask {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly agent?: Agent;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

function ask({ body, ...options }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", ...options }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.once("error", reject);
      incoming.once("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** Runs a program to its end as a client-only workload; its own output. */
async function call(mesh: Mesh, service: string, command: readonly string[]): Promise<string> {
  const log = path.join(mesh.dir, `${service}.log`);
  const args = ["run", "--service", service, "--log-file", log, "--", ...command];
  const { code, stderr, stdout } = await run(weftBin, args, { env: mesh.environment });
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.equal(stderr, "", "and nothing on its standard error");
  return stdout;
}

/** A client-only workload with one `--upstream`; where that listens. */
async function upstream(mesh: Mesh, written: string): Promise<number> {
  const service = `to-${written.replace(/[^a-z0-9]/g, "-")}`;
  const variable = `WEFT_UPSTREAM_${written.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
  const workload = await mesh.run({
    service,
    port: null,
    flags: ["--upstream", written],
    command: ["sh", "-c", `echo "AT $${variable}"; exec sleep 1000`],
  });
  return Number((await workload.printed(/AT 127\.0\.0\.1:(\d+)/))[1]);
}

test("programs call services unmodified", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  await mesh.run({ service: "catalog", port: await freePort(), command: echo });
  await mesh.ready("catalog", 1);

  const nodeCalls = async (file: string, service: string): Promise<void> => {
    const url = "http://catalog";
    const output = await call(mesh, service, [file, fixture("caller.mjs"), url]);
    const calls = Array.from(
      output.matchAll(/^CALL (.*)$/gm),
      ([, text = ""]) => JSON.parse(text) as Call,
    );
    const seen = [...calls].map(({ client, ...rest }) => {
      assert.match(client, new RegExp(`/sa/${service}(;|$|")`), `${rest.how}: over mTLS`);
      return rest;
    });
    assert.deepEqual(seen, [
      { how: "fetch", status: 200, path: "/fetch", method: "GET", body: "" },
      { how: "http.request", status: 200, path: "/http", method: "GET", body: "" },
      { how: "fetch", status: 200, path: "/fetch", method: "POST", body: "from fetch" },
      { how: "http.request", status: 200, path: "/http", method: "POST", body: "from http" },
      { how: "expect", status: 200, path: "/http", method: "PUT", body: "expected" },
    ]);
  };

  await context.test(`Node ${process.versions.node}`, async () => {
    await nodeCalls(nodeBin, "node-packaged");
  });

  await context.test("Node 20, which reads no proxy variables", async (inner) => {
    const node = systemNode();
    if (node === null) return inner.skip("there is no Node beside the packaged one");
    if (node.major > 20) return inner.skip(`the system's Node is ${node.version}`);
    await nodeCalls(node.file, "node-old");
  });

  await context.test("Python's urllib", async (inner) => {
    if (!hasPart(inner, "python", python !== null, setUp) || python === null) return;
    const script = [
      "import json, urllib.request as r",
      "print(json.load(r.urlopen('http://catalog/items?x=1'))['path'])",
      "print(json.load(r.urlopen(r.Request('http://catalog.default/p', data=b'hello')))['body'])",
    ].join("\n");
    assert.equal(await call(mesh, "python", [python, "-c", script]), "/items?x=1\nhello\n");
  });

  await context.test("curl, by every form of the name", async (inner) => {
    const curl = findProgram(["curl"], ["--version"]);
    if (!hasPart(inner, "curl", curl !== null, setUp) || curl === null) return;
    const names = ["catalog", "catalog.default", "catalog.default.mesh"];
    names.push("catalog.default.svc.cluster.local", "catalog.default.svc.cluster.local:80");
    const urls = names.map((name) => `http://${name}/x`);
    const args = ["-s", "-o", "/dev/null", "-w", "%{http_code} "];
    const output = await call(mesh, "curl", [
      curl,
      ...args,
      ...urls.flatMap((url) => ["-o", "/dev/null", url]),
    ]);
    assert.equal(output, "200 ".repeat(names.length));
    const outcomes = await call(mesh, "curl", [
      curl,
      ...args,
      "http://catalog:81/",
      "--next",
      ...args,
      "-X",
      "POST",
      "-d",
      "@/etc/hostname",
      "http://catalog/",
    ]);
    assert.equal(outcomes, "404 200 ");
  });

  await context.test("a gRPC client, through CONNECT", async () => {
    await mesh.run({
      service: "rpc",
      port: await freePort(),
      flags: ["--protocol", "grpc"],
      command: [nodeBin, fixture("grpc-server.mjs")],
    });
    await mesh.ready("rpc", 1);
    const output = await call(mesh, "grpc-client", [nodeBin, fixture("grpc-client.mjs"), "rpc:80"]);
    assert.equal(output, "UNARY ping\nCHAT a,b,c\n");
  });

  await context.test("any program, through --upstream", async () => {
    const port = await upstream(mesh, "catalog.default:80");
    const { status, body } = await ask({ port, path: "/any", headers: { host: "whatever.test" } });
    assert.equal(status, 200);
    const seen = JSON.parse(body.toString()) as { path: string; headers: Record<string, string> };
    assert.equal(seen.path, "/any");
    assert.equal(seen.headers["host"], "whatever.test", "the Host is forwarded unchanged");
  });

  await context.test("--upstream to a service that comes later", async () => {
    const port = await upstream(mesh, "later");
    const before = await ask({ port, path: "/" });
    assert.equal(before.status, 503);
    assert.notEqual(before.headers["x-weft-flag"] ?? "", "");
    await mesh.run({ service: "later", port: await freePort(), command: echo });
    await eventually("it answers", async () =>
      (await ask({ port, path: "/" })).status === 200 ? true : null,
    );
  });
});

test("tcp services keep both halves of a connection", { timeout: 120_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  const server = await mesh.run({
    service: "db",
    port: await freePort(),
    flags: ["--protocol", "tcp"],
    command: [nodeBin, fixture("tcp-server.mjs")],
  });
  await mesh.ready("db", 1);
  const port = await upstream(mesh, "db");
  const size = 3_000_000;

  const exchange = (first: string): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      const rest = Buffer.alloc(size - first.length, "x");
      socket.once("error", reject);
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      if (first === "E") socket.end(Buffer.concat([Buffer.from(first), rest]));
      else socket.write(first);
      socket.once("end", () => {
        if (first === "B") socket.end(rest);
        resolve(Buffer.concat(chunks));
      });
    });

  await context.test("the client ends first and still gets everything", async () => {
    const back = await exchange("E");
    assert.equal(back.length, size);
    assert.equal(back.subarray(0, 2).toString(), "Ex");
    await server.printed(new RegExp(`RECEIVED ${size}\\nCLOSED true`));
  });

  await context.test("the server ends first and still gets everything", async () => {
    assert.equal((await exchange("B")).toString(), "bye\n");
    const both = new RegExp(`(RECEIVED ${size}\\nCLOSED true[^]*){2}`);
    await server.printed(both);
  });

  await context.test("under Strict only the mesh gets in", async () => {
    await mesh.apply(
      "apiVersion: weft.dev/v1alpha1\nkind: PeerAuthentication\nmetadata: { name: db }\n" +
        'spec: { targetRefs: [{ group: "", kind: Service, name: db }], mtls: { mode: Strict } }\n',
    );
    const { items } = await mesh.json<{
      items: { spec: { ports?: { meshPort: number }[] } }[];
    }>("get", "workloads", "-l", "weft.dev/service=db");
    const meshPort = items[0]?.spec.ports?.[0]?.meshPort ?? 0;
    await eventually("plain bytes are refused", async () =>
      (await plainEcho(meshPort)) === "" ? true : null,
    );
    assert.equal((await exchange("E")).length, size);
  });
});

/** What comes back for "Ehello" and the end of our half; "" when the connection is refused. */
function plainEcho(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.once("error", () => resolve(text));
    socket.once("end", () => resolve(text));
    socket.end("Ehello");
  });
}

test("programs serve unmodified", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  await context.test("nginx", async (inner) => await serveNginx(inner, mesh));
  await context.test("Python's http.server", async (inner) => await servePython(inner, mesh));
});

async function serveNginx(context: TestContext, mesh: Mesh): Promise<void> {
  const nginx = findProgram(["nginx", "/usr/sbin/nginx"], ["-v"]);
  if (!hasPart(context, "nginx", nginx !== null, setUp) || nginx === null) return;
  const dir = path.join(mesh.dir, "nginx");
  mkdirSync(path.join(dir, "files"), { recursive: true });
  const port = await freePort();
  writeFileSync(path.join(dir, "nginx.conf"), nginxConfig(dir, port));
  writeFileSync(path.join(dir, "files/page.txt"), "words and words\n".repeat(10_000));
  const files = await mesh.run({
    service: "files",
    port,
    flags: ["--health-path", "/healthy"],
    command: [
      nginx,
      "-p",
      dir,
      "-c",
      path.join(dir, "nginx.conf"),
      "-e",
      path.join(dir, "error.log"),
    ],
  });
  await mesh.ready("files", 1).catch((cause: unknown) => {
    throw new Error(files.output(), { cause });
  });
  const at = await upstream(mesh, "files");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  context.after(() => agent.destroy());

  // A connection of its own per request would be the first request on each.
  let requests = 0;
  for (let count = 0; count < 20; count++) {
    const answer = await ask({ port: at, agent, path: "/count" });
    requests = Math.max(requests, Number(answer.body.toString()));
  }
  assert.ok(requests >= 18, `at most ${requests} requests came over one connection`);

  const zipped = { "accept-encoding": "gzip" };
  const page = await ask({ port: at, agent, path: "/page.txt", headers: zipped });
  assert.equal(page.headers["transfer-encoding"], "chunked");
  assert.equal(page.headers["content-encoding"], "gzip");
  assert.ok(page.body.length > 100 && page.body.length < 10_000);

  const big = randomBytes(30_000_000);
  const put = { port: at, agent, path: "/big.bin", method: "PUT" };
  assert.equal((await ask({ ...put, body: big })).status, 201);
  const back = await ask({ port: at, agent, path: "/big.bin" });
  assert.equal(back.headers["content-length"], String(big.length));
  assert.equal(sha256(back.body), sha256(big));
  const range = { range: "bytes=1000-1999" };
  const part = await ask({ port: at, agent, path: "/big.bin", headers: range });
  assert.equal(part.status, 206);
  assert.deepEqual(part.body, big.subarray(1_000, 2_000));
  const chunked = { "transfer-encoding": "chunked" };
  assert.equal(
    (await ask({ ...put, headers: chunked, body: big.subarray(0, 5_000_000) })).status,
    204,
  );
  assert.equal((await ask({ port: at, agent, path: "/big.bin" })).body.length, 5_000_000);

  const etag = String((await ask({ port: at, agent, path: "/page.txt" })).headers["etag"]);
  const same = await ask({
    port: at,
    agent,
    path: "/page.txt",
    headers: { "if-none-match": etag },
  });
  assert.deepEqual([same.status, same.body.length], [304, 0]);
  const head = await ask({ port: at, agent, path: "/page.txt", method: "HEAD" });
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  await files.stop();
  assert.equal(files.child.exitCode, 0, files.output());
}

function nginxConfig(dir: string, port: number): string {
  return `
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  client_max_body_size 100m;
  gzip on;
  gzip_types text/plain;
  default_type text/plain;
  server {
    listen 127.0.0.1:${port};
    root ${dir}/files;
    location / { dav_methods PUT; }
    location = /count { return 200 "$connection_requests"; }
    location = /healthy { return 204; }
  }
}
`;
}

async function servePython(context: TestContext, mesh: Mesh): Promise<void> {
  if (!hasPart(context, "python", python !== null, setUp) || python === null) return;
  const dir = path.join(mesh.dir, "pages");
  mkdirSync(dir);
  const text = "a page\n".repeat(50_000);
  writeFileSync(path.join(dir, "index.html"), text);
  const port = await freePort();
  const pages: RunningWorkload = await mesh.run({
    service: "pages",
    port,
    command: [python, "-m", "http.server", "--bind", "127.0.0.1", "-d", dir, String(port)],
  });
  await mesh.ready("pages", 1);
  const at = await upstream(mesh, "pages");
  for (let count = 0; count < 5; count++) {
    const answer = await ask({ port: at, path: "/" });
    assert.equal(answer.status, 200);
    assert.equal(sha256(answer.body), sha256(Buffer.from(text)));
  }
  assert.equal((await ask({ port: at, path: "/none" })).status, 404);
  assert.equal(
    (await ask({ port: at, path: "/", method: "POST", body: Buffer.from("x") })).status,
    501,
  );
  await pages.stop();
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
