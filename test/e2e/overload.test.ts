// A sidecar that runs short of memory does less instead of dying: it ends connections, stops
// accepting, refuses with 503 and the flag OM, and comes back when there is memory again.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent, createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Mesh } from "../harness/mesh.ts";
import { eventually } from "../harness/processes.ts";

/** What the requests below need and more than the sidecar has beyond its start. */
const roomMebibytes = 48;
const slowCount = 900;
const content = Buffer.alloc(60 * 1024, "x");

interface Outcome {
  readonly status: number;
  readonly flag: string;
  readonly closes: boolean;
  readonly error: string;
}

function ask(port: number, path: string, agent: Agent, body: Buffer | null): Promise<Outcome> {
  return new Promise((resolve) => {
    const failed = (error: Error): void =>
      resolve({ status: 0, flag: "", closes: true, error: error.message });
    const options = { host: "127.0.0.1", port, path, agent, method: body ? "POST" : "GET" };
    const outgoing = request(options, (incoming) => {
      incoming.resume();
      incoming.once("error", failed);
      incoming.once("end", () => {
        const flag = String(incoming.headers["x-weft-flag"] ?? "");
        const closes = incoming.headers.connection === "close";
        resolve({ status: incoming.statusCode ?? 0, flag, closes, error: "" });
      });
    });
    outgoing.once("error", failed);
    outgoing.end(body ?? undefined);
  });
}

function privateMebibytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
}

test("many slow requests with content, and little memory", {
  timeout: 120_000,
  skip: process.platform === "linux" ? false : "it reads /proc",
}, async (context) => {
  const held: ServerResponse[] = [];
  let holds = true;
  const program = createServer((incoming, response) => {
    incoming.resume();
    if (holds && incoming.url === "/slow") held.push(response);
    else response.end("at once");
  });
  await new Promise<void>((resolve) => program.listen(0, "127.0.0.1", resolve));
  context.after(() => program.closeAllConnections());
  context.after(() => program.close());
  const { port } = program.address() as AddressInfo;

  const mesh = await Mesh.open(context);
  const catalog = await mesh.run({ service: "catalog", port });
  await mesh.ready("catalog", 1);
  // The other one is the same program in the same state.
  const limit = Math.round(privateMebibytes(catalog.pid)) + roomMebibytes;
  const flags = ["--upstream", "catalog", "--memory-limit", `${limit}Mi`];
  const script = 'echo "UPSTREAM $WEFT_UPSTREAM_CATALOG"; read -r _ || sleep 600';
  const web = await mesh.run({ service: "web", port: null, flags, command: ["sh", "-c", script] });
  const upstream = Number((await web.printed(/UPSTREAM 127\.0\.0\.1:(\d+)/))[1]);
  const once = new Agent();
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  context.after(() => kept.destroy());
  await eventually("the first answer", async () =>
    (await ask(upstream, "/", kept, null)).status === 200 ? true : null,
  );

  const agent = new Agent({ keepAlive: true });
  const slow = Array.from({ length: slowCount }, () => ask(upstream, "/slow", agent, content));
  await web.printed(/warn {2}short of memory code=overload level=refuse/, 30_000);
  // A connection that is open gets its answer, and its end.
  const refused = await ask(upstream, "/", kept, null);
  assert.deepEqual(refused, { status: 503, flag: "OM", closes: true, error: "" });
  // Whoever connects now waits, and is served when there is memory again.
  const waiting = ask(upstream, "/waits", once, null);
  holds = false;
  for (const response of held.splice(0)) response.end("at last");
  const outcomes = await Promise.all(slow);
  const failed = outcomes.filter(({ flag, status }) => status !== 200 && flag === "");
  const kinds = new Set(failed.map(({ error, status }) => `${status} ${error}`));
  assert.deepEqual([...kinds], [], "each is answered, or refused with a flag that says why");
  assert.ok(
    outcomes.some(({ status }) => status === 200),
    "what was under way goes on",
  );
  assert.equal((await waiting).status, 200);
  agent.destroy();
  await web.printed(/info {2}memory suffices again/, 30_000);
  assert.equal((await ask(upstream, "/", once, null)).status, 200);
  once.destroy();
});
