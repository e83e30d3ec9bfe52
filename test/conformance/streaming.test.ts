import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { behaviour, eventually } from "./harness.ts";

const digest = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");

behaviour(
  "large bodies pass whole in both directions, with and without a length",
  import.meta.url,
  async (mesh) => {
    const bytes = randomBytes(6_000_000).toString("base64");
    mesh.program("files-1").onRequest = (request, response, body) => {
      if (request.url === "/chunked") response.writeHead(200, { trailer: "x-sum" });
      else response.writeHead(200, { "content-length": body.length });
      response.end(body);
    };
    for (const path of ["/length", "/chunked"]) {
      const answer = await mesh.send("web", `http://files${path}`, {
        method: "POST",
        body: bytes,
        ...(path === "/chunked" ? { headers: { "transfer-encoding": "chunked" } } : {}),
        timeoutMs: 30_000,
      });
      assert.equal(answer.status, 200);
      assert.equal(digest(answer.body), digest(bytes));
    }
  },
);

behaviour("a response that nobody reads stops its sender", import.meta.url, async (mesh) => {
  let sent = 0;
  const total = 64_000_000;
  mesh.program("files-1").onRequest = (_request, response: ServerResponse) => {
    response.writeHead(200, { "content-length": total });
    const chunk = Buffer.alloc(500_000, "z");
    const pump = (): void => {
      while (sent < total) {
        sent += chunk.length;
        if (!response.write(chunk)) {
          response.once("drain", pump);
          return;
        }
      }
      response.end();
    };
    pump();
  };
  const connection = mesh.raw("web");
  connection.socket.removeAllListeners("data");
  connection.socket.pause();
  connection.write("GET /big HTTP/1.1\r\nhost: files\r\n\r\n");
  await eventually(() => sent > 0);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.ok(sent < total, `${sent} of ${total} bytes were taken`);
  let received = 0;
  connection.socket.on("data", (bytes) => {
    received += bytes.length;
  });
  connection.socket.resume();
  await eventually(() => received > total, 30_000);
});

behaviour("an upload that nobody reads stops its sender", import.meta.url, async (mesh) => {
  await mesh.speak("files-1", (socket) => socket.pause());
  const connection = mesh.raw("web");
  const total = 64_000_000;
  connection.write(`POST /big HTTP/1.1\r\nhost: files\r\ncontent-length: ${total}\r\n\r\n`);
  let sent = 0;
  const chunk = Buffer.alloc(500_000, "z");
  while (sent < total && connection.socket.write(chunk)) sent += chunk.length;
  const pump = setInterval(() => {
    while (sent < total && connection.socket.writableLength < 1_000_000) {
      connection.socket.write(chunk);
      sent += chunk.length;
    }
  }, 10);
  await new Promise((resolve) => setTimeout(resolve, 700));
  clearInterval(pump);
  assert.ok(sent < total, `${sent} of ${total} bytes were taken`);
});

behaviour(
  "events flow as they are made, not when the response ends",
  import.meta.url,
  async (mesh) => {
    let push: ((text: string) => void) | null = null;
    mesh.program("files-1").onRequest = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      push = (text) => response.write(text);
      response.write("data: 0\n\n");
    };
    const connection = mesh.raw("web").write("GET /events HTTP/1.1\r\nhost: files\r\n\r\n");
    await connection.until(({ text }) => text.includes("data: 0"));
    for (let i = 1; i <= 3; i++) {
      (push as unknown as (text: string) => void)(`data: ${i}\n\n`);
      await connection.until(({ text }) => text.includes(`data: ${i}`));
    }
  },
);

behaviour("a client that goes away ends the work upstream", import.meta.url, async (mesh) => {
  let isCut = false;
  mesh.program("files-1").onRequest = (_request, response) => {
    response.on("close", () => {
      isCut = true;
    });
    response.writeHead(200);
    response.write("begun");
  };
  const connection = mesh.raw("web").write("GET /slow HTTP/1.1\r\nhost: files\r\n\r\n");
  await connection.until(({ text }) => text.includes("begun"));
  connection.socket.resetAndDestroy();
  await eventually(() => isCut);
});
