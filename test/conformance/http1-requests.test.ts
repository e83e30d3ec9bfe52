// H01 to H37 of the bar for HTTP/1 requests, through whole proxies: at the outbound listener,
// where a program of this host speaks, and at the inbound one, where anybody does.

import assert from "node:assert/strict";
import { behaviour, eventually, type Mesh, type RawConnection } from "./harness.ts";
import { chunked, cut, get, host, post, refused } from "./http1-request-cases.ts";

async function ask(mesh: Mesh, port: number, bytes: string): Promise<RawConnection> {
  const connection = mesh.rawTo(port).write(bytes);
  await connection
    .untilOver(3000)
    .catch((error: Error) =>
      assert.fail(`${JSON.stringify(bytes.slice(0, 300))}: ${error.message}`),
    );
  return connection;
}

for (const [name, cases] of [
  ["before anything goes up", refused],
  ["while its body is on the way", cut],
] as const) {
  behaviour(
    `a malformed request is refused ${name}, and its connection closed`,
    import.meta.url,
    async (mesh) => {
      const ports = [mesh.proxy("web").ports.outbound, mesh.inbound("app-1")];
      for (const { id, bytes, status } of cases) {
        for (const port of ports) {
          const where = `${id} at ${port === ports[0] ? "outbound" : "inbound"}`;
          const startedAtMs = performance.now();
          const { text, errorCode } = await ask(mesh, port, bytes);
          assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), where);
          assert.match(text, /\r\nconnection: close\r\n/, where);
          assert.equal(errorCode, "", where);
          assert.equal(text.split("HTTP/1.1 ").length, 2, `${where}: one answer`);
          assert.ok(performance.now() - startedAtMs < 2500, where);
        }
      }
      const whole = mesh.program("app-1").seen.map(({ url, body }) => `${url} ${body}`);
      assert.deepEqual(whole, [], "no request reached the program whole");
    },
  );
}

