// Programs that close idle connections after one, two and five seconds, and requests that may not
// be sent twice just then: the connection that is being closed is never the one they are sent on.

import assert from "node:assert/strict";
import { Agent } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { behaviour, type Mesh } from "./harness.ts";

const burstCount = 12;
const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** Answers each request, and closes connections that are idle for so long. Says nothing of it. */
function closing(idleMs: number, seen: string[]): (socket: Socket) => void {
  return (socket) => {
    let text = "";
    let timer = setTimeout(() => socket.end(), idleMs);
    socket.on("close", () => clearTimeout(timer));
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      const match = /^POST \/(\S+) HTTP\/1\.1\r\n[^]*?\r\n\r\nonce/.exec(text);
      if (match === null) return;
      text = text.slice(match[0].length);
      seen.push(match[1] ?? "");
      clearTimeout(timer);
      socket.write(answer);
      timer = setTimeout(() => socket.end(), idleMs);
    });
  };
}

async function post(mesh: Mesh, service: string, id: string, agent: Agent): Promise<string> {
  try {
    const sent = { agent, method: "POST", body: "once" };
    const { body, status } = await mesh.send("web", `http://${service}/${id}`, sent);
    return status === 200 ? "200" : `${status} ${body.trim()}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code ?? error);
  }
}

/** Bursts of requests with these pauses between them; what each came to. */
async function bursts(
  mesh: Mesh,
  service: string,
  idleMs: number,
  pausesMs: readonly number[],
): Promise<void> {
  const seen: string[] = [];
  await mesh.speak(`${service}-1`, closing(idleMs, seen));
  const agent = new Agent({ keepAlive: true });
  const outcomes: string[] = [];
  const sent: string[] = [];
  for (const [round, pauseMs] of [0, ...pausesMs].entries()) {
    await pause(pauseMs);
    const ids = Array.from({ length: burstCount }, (_, i) => `${round}-${i}`);
    sent.push(...ids);
    outcomes.push(...(await Promise.all(ids.map((id) => post(mesh, service, id, agent)))));
  }
  agent.destroy();
  assert.deepEqual([...new Set(outcomes)], ["200"], `${service}: ${outcomes.join()}`);
  assert.deepEqual(seen.sort(), sent.sort(), `${service}: each arrived once`);
}

behaviour(
  "no request is lost to a connection that its server is closing, and none is sent twice",
  import.meta.url,
  async (mesh) => {
    await Promise.all([
      bursts(mesh, "one", 1_000, [995, 1_000, 1_005, 990, 1_000]),
      bursts(mesh, "two", 2_000, [1_998, 2_002]),
      bursts(mesh, "five", 5_000, [4_999]),
    ]);
  },
);
