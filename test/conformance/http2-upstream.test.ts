// The HTTP/2 side towards endpoints: every pairing with HTTP/1.1 requests, what may be sent again
// (http-cases H32), what ends early (H13, H30), and streams that do not hinder each other.

import assert from "node:assert/strict";
import { constants, type ServerHttp2Stream } from "node:http2";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import {
  frame,
  frameFlag,
  frameType,
  Http2Program,
  type RawServerConnection,
  type ReceivedFrame,
  speakFrames,
  status200,
} from "./http2-program.ts";

const routes = [
  ["bare", "bare-1"],
  ["meshed", "meshed-1"],
] as const;
const endOfHead = frameFlag.endHeaders | frameFlag.endStream;

/** Does it with a program that the client's proxy reaches itself, and with one behind a proxy. */
function eachWay(
  name: string,
  run: (mesh: Mesh, service: string, workload: string) => Promise<void>,
): void {
  for (const [service, workload] of routes) {
    behaviour(`${name}, ${service}`, import.meta.url, (mesh) => run(mesh, service, workload));
  }
}

const upgrade =
  "GET /room HTTP/1.1\r\nhost: bare\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";

/** Answers a request's stream with an empty 200. */
function answer(streamId: number): Buffer {
  return frame(frameType.headers, endOfHead, streamId, status200);
}

function isRequest({ type }: ReceivedFrame): boolean {
  return type === frameType.headers;
}

