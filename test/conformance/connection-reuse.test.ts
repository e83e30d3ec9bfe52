import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { behaviour, type Mesh } from "./harness.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** Serves `served` requests on each connection, then closes it when the next one arrives. */
function closesAtNext(mesh: Mesh, served: number): { requests: string[] } {
  const log = { requests: [] as string[] };
  mesh.program("legacy-1").onSocket = (socket: Socket) => {
    let count = 0;
    socket.on("data", (bytes) => {
      count++;
      if (count > served) {
        socket.destroy();
        return;
      }
      log.requests.push(bytes.toString("latin1").split(" ")[0] ?? "");
      socket.write(ok);
    });
    socket.on("end", () => socket.destroy());
  };
  return log;
}

behaviour("connections are kept and used again", import.meta.url, async (mesh) => {
  for (let i = 0; i < 20; i++) assert.equal((await mesh.send("web", "http://legacy/")).status, 200);
  assert.ok(mesh.program("legacy-1").connectionCount <= mesh.concurrency);
});

behaviour(
  "a kept connection that closes just as it is used again costs an idempotent request nothing (H32)",
  import.meta.url,
  async (mesh) => {
    closesAtNext(mesh, 1);
    for (let i = 0; i < 12; i++) {
      const answer = await mesh.send("web", "http://legacy/", {
        method: i % 2 === 0 ? "GET" : "PUT",
        body: i % 2 === 0 ? "" : "whole",
      });
      assert.equal(answer.status, 200, answer.flag);
    }
  },
);

behaviour(
  "a POST is not sent a second time once it may have arrived (H32)",
  import.meta.url,
  async (mesh) => {
    const log = closesAtNext(mesh, 1);
    const answers = [];
    for (let i = 0; i < 16; i++) {
      answers.push(await mesh.send("web", "http://legacy/", { method: "POST", body: "once" }));
    }
    const lost = answers.filter(({ status }) => status !== 200);
    assert.ok(lost.length > 0);
    for (const { status, flag } of lost) assert.equal(`${status} ${flag}`, "503 UC");
    assert.equal(log.requests.length, answers.length - lost.length);
  },
);

behaviour(
  "an endpoint that says when it closes idle connections is believed",
  import.meta.url,
  async (mesh) => {
    const idleMs = 1000;
    mesh.program("legacy-1").onSocket = (socket: Socket) => {
      let timer = setTimeout(() => socket.destroy(), idleMs);
      socket.on("data", () => {
        clearTimeout(timer);
        timer = setTimeout(() => socket.destroy(), idleMs);
        socket.write(`HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok`);
      });
    };
    assert.equal((await mesh.send("web", "http://legacy/", { method: "POST" })).status, 200);
    // Around the moment of the close: whatever happens, no request is lost.
    for (const waitMs of [900, 980, 1000, 1020]) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      const answer = await mesh.send("web", "http://legacy/", { method: "POST", body: "b" });
      assert.equal(answer.status, 200, answer.flag);
    }
  },
);

behaviour(
  "an endpoint that closes idle connections without a word is learned",
  import.meta.url,
  async (mesh) => {
    const idleMs = 600;
    await mesh.speak("legacy-1", (socket: Socket) => {
      let timer = setTimeout(() => socket.destroy(), idleMs);
      socket.on("data", () => {
        clearTimeout(timer);
        timer = setTimeout(() => socket.destroy(), idleMs);
        socket.write(ok);
      });
    });
    const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    // Two closes on each worker teach it; several connections make sure that each has one.
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: 16 }, () => mesh.send("web", "http://legacy/", { method: "POST" })),
      );
      await pause(idleMs + 200);
    }
    const before = mesh.program("legacy-1").connectionCount;
    for (let round = 0; round < 4; round++) {
      assert.equal((await mesh.send("web", "http://legacy/", { method: "POST" })).status, 200);
      // Later than four fifths of the time, before its end: a kept connection would still be open.
      await pause(idleMs * 0.9);
    }
    assert.equal(mesh.program("legacy-1").connectionCount - before, 4);
  },
);

behaviour(
  "bytes that nobody asked for make a kept connection useless",
  import.meta.url,
  async (mesh) => {
    mesh.program("legacy-1").onSocket = (socket: Socket) => {
      socket.on("data", () =>
        socket.write(`${ok}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`),
      );
    };
    for (let i = 0; i < 6; i++) {
      const answer = await mesh.send("web", "http://legacy/");
      assert.equal(answer.body, "ok");
    }
    assert.equal(mesh.program("legacy-1").connectionCount, 6);
  },
);
