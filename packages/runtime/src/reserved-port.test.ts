// A reserved port takes no connections, is nobody else's, and is there for who shares it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, connect } from "node:net";
import { test } from "node:test";
import { freePort } from "./free-port.ts";
import { canShareListeners } from "./listen.ts";
import { reservePort } from "./reserved-port.ts";
import { socketAddress, systemCalls, systemNumbers } from "./system-calls.ts";

test("a reserved port belongs to one and is bound by who shares it", async (context) => {
  if (!canShareListeners() || process.platform !== "linux") return context.skip("needs FFI");
  const first = await reservePort("127.0.0.1", 0);
  context.after(() => first.close());
  const second = await reservePort("127.0.0.1", first.port);
  context.after(() => second.close());
  assert.notEqual(second.port, first.port);

  const refused = connect({ host: "127.0.0.1", port: first.port });
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");

  const alone = createServer();
  alone.listen({ host: "127.0.0.1", port: first.port });
  const [taken] = (await once(alone, "error")) as [NodeJS.ErrnoException];
  assert.equal(taken.code, "EADDRINUSE");

  const server = createServer((socket) => socket.end("served"));
  server.listen({ host: "127.0.0.1", port: first.port, reusePort: true });
  await once(server, "listening");
  context.after(() => server.close());
  // All of them reach who listens, none the socket that only holds the port.
  for (let at = 0; at < 20; at++) {
    const socket = connect({ host: "127.0.0.1", port: first.port });
    const [bytes] = (await once(socket, "data")) as [Buffer];
    assert.equal(bytes.toString(), "served");
    socket.destroy();
  }
});

test("a port that somebody has bound and not begun to listen on is not ours", async (context) => {
  const c = systemCalls();
  if (c === null || process.platform !== "linux") return context.skip("needs FFI");
  const port = await freePort();
  const { addressFamilyV4, reuseAddress, socketLevel, streamSocket } = systemNumbers;
  const fd = c.socket(addressFamilyV4, streamSocket, 0);
  context.after(() => void c.close(fd));
  const one = Buffer.alloc(4);
  one.writeInt32LE(1);
  c.setsockopt(fd, socketLevel, reuseAddress, one, 4);
  const name = socketAddress("127.0.0.1", port);
  assert.equal(c.bind(fd, name, name.length), 0);
  const reserved = await reservePort("127.0.0.1", port);
  context.after(() => reserved.close());
  assert.notEqual(reserved.port, port);
});

test("a port that is given back can be reserved again", async () => {
  const first = await reservePort("127.0.0.1", 0);
  first.close();
  const second = await reservePort("127.0.0.1", first.port);
  second.close();
  if (canShareListeners()) assert.equal(second.port, first.port);
});
