import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { handleFaults } from "./faults.ts";
import { atTurnEnd } from "./turn.ts";

const check = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("everything asked for in a turn is flushed in order, once, before the next poll", async () => {
  const order: string[] = [];
  atTurnEnd({ flush: () => order.push("a") });
  atTurnEnd({ flush: () => order.push("b") });
  assert.deepEqual(order, [], "not at once");
  await check();
  assert.deepEqual(order, ["a", "b"]);
  await check();
  assert.deepEqual(order, ["a", "b"]);
});

test("what is asked for while flushing waits for the next turn", async () => {
  let count = 0;
  const again = {
    flush(): void {
      count++;
      if (count < 3) atTurnEnd(again);
    },
  };
  atTurnEnd(again);
  await check();
  assert.equal(count, 1, "another object's events come in between");
  await check();
  await check();
  assert.equal(count, 3);
});

test("a throw costs the others nothing", async (t) => {
  const faults: unknown[] = [];
  handleFaults((error) => faults.push(error));
  t.after(() => handleFaults(null));
  const error = new Error("a bug");
  let flushed = false;
  atTurnEnd({
    flush() {
      throw error;
    },
  });
  atTurnEnd({
    flush() {
      flushed = true;
    },
  });
  await check();
  assert.deepEqual(faults, [error]);
  assert.ok(flushed);
});

test("the events of several sockets that are ready together end in one flush", async (t) => {
  const server = createServer();
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const accepted: Socket[] = [];
  server.on("connection", (socket) => accepted.push(socket));
  const clients: Socket[] = [];
  for (let i = 0; i < 8; i++) {
    const client = createConnection(port, "127.0.0.1");
    clients.push(client);
    await once(client, "connect");
  }
  t.after(() => {
    for (const socket of [...clients, ...accepted]) socket.destroy();
  });
  while (accepted.length < clients.length) await check();

  let flushes = 0;
  let readSinceFlush = 0;
  const perFlush: number[] = [];
  const gathered = {
    flush(): void {
      flushes++;
      perFlush.push(readSinceFlush);
      readSinceFlush = 0;
    },
  };
  for (const socket of accepted) {
    socket.on("data", () => {
      if (readSinceFlush++ === 0) atTurnEnd(gathered);
    });
  }
  await check();
  for (const client of clients) client.write("x");
  while (perFlush.reduce((sum, one) => sum + one, 0) < clients.length) await check();
  assert.ok(flushes < clients.length, `${flushes} flushes for ${clients.length} events`);
});
