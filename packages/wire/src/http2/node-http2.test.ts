// Both roles against node:http2 over loopback: another implementation must understand what we say,
// and we what it says.

import assert from "node:assert/strict";
import http2 from "node:http2";
import net, { type AddressInfo, type Socket } from "node:net";
import { after, test } from "node:test";
import type { HeaderList } from "../header-list.ts";
import { Framing, RequestHead, ResponseHead } from "../http1/head.ts";
import { Http2Connection } from "./connection.ts";
import { type Http2Sink, Http2Status } from "./options.ts";
import type { Http2Stream } from "./stream.ts";

/** Ends with the file, so that a failed test does not keep it alive. */
const closers: (() => void)[] = [];
after(() => {
  for (const close of closers) close();
});

/** One connection of ours on a socket. */
class Carrier {
  readonly connection: Http2Connection;
  readonly #socket: Socket;
  #isWriting = false;

  constructor(role: "client" | "server", socket: Socket, sink: Partial<Http2Sink>) {
    this.#socket = socket;
    const none = (): void => {};
    this.connection = new Http2Connection(role, {
      onOutput: () => queueMicrotask(() => this.#flush()),
      onRequest: none,
      onRefused: none,
      onStreamRefused: none,
      onResponse: none,
      onData: none,
      onEnd: none,
      onReset: none,
      onWritable: none,
      onGoAway: none,
      onSettings: none,
      onPong: none,
      ...sink,
    });
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", none);
    this.#flush();
  }

  #read(bytes: Buffer): void {
    let status = this.connection.feed(bytes, performance.now());
    while (status === Http2Status.Paused) {
      status = this.connection.feed(Buffer.alloc(0), performance.now());
    }
    if (status === Http2Status.Closed) this.#socket.end();
  }

  #flush(): void {
    if (this.#isWriting || !this.connection.hasOutput) return;
    this.#isWriting = true;
    this.#socket.write(this.connection.takeOutput(), () => {
      this.#isWriting = false;
      this.#flush();
    });
  }
}

function responseOf(status: number, headers: HeaderList): ResponseHead {
  return Object.assign(new ResponseHead(), { status, headers, framing: Framing.Chunked });
}

interface Seen {
  head: RequestHead;
  body: string;
  trailers: HeaderList;
}

/** A server of ours that echoes, and a client session of node's with it. */
async function echoServer(): Promise<{ session: http2.ClientHttp2Session; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = net.createServer((socket) => {
    const carrier = new Carrier("server", socket, {
      onRequest(stream, head, isEnd) {
        const entry = { head, body: "", trailers: [] };
        seen.push(entry);
        stream.owner = entry;
        stream.respond(responseOf(200, ["x-echo", head.path, "set-cookie", "a=b"]), false);
        if (isEnd) stream.end([]);
      },
      onData(stream, bytes) {
        (stream.owner as Seen).body += bytes.toString("latin1");
        stream.data(bytes);
        stream.consumed(bytes.length);
      },
      onEnd(stream, trailers) {
        (stream.owner as Seen).trailers = trailers;
        stream.end(["x-sum", String((stream.owner as Seen).body.length)]);
      },
    });
    closers.push(() => socket.destroy());
    assert.equal(carrier.connection.isGoingAway, false);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  closers.push(() => {
    session.destroy();
    server.close();
  });
  return { session, seen };
}

interface Answer {
  headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  body: Buffer;
  trailers: http2.IncomingHttpHeaders;
}

function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: Buffer | null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === null });
    const answer: Answer = { headers: {}, body: Buffer.alloc(0), trailers: {} };
    const pieces: Buffer[] = [];
    stream.on("response", (got) => (answer.headers = got));
    stream.on("trailers", (got) => (answer.trailers = got));
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("error", reject);
    stream.on("close", () => resolve({ ...answer, body: Buffer.concat(pieces) }));
    if (body !== null) stream.end(body);
  });
}

test("node's client is answered by our server", async () => {
  const { session, seen } = await echoServer();
  for (let i = 0; i < 20; i++) {
    const { headers } = await ask(session, { ":path": `/items/${i}?full=1`, "x-a": "b" }, null);
    assert.equal(headers[":status"], 200);
    assert.equal(headers["x-echo"], `/items/${i}`);
    assert.deepEqual(headers["set-cookie"], ["a=b"]);
  }
  assert.equal(seen.length, 20);
  assert.equal(seen[19]?.head.query, "?full=1");
  assert.deepEqual(seen[19]?.head.headers, ["x-a", "b"]);
});

test("a large body goes to our server and back through the windows", async () => {
  const { session, seen } = await echoServer();
  const body = Buffer.alloc(3_000_000, "0123456789");
  const answers = await Promise.all(
    ["/a", "/b", "/c"].map((path) => ask(session, { ":path": path, ":method": "POST" }, body)),
  );
  for (const answer of answers) {
    assert.ok(answer.body.equals(body));
    assert.equal(answer.trailers["x-sum"], "3000000");
  }
  assert.equal(seen[0]?.head.framing, Framing.Chunked);
});

test("our client is answered by node's server", async () => {
  const server = http2.createServer();
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    if (headers[":path"] === "/hints") stream.additionalHeaders({ ":status": 103, link: "x" });
    stream.respond({ ":status": 200, "x-method": headers[":method"] }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const socket = net.connect(port, "127.0.0.1");
  closers.push(() => {
    socket.destroy();
    server.close();
  });
  const body = Buffer.alloc(1_500_000, "abcdef");
  const heads: ResponseHead[] = [];
  let received = 0;
  let sent = 0;
  const push = (stream: Http2Stream): void => {
    while (sent < body.length) {
      const piece = body.subarray(sent, sent + 50_000);
      sent += piece.length;
      if (!stream.data(piece)) return;
    }
    stream.end(["x-up", "1"]);
  };
  const trailers = await new Promise<HeaderList>((resolve) => {
    const carrier = new Carrier("client", socket, {
      onResponse: (_stream, head) => heads.push(head),
      onData(stream, bytes) {
        received += bytes.length;
        stream.consumed(bytes.length);
      },
      onEnd: (_stream, list) => resolve(list),
      onWritable: push,
    });
    const head = Object.assign(new RequestHead(), {
      method: "POST",
      target: "/hints",
      path: "/hints",
      authority: "catalog.shop",
      framing: Framing.Chunked,
    });
    const stream = carrier.connection.request(head, false);
    assert.ok(stream !== null);
    push(stream);
  });
  assert.deepEqual(trailers, ["x-sum", "1"]);
  assert.equal(received, body.length);
  assert.deepEqual(
    heads.map((head) => head.status),
    [103, 200],
  );
});
