// What a proxy makes of responses: malformed ones are 502, framing in doubt is never passed on as
// whole, and a connection whose framing was in doubt is never used again.

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { behaviour, eventually, type Mesh } from "./harness.ts";

/** Every request on every connection is answered with these bytes. */
function answers(mesh: Mesh, bytes: string, then: "stay" | "end" = "stay"): void {
  mesh.program("app-1").speak((socket: Socket) => {
    socket.on("data", () => {
      socket.write(Buffer.from(bytes, "latin1"));
      if (then === "end") socket.end();
    });
    socket.on("end", () => socket.end());
  });
}

const malformed: readonly [id: string, bytes: string][] = [
  ["H01", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["H02", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
  ["H04", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"],
  ["H05", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"],
  ["H08", "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n"],
  ["H09", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["H09 NUL", "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n"],
  ["status", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"],
  ["no HTTP", "hello there\r\n\r\n"],
  ["H19 switch", "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"],
  [
    "H19 many",
    `${"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n".repeat(20)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
  ],
];

behaviour("a malformed response is 502", import.meta.url, async (mesh) => {
  for (const [id, bytes] of malformed) {
    answers(mesh, bytes);
    const answer = await mesh.send("web", "http://app/x", { method: "POST" });
    assert.equal(`${answer.status} ${answer.flag}`, "502 UPE", id);
  }
  answers(mesh, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  assert.equal((await mesh.send("web", "http://app/x")).body, "ok");
});

behaviour(
  "interim responses pass to HTTP/1.1 and stop before HTTP/1.0 (H19)",
  import.meta.url,
  async (mesh) => {
    answers(
      mesh,
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    const connection = mesh.raw("web").write("GET /x HTTP/1.1\r\nHost: app\r\n\r\n");
    await connection.until(({ text }) => text.endsWith("ok"));
    assert.match(
      connection.text,
      /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK/,
    );
    const old = mesh.raw("web").write("GET /x HTTP/1.0\r\nHost: app\r\n\r\n");
    await old.untilOver();
    assert.match(old.text, /^HTTP\/1\.1 200 OK/);
  },
);

behaviour(
  "what has no body has none, whatever its fields say (H20)",
  import.meta.url,
  async (mesh) => {
    answers(mesh, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nX-A: 1\r\n\r\n");
    const head = mesh.raw("web").write("HEAD /x HTTP/1.1\r\nHost: app\r\n\r\n");
    await head.until(({ text }) => text.endsWith("\r\n\r\n"));
    assert.match(head.text, /content-length: 500/);
    for (const status of ["204 No Content", "304 Not Modified"]) {
      answers(mesh, `HTTP/1.1 ${status}\r\nX-A: 1\r\n\r\n`);
      const connection = mesh
        .raw("web")
        .write("GET /x HTTP/1.1\r\nHost: app\r\n\r\nGET /y HTTP/1.1\r\nHost: app\r\n\r\n");
      await connection.until(({ text }) => (text.match(/HTTP\/1\.1 /g) ?? []).length === 2);
      assert.ok(!/transfer-encoding/i.test(connection.text));
    }
  },
);

behaviour(
  "a response framed by its end is passed on whole, and a cut one is cut (H21)",
  import.meta.url,
  async (mesh) => {
    answers(mesh, "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nuntil the end", "end");
    assert.equal((await mesh.send("web", "http://app/x")).body, "until the end");
    answers(mesh, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "end");
    const chunked = mesh.raw("web").write("GET /x HTTP/1.1\r\nHost: app\r\n\r\n");
    await chunked.untilOver();
    assert.match(chunked.text, /hello/);
    assert.ok(!chunked.text.includes("0\r\n\r\n"), "no last chunk");
    answers(mesh, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "end");
    await assert.rejects(mesh.send("web", "http://app/x"));
  },
);

behaviour(
  "bytes after a bodiless response discard the connection (H20)",
  import.meta.url,
  async (mesh) => {
    answers(
      mesh,
      "HTTP/1.1 304 Not Modified\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    );
    for (let i = 0; i < 4; i++) assert.equal((await mesh.send("web", "http://app/x")).status, 304);
    assert.equal(mesh.program("app-1").connectionCount, 4);
  },
);

behaviour(
  "an endpoint that closes without a word is 503 with a flag",
  import.meta.url,
  async (mesh) => {
    const program = mesh.program("app-1");
    for (const socket of program.sockets) socket.destroy();
    await eventually(() => program.sockets.size === 0);
    program.onSocket = (socket) => {
      socket.on("data", () => socket.destroy());
    };
    const answer = await mesh.send("web", "http://app/x", { method: "POST" });
    assert.equal(`${answer.status} ${answer.flag}`, "503 UC");
  },
);
