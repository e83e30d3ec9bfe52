// Workers that are replaced on purpose: the new one accepts before the old one stops, so that
// nothing is refused, reset or lost (docs/decisions/0043).

import assert from "node:assert/strict";
import { Agent } from "node:http";
import { behaviour, eventually, type Mesh } from "./harness.ts";

const drainMs = 1_000;

interface Load {
  readonly outcomes: string[];
  stop(): Promise<void>;
}

/**
 * Requests over kept connections. Idempotent ones: between HTTP/1 proxies an idle connection that
 * is closed at its drain time may meet a request on its way, which is then sent once more.
 */
function load(mesh: Mesh, loopCount: number): Load {
  const agent = new Agent({ keepAlive: true });
  const outcomes: string[] = [];
  let isStopped = false;
  const loops = Array.from({ length: loopCount }, async (_, loop) => {
    for (let i = loop; !isStopped; i++) {
      const sent = i % 2 === 0 ? { agent } : { agent, method: "PUT", body: "again" };
      try {
        const answer = await mesh.send("web", "http://catalog/load", sent);
        outcomes.push(answer.status === 200 ? "200" : `${answer.status} ${answer.body.trim()}`);
      } catch (error) {
        outcomes.push(String((error as NodeJS.ErrnoException).code ?? error));
      }
    }
  });
  return {
    outcomes,
    async stop() {
      isStopped = true;
      await Promise.all(loops);
      agent.destroy();
    },
  };
}

interface Status {
  readonly workers: readonly { readonly number: number }[];
  readonly workersReplaced: number;
}

async function statusOf(mesh: Mesh, name: string): Promise<Status> {
  return (await mesh.proxy(name).ask("status", {})) as Status;
}

behaviour(
  "20 replacements under load on both sides reset nothing",
  import.meta.url,
  async (mesh) => {
    const before = await statusOf(mesh, "web");
    const running = load(mesh, 8);
    // With one worker all 20; that several take turns is seen on one side.
    const rounds = mesh.concurrency === 1 ? 10 : 1;
    const names = mesh.concurrency === 1 ? ["web", "catalog-1"] : ["web"];
    for (let round = 0; round < rounds; round++) {
      const done = await Promise.all(names.map((name) => mesh.proxy(name).replaceWorkers()));
      assert.ok(done.every((isDone) => isDone));
    }
    await running.stop();
    const after = await statusOf(mesh, "web");
    assert.equal(after.workersReplaced - before.workersReplaced, rounds * mesh.concurrency);
    assert.equal(after.workers.length, mesh.concurrency);
    assert.ok(running.outcomes.length > 100, `${running.outcomes.length} requests`);
    assert.deepEqual([...new Set(running.outcomes)], ["200"]);
  },
  { drainMs: 100 },
);

behaviour(
  "an idle connection outlives its worker's replacement until the drain time",
  import.meta.url,
  async (mesh) => {
    const head = "GET / HTTP/1.1\r\nhost: catalog\r\n\r\n";
    const used = mesh.raw("web").write(head);
    await used.until(({ text }) => text.includes("\r\n\r\n"));
    const idle = mesh.raw("web").write(head);
    await idle.until(({ text }) => text.includes("\r\n\r\n"));
    const begunMs = performance.now();
    const replaced = mesh.proxy("web").replaceWorkers();
    const { workersReplaced } = await statusOf(mesh, "web");
    await eventually(async () => (await statusOf(mesh, "web")).workersReplaced > workersReplaced);
    // The old worker drains: the next response tells the peer that the connection ends.
    assert.equal(used.isClosed || used.hasEnded, false);
    used.text = "";
    used.write(head);
    await used.until(({ hasEnded }) => hasEnded);
    assert.match(used.text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(used.text, /\r\nconnection: close\r\n/);
    await idle.until(({ hasEnded }) => hasEnded);
    assert.ok(performance.now() - begunMs >= drainMs, "it was closed before its time");
    assert.equal(idle.errorCode, "");
    idle.socket.end();
    used.socket.end();
    assert.equal(await replaced, true);
  },
  { drainMs, concurrency: 1 },
);