eachWay("HTTP/1.1 requests reach an HTTP/2 program", async (mesh, service, workload) => {
  const program = new Http2Program(mesh.program(workload));
  await mesh.spoken(workload);
  const got = await mesh.send("web", `http://${service}/items?x=1`, {
    headers: { "x-one": "1", cookie: "a=1; b=2" },
  });
  assert.equal(got.status, 200, got.body);
  const { headers } = program.seen[0] ?? assert.fail();
  assert.equal(headers[":path"], "/items?x=1");
  assert.equal(headers[":authority"], service);
  assert.equal(headers["x-one"], "1");
  assert.equal(headers["cookie"], "a=1; b=2");
  assert.equal(headers["connection"], undefined);
  const body = "x".repeat(200_000);
  const posted = await mesh.send("web", `http://${service}/`, { method: "POST", body });
  assert.equal(posted.status, 200);
  assert.equal(program.seen[1]?.body.length, body.length);
  assert.equal(program.seen[1]?.headers["content-length"], String(body.length));
  const head = await mesh.send("web", `http://${service}/`, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(head.body, "");
});

eachWay("chunked content and trailers pass both ways", async (mesh, service, workload) => {
  const program = new Http2Program(mesh.program(workload));
  await mesh.spoken(workload);
  program.onStream = (stream) => {
    const seen: string[] = [];
    stream.on("trailers", (fields: Record<string, string>) => seen.push(fields["x-sum"] ?? ""));
    stream.on("data", (bytes: Buffer) => seen.push(bytes.toString()));
    stream.on("end", () => {
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-total": seen.join("+") }));
      stream.end("done");
    });
  };
  const connection = mesh.raw("web");
  connection.write(
    `POST /up HTTP/1.1\r\nhost: ${service}\r\ntransfer-encoding: chunked\r\nte: trailers\r\n` +
      "connection: te\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n",
  );
  await connection.until(({ text }) => text.includes("x-total: hello+5\r\n\r\n"));
  assert.match(connection.text, /\r\n4\r\ndone\r\n0\r\n/);
});

eachWay(
  "interim responses come through, and content waits for 100",
  async (mesh, service, workload) => {
    const program = new Http2Program(mesh.program(workload));
    await mesh.spoken(workload);
    program.onStream = (stream, headers) => {
      stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
      if (headers["expect"] === "100-continue") stream.additionalHeaders({ ":status": 100 });
      let length = 0;
      stream.on("data", (bytes: Buffer) => {
        length += bytes.length;
      });
      stream.on("end", () => {
        stream.respond({ ":status": 200, "content-length": 1 });
        stream.end(String(length));
      });
    };
    const connection = mesh.raw("web");
    connection.write(
      `PUT /up HTTP/1.1\r\nhost: ${service}\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n`,
    );
    await connection.until(({ text }) => text.includes("HTTP/1.1 100 Continue\r\n"));
    connection.write("abc");
    await connection.until(({ text }) => text.endsWith("\r\n\r\n3"));
    assert.match(connection.text, /^HTTP\/1\.1 103 /);
  },
);

eachWay(
  "an early answer is relayed and the upload stopped (H30)",
  async (mesh, service, workload) => {
    const program = new Http2Program(mesh.program(workload));
    await mesh.spoken(workload);
    program.onStream = (stream) => {
      stream.respond({ ":status": 413, "content-length": 3 });
      stream.end("big");
    };
    const connection = mesh.raw("web");
    connection.write(`POST / HTTP/1.1\r\nhost: ${service}\r\ncontent-length: 1000000\r\n\r\nsome`);
    await connection.until(({ text }) => text.includes("\r\n\r\nbig"));
    assert.match(connection.text, /^HTTP\/1\.1 413 /);
    await connection.untilOver();
    // The connection to the program lives on.
    program.onStream = null;
    assert.equal((await mesh.send("web", `http://${service}/`)).status, 200);
  },
);

eachWay(
  "a request that ends too early is cancelled, not completed (H13)",
  async (mesh, service, workload) => {
    const program = new Http2Program(mesh.program(workload));
    await mesh.spoken(workload);
    let isOpen = false;
    let hasEnded = false;
    program.onStream = (stream) => {
      isOpen = true;
      stream.resume().on("end", () => {
        if (!stream.aborted) hasEnded = true;
      });
    };
    const connection = mesh.raw("web");
    connection.write(`POST / HTTP/1.1\r\nhost: ${service}\r\ncontent-length: 100\r\n\r\npart`);
    await eventually(() => isOpen);
    connection.socket.end();
    await eventually(() => program.resets.length === 1);
    assert.deepEqual(program.resets, [constants.NGHTTP2_CANCEL]);
    assert.equal(hasEnded, false);
  },
);

eachWay(
  "a refused stream is sent again whatever its method (H32)",
  async (mesh, service, workload) => {
    let requestCount = 0;
    speakFrames(mesh.program(workload), (received, self) => {
      const { streamId, flags, type } = received;
      if (isRequest(received)) requestCount++;
      if ((flags & frameFlag.endStream) === 0 || type === frameType.settings) return;
      if (requestCount === 1) self.write(frame(frameType.rst, 0, streamId, [0, 0, 0, 7]));
      else self.write(answer(streamId));
    });
    await mesh.spoken(workload);
    const got = await mesh.send("web", `http://${service}/`, { method: "POST", body: "once" });
    assert.equal(got.status, 200, got.flag);
    assert.equal(requestCount, 2);
  },
);

eachWay(
  "what stands above GOAWAY's last stream is sent again (H32)",
  async (mesh, service, workload) => {
    let requestCount = 0;
    const connections = speakFrames(mesh.program(workload), (received, self) => {
      if (!isRequest(received)) return;
      requestCount++;
      if (requestCount === 1) self.write(frame(frameType.goAway, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]));
      else self.write(answer(received.streamId));
    });
    await mesh.spoken(workload);
    const got = await mesh.send("web", `http://${service}/`, { method: "DELETE" });
    assert.equal(got.status, 200, got.flag);
    assert.equal(requestCount, 2);
    assert.equal(connections.length, 2, "no new stream after GOAWAY");
    await eventually(() => connections[0]?.isClosed === true);
  },
);

eachWay("a POST whose stream dies is not sent again (H32)", async (mesh, service, workload) => {
  let requestCount = 0;
  speakFrames(mesh.program(workload), (received, self) => {
    if (!isRequest(received)) return;
    requestCount++;
    self.write(frame(frameType.rst, 0, received.streamId, [0, 0, 0, 2]));
  });
  await mesh.spoken(workload);
  const got = await mesh.send("web", `http://${service}/`, { method: "POST", body: "once" });
  assert.equal(got.status, 503);
  assert.equal(requestCount, 1);
});

