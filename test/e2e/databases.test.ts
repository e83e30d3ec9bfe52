// Databases through two sidecars of a real mesh: what their own programs do must work as if nothing
// stood between, either half of a connection may end first (H31), and a server that dies is seen.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import {
  databasesFix,
  findPostgres,
  hasRedis,
  makePostgres,
  makeRedis,
  type PostgresPrograms,
} from "../harness/databases.ts";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually, type Finished, run, start } from "../harness/processes.ts";

const tcp = ["--protocol", "tcp"];

/** A client with an `--upstream` listener; answers its address and its outbound port. */
async function startClient(
  mesh: Mesh,
  service: string,
): Promise<{ port: number; outboundPort: number }> {
  const client = await mesh.run({
    service: "client",
    port: null,
    flags: ["--upstream", service],
    command: ["sh", "-c", `echo "AT $WEFT_UPSTREAM_${service.toUpperCase()}"; exec sleep 1000`],
  });
  const [, port] = await client.printed(/AT 127\.0\.0\.1:(\d+)/);
  return { port: Number(port), outboundPort: await client.outboundPort() };
}

/** A local port whose connections are tunnelled by CONNECT. */
async function startBridge(
  context: TestContext,
  outboundPort: number,
  authority: string,
): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (local) => {
    const tunnel = connect({ port: outboundPort, host: "127.0.0.1", allowHalfOpen: true });
    tunnel.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
    let head = "";
    const onHead = (bytes: Buffer): void => {
      head += bytes.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      tunnel.off("data", onHead);
      if (!head.startsWith("HTTP/1.1 200 ")) return void local.destroy();
      local.write(Buffer.from(head.slice(end + 4), "latin1"));
      local.pipe(tunnel).pipe(local);
    };
    tunnel.on("data", onHead);
    local.on("error", () => tunnel.destroy());
    tunnel.on("error", () => local.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return (server.address() as { port: number }).port;
}

interface Shell {
  /** Runs statements; answers what psql printed, unaligned and without headings. */
  query(sql: string): Promise<string>;
  args: readonly string[];
}

function shell(programs: PostgresPrograms, port: number): Shell {
  const args = ["-h", "127.0.0.1", "-p", String(port), "-U", "weft", "postgres"];
  return {
    args,
    async query(sql) {
      const given = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", ...args];
      const done = await run(programs.program("psql"), given, { input: sql });
      if (done.code !== 0) throw new Error(`psql: exit ${done.code}\n${done.stderr}`);
      return done.stdout.trim();
    },
  };
}

test("through two sidecars of one mesh", { timeout: 180_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  await context.test("PostgreSQL", (own) => postgres(own, mesh));
  await context.test("Redis", (own) => redis(own, mesh));
  await context.test("a server that speaks first; either half first", (own) => halves(own, mesh));
});

async function postgres(context: TestContext, mesh: Mesh): Promise<void> {
  const programs = findPostgres();
  if (!hasPart(context, "postgres", programs !== null, databasesFix) || programs === null) return;
  const port = await freePort();
  const command = await makePostgres(context, programs, port);
  await mesh.run({ service: "pg", port, flags: tcp, command });
  await mesh.ready("pg", 1);
  const client = await startClient(mesh, "pg");
  const { args, query } = shell(programs, client.port);
  assert.equal(await query("select 6 * 7"), "42");

  const insert = "insert into t values (1), (2);";
  await query(`create table t (n int); begin; ${insert} commit; begin; ${insert} rollback;`);
  assert.equal(await query("select count(*) from t"), "2");

  await copyBothWays(query);
  await listens(context, programs, args, query);

  const bridge = await startBridge(context, client.outboundPort, `pg:${port}`);
  assert.equal(await shell(programs, bridge).query("select count(*) from t"), "2");

  const bench = programs.program("pgbench");
  await succeeded(run(bench, ["-i", "-q", "-s", "1", ...args]));
  const load = ["-M", "prepared", "-c", "4", "-t", "25", "-n", ...args];
  const { stdout } = await succeeded(run(bench, load));
  assert.match(stdout, /number of transactions actually processed: 100\/100/);

  // A server process that ends in the middle of a query is seen by its client at once.
  const sleeper = start(context, programs.program("psql"), ["-c", "select pg_sleep(60)", ...args]);
  const asleep = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'";
  await eventually("the sleeper sleeps", async () => ((await query(asleep)) === "1" ? true : null));
  const kill = asleep.replace("count(*)", "pg_terminate_backend(pid)");
  await query(kill);
  assert.notEqual((await sleeper.ended(5_000)).code, 0);
  assert.match(sleeper.output(), /terminating connection/);
}

async function succeeded(running: Promise<Finished>): Promise<Finished> {
  const done = await running;
  assert.equal(done.code, 0, done.stdout + done.stderr);
  return done;
}

/** Some megabytes in and out again. */
async function copyBothWays(query: Shell["query"]): Promise<void> {
  const lines: string[] = [];
  for (let i = 0; i < 60_000; i++) lines.push(`${i}\t${"weft".repeat(16)}${i}`);
  const text = lines.join("\n");
  await query(`create table big (n int, s text);\ncopy big from stdin;\n${text}\n\\.\n`);
  assert.ok(text.length > 4_000_000);
  const back = await query("copy (select * from big order by n) to stdout;");
  assert.equal(digest(back), digest(text));
}

/** A connection that waits gets word at once, from the server's side. */
async function listens(
  context: TestContext,
  programs: PostgresPrograms,
  args: readonly string[],
  query: Shell["query"],
): Promise<void> {
  const stdio: "pipe"[] = ["pipe", "pipe", "pipe"];
  const waiting = start(context, programs.program("psql"), ["-X", ...args], { stdio });
  waiting.child.stdin?.write("listen news;\n");
  await waiting.printed(/LISTEN/);
  await query("notify news, 'hello'");
  await eventually("psql shows the notification", async () => {
    // It looks for notifications after a statement.
    waiting.child.stdin?.write("select 1;\n");
    return /"news" with payload "hello"/.test(waiting.output()) ? true : null;
  });
  waiting.child.stdin?.end();
  assert.equal((await waiting.ended()).code, 0);
}

async function redis(context: TestContext, mesh: Mesh): Promise<void> {
  if (!hasPart(context, "redis", hasRedis(), databasesFix)) return;
  const port = await freePort();
  const command = await makeRedis(context, port);
  const server = await mesh.run({ service: "cache", port, flags: tcp, command });
  await mesh.ready("cache", 1);
  const client = await startClient(mesh, "cache");
  const cli = (input: string, ...args: string[]): Promise<Finished> =>
    succeeded(run("redis-cli", ["-p", String(client.port), ...args], { input }));
  assert.equal((await cli("", "ping")).stdout, "PONG\n");

  const load = ["-p", String(client.port), "-q", "-n", "4000", "-c", "20", "-P", "16"];
  const bench = await succeeded(run("redis-benchmark", [...load, "-t", "set,get,incr,lpush"]));
  assert.match(bench.stdout, /LPUSH: [\d.]+ requests per second/);

  const both = await cli("multi\nset a 1\nincr a\nincr a\nexec\n");
  assert.match(both.stdout, /QUEUED\nQUEUED\nQUEUED\nOK\n2\n3\n/);

  const big = randomBytes(3 << 20).toString("hex");
  await cli(big, "-x", "set", "big");
  assert.equal(digest((await cli("", "get", "big")).stdout.trim()), digest(big));

  const subscriber = start(context, "redis-cli", ["-p", String(client.port), "subscribe", "news"]);
  await subscriber.printed(/subscribe\nnews\n1\n/);
  await cli("", "publish", "news", "hello");
  await subscriber.printed(/message\nnews\nhello\n/);

  const bridge = await startBridge(context, client.outboundPort, `cache:${port}`);
  const through = await succeeded(run("redis-cli", ["-p", String(bridge), "get", "a"]));
  assert.equal(through.stdout, "3\n");

  const blocked = start(context, "redis-cli", ["-p", String(client.port), "blpop", "none", "0"]);
  await eventually("the client waits", async () =>
    (await cli("", "client", "list")).stdout.includes("cmd=blpop") ? true : null,
  );
  const pid = /process_id:(\d+)/.exec((await cli("", "info", "server")).stdout)?.[1];
  process.kill(Number(pid), "SIGKILL");
  await blocked.ended(5_000);
  assert.match(blocked.output(), /Server closed the connection|Connection reset/);
  await server.ended();
}

async function halves(context: TestContext, mesh: Mesh): Promise<void> {
  const port = await freePort();
  const program = path.join(root, "test/harness/half-close.mjs");
  const server = await mesh.run({ service: "my", port, flags: tcp, command: [nodeBin, program] });
  await mesh.ready("my", 1);
  const client = await startClient(mesh, "my");
  const bridge = await startBridge(context, client.outboundPort, `my:${port}`);
  for (const at of [client.port, bridge]) {
    const first = await dial(at);
    const beganAtMs = performance.now();
    assert.equal(await first.line(), "5.7.0-greeting");
    assert.ok(performance.now() - beganAtMs < 1_000, "the greeting came without a stall");
    first.socket.end("x".repeat(1_000_000));
    assert.equal(await first.line(), "took 1000000");

    const second = await dial(at);
    await second.line();
    second.socket.write("BYE");
    assert.equal(await second.line(), "ended first");
    await second.over;
    second.socket.end("still going");
    await server.printed(/ENDED 14/);
    first.socket.destroy();
    second.socket.destroy();
  }
  const last = await dial(client.port);
  await last.line();
  last.socket.write("CRASH");
  await last.over;
  last.socket.destroy();
}

interface Dialled {
  readonly socket: Socket;
  /** The server has ended or reset the connection. */
  readonly over: Promise<void>;
  line(): Promise<string>;
}

async function dial(port: number): Promise<Dialled> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  socket.on("data", (bytes) => (text += bytes.toString()));
  socket.on("error", () => {});
  const over = new Promise<void>((resolve) => {
    socket.once("end", () => resolve());
    socket.once("close", () => resolve());
  });
  await once(socket, "connect");
  return {
    socket,
    over,
    line: () =>
      eventually("a line came", () => {
        const at = text.indexOf("\n");
        if (at < 0) return null;
        const found = text.slice(0, at);
        text = text.slice(at + 1);
        return found;
      }),
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
