import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { HandleWriter } from "./handle-write.ts";

interface Ends {
  readonly near: Socket;
  readonly far: Socket;
}

async function connected(t: TestContext): Promise<Ends> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = createConnection((server.address() as { port: number }).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  if (near.connecting) await once(near, "connect");
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  near.on("error", () => {});
  far.on("error", () => {});
  return { near, far };
}

/** A writer that may write, null where this Node has no such way. */
async function direct(
  socket: Socket,
  onEmpty: () => void = () => {},
): Promise<HandleWriter | null> {
  const writer = new HandleWriter(socket, onEmpty);
  if (writer.isDirect) return writer;
  await new Promise((resolve) => socket.write(Buffer.from("first"), resolve));
  return writer.isDirect ? writer : null;
}

test("the first write shows the way of this Node, and 26 has the direct one", async (t) => {
  const { near } = await connected(t);
  const writer = await direct(near);
  if (Number(process.versions.node.split(".")[0]) >= 26) assert.ok(writer !== null);
});

test("what the system does not take waits, arrives in order, and is reported when gone", async (t) => {
  const { near, far } = await connected(t);
  let emptied = 0;
  const writer = await direct(near, () => emptied++);
  if (writer === null) return t.skip("this Node writes with request objects only");
  const before = near.bytesWritten;
  let sent = 0;
  let isTaken = true;
  for (let i = 0; i < 200 && !writer.isFull; i++) {
    isTaken = writer.write(Buffer.alloc(256 * 1024, i));
    sent++;
  }
  assert.equal(isTaken, false);
  assert.ok(writer.isFull);
  const pieces: Buffer[] = [];
  let length = 0;
  const wanted = before + sent * 256 * 1024;
  await new Promise<void>((resolve) => {
    far.on("data", (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length >= wanted) resolve();
    });
  });
  while (emptied === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(emptied, 1);
  assert.equal(writer.isFull, false);
  const all = Buffer.concat(pieces);
  const own = all.subarray(before);
  for (let i = 0; i < sent; i++) assert.equal(own[i * 256 * 1024], i);
});

test("a write to a connection that was reset closes the socket with the reason", async (t) => {
  const { near, far } = await connected(t);
  const writer = await direct(near);
  if (writer === null) return t.skip("this Node writes with request objects only");
  near.pause();
  far.resetAndDestroy();
  await once(far, "close");
  const failed = once(near, "error");
  for (let i = 0; i < 100 && !near.destroyed; i++) {
    writer.write(Buffer.from("x"));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [error] = (await failed) as [NodeJS.ErrnoException];
  assert.match(error.code ?? "", /^(EPIPE|ECONNRESET)$/);
});