eachWay("GOAWAY lets what it took end", async (mesh, service, workload) => {
  const held: { self: RawServerConnection; streamId: number }[] = [];
  speakFrames(mesh.program(workload), (received, self) => {
    if (isRequest(received)) held.push({ self, streamId: received.streamId });
  });
  await mesh.spoken(workload);
  const answers = [
    mesh.send("web", `http://${service}/a`),
    mesh.send("web", `http://${service}/b`),
  ];
  await eventually(() => held.length === 2);
  for (const { self } of held) {
    self.write(frame(frameType.goAway, 0, 0, [0, 0, 0, 9, 0, 0, 0, 0]));
  }
  for (const { self, streamId } of held) self.write(answer(streamId));
  for (const got of await Promise.all(answers)) assert.equal(got.status, 200, got.flag);
  await eventually(() => held.every(({ self }) => self.isClosed));
});

eachWay("many requests share one connection of each worker", async (mesh, service, workload) => {
  const streams: ServerHttp2Stream[] = [];
  const program = new Http2Program(mesh.program(workload));
  program.onStream = (stream) => {
    streams.push(stream);
    if (streams.length < 40) return;
    for (const one of streams.splice(0)) {
      one.respond({ ":status": 200 });
      one.end("ok");
    }
  };
  await mesh.spoken(workload);
  mesh.program(workload).connectionCount = 0;
  const sent = Array.from({ length: 40 }, () => mesh.send("web", `http://${service}/`));
  for (const got of await Promise.all(sent)) assert.equal(got.status, 200, got.flag);
  assert.ok(mesh.program(workload).connectionCount <= mesh.concurrency);
});

eachWay("readers that stop hold up their own streams only", async (mesh, service, workload) => {
  const program = new Http2Program(mesh.program(workload));
  await mesh.spoken(workload);
  let sentBytes = 0;
  program.onStream = (stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":path"] !== "/large") return void stream.end("small");
    const chunk = Buffer.alloc(16_384, "x");
    const more = (): void => {
      while (!stream.destroyed && sentBytes < 256 * 1024 * 1024) {
        sentBytes += chunk.length;
        if (!stream.write(chunk)) return void stream.once("drain", more);
      }
    };
    more();
  };
  // Together they hold more than the window that a connection usually has.
  for (let i = 0; i < 8; i++) {
    const stopped = mesh.raw("web");
    stopped.write(`GET /large HTTP/1.1\r\nhost: ${service}\r\n\r\n`);
    await stopped.until(({ text }) => text.length > 0);
    stopped.socket.pause();
  }
  // It comes to a stop: nothing more leaves the program.
  let before = -1;
  await eventually(async () => {
    const isStill = before === sentBytes;
    before = sentBytes;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return isStill && sentBytes === before;
  }, 10_000);
  assert.ok(sentBytes < 128 * 1024 * 1024, `${sentBytes} bytes left the program`);
  for (let i = 0; i < 5; i++) {
    const got = await mesh.send("web", `http://${service}/small`);
    assert.deepEqual([got.status, got.body], [200, "small"]);
  }
});

eachWay("a response that is cut is cut for the client too", async (mesh, service, workload) => {
  speakFrames(mesh.program(workload), (received, self) => {
    if (!isRequest(received)) return;
    const { streamId } = received;
    self.write(
      frame(frameType.headers, frameFlag.endHeaders, streamId, status200),
      frame(frameType.data, 0, streamId, Buffer.from("half")),
      frame(frameType.rst, 0, streamId, [0, 0, 0, 2]),
    );
  });
  await mesh.spoken(workload);
  const connection = mesh.raw("web");
  connection.write(`GET / HTTP/1.1\r\nhost: ${service}\r\n\r\n`);
  // Between proxies that speak HTTP/1.1 the reset may overtake the head.
  await connection.until((own) => own.hasEnded || own.isClosed || own.text.includes(" 503 "));
  assert.ok(!connection.text.endsWith("0\r\n\r\n"), "it must not look whole");
});