behaviour(
  "an answer to a malformed request survives what is still being sent (drain)",
  import.meta.url,
  async (mesh) => {
    const connection = mesh
      .raw("web")
      .write(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"));
    const flood = Buffer.alloc(64_000, "x");
    for (let i = 0; i < 8; i++) connection.socket.write(flood);
    await connection.untilOver();
    assert.match(connection.text, /^HTTP\/1\.1 400 /);
    assert.equal(connection.errorCode, "");
    const startedAtMs = performance.now();
    await connection.until(({ isClosed, hasEnded }) => isClosed || hasEnded);
    connection.socket.end();
    await connection.until(({ isClosed }) => isClosed, 2500);
    assert.ok(performance.now() - startedAtMs < 2500);
  },
);

behaviour(
  "pipelined requests are answered in order, and nothing after Connection: close (H14)",
  import.meta.url,
  async (mesh) => {
    mesh.program("app-1").onRequest = (request, response) => {
      setTimeout(() => response.end(`<${request.url}>`), request.url === "/1" ? 80 : 0);
    };
    const connection = mesh.raw("web");
    connection.write(
      `GET /1 HTTP/1.1\r\n${host}\r\nGET /2 HTTP/1.1\r\n${host}\r\n` +
        `POST /3 HTTP/1.1\r\n${host}Connection: close\r\nContent-Length: 2\r\n\r\nhiGET /4 HTTP/1.1\r\n${host}\r\n`,
    );
    await connection.untilOver();
    assert.deepEqual(connection.text.match(/<\/\d>/g), ["</1>", "</2>", "</3>"]);
    assert.match(connection.text, /connection: close/);
  },
);

behaviour(
  "a body framed for a GET is framed as usual; a poisoned prefix is a request of its own (H15)",
  import.meta.url,
  async (mesh) => {
    const connection = mesh.raw("web");
    connection.write(`GET /a HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`);
    await connection.until(({ text }) => text.includes('"body":"hello"'));
    connection.text = "";
    connection.write(
      `GET /b HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\nGPOST / HTTP/1.1\r\n${host}\r\n`,
    );
    await connection.until(({ text }) => (text.match(/HTTP\/1\.1 /g) ?? []).length === 2);
    assert.deepEqual(
      mesh
        .program("app-1")
        .seen.map(({ url, body }) => `${url}:${body}`)
        .slice(0, 2),
      ["/a:hello", "/b:"],
    );
  },
);

behaviour(
  "hop-by-hop fields end here (H16), identity fields are ours alone (H17)",
  import.meta.url,
  async (mesh) => {
    const connection = mesh
      .raw("web")
      .write(
        get(
          "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: trailers, deflate\r\n" +
            "Proxy-Authorization: Basic eDp5\r\nUpgrade: h2c\r\nX-Kept: yes\r\nX-Weft-Attempt: 3\r\nx_forwarded_client_cert: URI=spiffe://a/b\r\n",
        ),
      );
    await connection.until(({ text }) => text.includes('"body":""}'));
    const { headers } = JSON.parse(connection.text.slice(connection.text.indexOf("{"))) as {
      headers: Record<string, string>;
    };
    for (const gone of [
      "x-hop",
      "keep-alive",
      "proxy-connection",
      "proxy-authorization",
      "upgrade",
      "x-weft-attempt",
      "x_forwarded_client_cert",
    ]) {
      assert.equal(headers[gone], undefined, gone);
    }
    assert.equal(headers["x-kept"], "yes");
    assert.match(
      headers["x-forwarded-client-cert"] ?? "",
      /URI=spiffe:\/\/weft\.local\/ns\/default\/sa\/web$/,
    );
    assert.match(headers["x-request-id"] ?? "", /^[0-9a-f-]{16,}$/);
    const stranger = mesh
      .rawTo(mesh.inbound("app-1"))
      .write(
        get("X-Forwarded-Client-Cert: URI=spiffe://a/b\r\nSome_Name: x\r\nX-Weft-Explain: 1\r\n"),
      );
    await stranger.until(({ text }) => text.includes('"body":""}'));
    assert.ok(!stranger.text.includes("spiffe"));
    assert.ok(!stranger.text.includes("some_name"));
  },
);

behaviour(
  "Expect: 100-continue is passed on, and a final answer before the body ends the connection (H18, H30)",
  import.meta.url,
  async (mesh) => {
    const connection = mesh.raw("web").write(post("Expect: 100-continue\r\nContent-Length: 4\r\n"));
    await connection.until(({ text }) => text.includes("100 Continue"));
    connection.write("body");
    await connection.until(({ text }) => text.includes('"body":"body"'));
    assert.equal(connection.text.match(/100 Continue/g)?.length, 1);
    await mesh.speak("app-1", (socket) => {
      socket.once("data", () =>
        socket.write("HTTP/1.1 413 Too Much\r\ncontent-length: 2\r\n\r\nno"),
      );
    });
    const early = mesh.raw("web").write(post("Content-Length: 100000\r\n", "begin"));
    await early.until(({ text }) => text.includes("\r\n\r\nno"));
    assert.match(early.text, /^HTTP\/1\.1 413 /);
    assert.match(early.text, /connection: close/);
    early.write(`GET /smuggled HTTP/1.1\r\n${host}\r\n`);
    await early.until(({ hasEnded, isClosed }) => hasEnded || isClosed, 3000);
    assert.equal(early.text.match(/HTTP\/1\.1 /g)?.length, 1);
  },
);

behaviour(
  "a body that ends too soon is never a whole request (H13)",
  import.meta.url,
  async (mesh) => {
    const connection = mesh.raw("web").write(post("Content-Length: 10\r\n", "half"));
    connection.socket.end();
    await connection.untilOver();
    const truncated = mesh.raw("web").write(chunked("4\r\nhalf\r\n"));
    truncated.socket.end();
    await truncated.untilOver();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(mesh.program("app-1").seen, []);
  },
);

behaviour(
  "a complete request is answered after the client's half-close (H31)",
  import.meta.url,
  async (mesh) => {
    mesh.program("app-1").onRequest = (_request, response) => {
      setTimeout(() => response.end("late"), 150);
    };
    const connection = mesh.raw("web").write(get(""));
    connection.socket.end();
    await connection.untilOver();
    assert.match(connection.text, /late/);
  },
);

behaviour(
  "HTTP/1.0 closes unless asked not to, and gets no chunks (H37)",
  import.meta.url,
  async (mesh) => {
    mesh.program("app-1").onRequest = (_request, response) => {
      response.write("streamed ");
      response.end("body");
    };
    const old = mesh.raw("web").write(`GET /x HTTP/1.0\r\n${host}\r\n`);
    await old.untilOver();
    assert.match(old.text, /\r\n\r\nstreamed body$/);
    assert.ok(!/transfer-encoding/i.test(old.text));
    mesh.program("app-1").onRequest = (_request, response) => {
      response.writeHead(200, { "content-length": 2 });
      response.end("ok");
    };
    const kept = mesh.raw("web").write(`GET /x HTTP/1.0\r\n${host}Connection: keep-alive\r\n\r\n`);
    await kept.until(({ text }) => text.endsWith("ok"));
    assert.match(kept.text, /connection: keep-alive/);
    kept.text = "";
    kept.write(`GET /x HTTP/1.0\r\n${host}\r\n`);
    await kept.untilOver();
    assert.match(kept.text, /connection: close/);
  },
);

behaviour(
  "trailers that frame or name are dropped, others pass where they are wanted (H12)",
  import.meta.url,
  async (mesh) => {
    let trailers: Record<string, string | undefined> = {};
    mesh.program("app-1").onRequest = (request, response) => {
      trailers = request.trailers;
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body");
      response.addTrailers({ "x-sum": "7" });
      response.end();
    };
    const connection = mesh
      .raw("web")
      .write(
        post(
          "Transfer-Encoding: chunked\r\nTE: trailers\r\n",
          "4\r\nbody\r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\nHost: evil\r\nAuthorization: x\r\n\r\n",
        ),
      );
    await connection.until(({ text }) => text.endsWith("x-sum: 7\r\n\r\n"));
    assert.deepEqual({ ...trailers }, { "x-sum": "1" });
    const without = mesh.raw("web").write(get(""));
    await without.until(({ text }) => text.endsWith("0\r\n\r\n"));
  },
);

behaviour(
  "slow heads are cut, at a cost of one small connection (H35)",
  import.meta.url,
  async (mesh) => {
    const connection = mesh.raw("web").write("GET /x HTT");
    const startedAtMs = performance.now();
    await connection.untilOver(14_000);
    assert.match(connection.text, /^HTTP\/1\.1 408 /);
    const tookMs = performance.now() - startedAtMs;
    assert.ok(tookMs > 9000 && tookMs < 13_500, `${tookMs} ms`);
  },
);

behaviour("slow bodies are cut (H35)", import.meta.url, async (mesh) => {
  mesh.program("app-1").onRequest = () => {};
  const connection = mesh.raw("web").write(post("Content-Length: 1000\r\n", "a"));
  const drip = setInterval(() => connection.write("a"), 1000);
  try {
    await connection.untilOver(30_000);
  } finally {
    clearInterval(drip);
  }
  assert.match(connection.text, /^HTTP\/1\.1 408 /);
  await eventually(() => mesh.program("app-1").seen.length === 0);
});