behaviour(
  "a WebSocket takes a stream where the program allows it",
  import.meta.url,
  async (mesh) => {
    const program = new Http2Program(mesh.program("bare-1"), true);
    await mesh.spoken("bare-1");
    program.onStream = (stream, headers) => {
      stream.respond({ ":status": 200 });
      if (headers[":protocol"] !== "websocket") return void stream.end("ok");
      stream.on("data", (bytes: Buffer) => stream.write(`echo:${bytes.toString()}`));
      stream.on("end", () => stream.end());
    };
    // No worker has a connection to the program yet: its SETTINGS are waited for.
    const connection = mesh.raw("web").write(upgrade);
    await connection.until(({ text }) => text.includes("\r\n\r\n"));
    assert.match(connection.text, /^HTTP\/1\.1 101 /);
    assert.match(connection.text, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
    connection.text = "";
    connection.write("hello");
    await connection.until(({ text }) => text === "echo:hello");
    connection.socket.end();
    await connection.untilOver();
  },
);

behaviour(
  "a program of HTTP/2 that takes no WebSockets is asked in HTTP/1.1, else 502 NW",
  import.meta.url,
  async (mesh) => {
    const program = new Http2Program(mesh.program("bare-1"));
    await mesh.spoken("bare-1");
    const refused = mesh.raw("web").write(upgrade);
    await refused.until(({ text }) => text.includes("\r\n\r\n"));
    assert.match(refused.text, /^HTTP\/1\.1 502 [^]*x-weft-flag: NW\r\n/i);
    // Its requests are served all the same, and it is not ejected.
    for (let i = 0; i < 6; i++) {
      const again = mesh.raw("web").write(upgrade);
      await again.until(({ text }) => text.startsWith("HTTP/1.1 502 "));
    }
    assert.equal((await mesh.send("web", "http://bare/")).status, 200);
    assert.equal(program.seen.length, 1);
    // One that speaks both.
    mesh.program("bare-1").speak((socket) => {
      socket.once("data", (bytes: Buffer) => {
        if (!bytes.toString("latin1").startsWith("GET ")) {
          program.serve(socket);
          socket.unshift(bytes);
          return;
        }
        socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n");
        socket.write("connection: upgrade\r\n\r\n");
        socket.on("data", (more: Buffer) => socket.write(`one:${more.toString()}`));
        socket.on("end", () => socket.end());
      });
    });
    await mesh.spoken("bare-1");
    const connection = mesh.raw("web").write(upgrade);
    await connection.until(({ text }) => text.includes("\r\n\r\n"));
    assert.match(connection.text, /^HTTP\/1\.1 101 /);
    connection.text = "";
    connection.write("hello");
    await connection.until(({ text }) => text === "one:hello");
    connection.socket.end();
    await connection.untilOver();
  },
);

behaviour(
  "a WebSocket does not wait for a program that says nothing of itself",
  import.meta.url,
  async (mesh) => {
    mesh.program("bare-1").speak((socket) => socket.end());
    await mesh.spoken("bare-1");
    const connection = mesh.raw("web").write(upgrade);
    await connection.until(({ text }) => text.includes("\r\n\r\n"));
    assert.match(connection.text, /^HTTP\/1\.1 503 [^]*x-weft-flag: UF\r\n/i);
    // Not in a loop.
    assert.ok(mesh.program("bare-1").connectionCount < 10);
  },
);

behaviour(
  "a request head that the endpoint does not take is 431 HL, and others go on",
  import.meta.url,
  async (mesh) => {
    let requestCount = 0;
    const connections = speakFrames(
      mesh.program("bare-1"),
      (received, self) => {
        if (!isRequest(received)) return;
        requestCount++;
        if ((received.flags & frameFlag.endStream) !== 0) self.write(answer(received.streamId));
      },
      // MAX_HEADER_LIST_SIZE of 1000.
      (self) => self.write(frame(frameType.settings, 0, 0, [0, 6, 0, 0, 0x03, 0xe8])),
    );
    await mesh.spoken("bare-1");
    const client = mesh.raw("web").write("GET / HTTP/1.1\r\nhost: bare\r\n\r\n");
    await client.until(({ text }) => text.startsWith("HTTP/1.1 200 "));
    client.text = "";
    client.write(`GET / HTTP/1.1\r\nhost: bare\r\nx-large: ${"a".repeat(2000)}\r\n\r\n`);
    await client.until(({ text }) => text.includes("\r\n\r\n"));
    assert.match(client.text, /^HTTP\/1\.1 431 [^]*x-weft-flag: HL\r\n/i);
    client.text = "";
    client.write("GET /after HTTP/1.1\r\nhost: bare\r\n\r\n");
    await client.until(({ text }) => text.startsWith("HTTP/1.1 200 "));
    assert.equal(requestCount, 2);
    assert.equal(connections.length, 1, "it is the same connection");
  },
);
