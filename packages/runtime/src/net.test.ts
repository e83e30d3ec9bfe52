import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { flushWrites } from "./gather.ts";
import { acceptConnections, bindListener, canShareListeners } from "./listen.ts";
import { adoptAccepted, type ByteSocket, connectPlain, type SocketOwner } from "./net.ts";

/** Collects what happens to a socket; `until` resolves when its condition holds. */
class Recorder implements SocketOwner {
  events: string[] = [];
  bytes = 0;
  text = "";
  #waiting: { holds: () => boolean; resolve: () => void }[] = [];
  onConnected(): void {
    this.#note("connected");
  }
  onBytes(bytes: Buffer): void {
    this.bytes += bytes.length;
    if (this.text.length < 1000) this.text += bytes.toString("latin1");
    this.#note("");
  }
  onEnd(): void {
    this.#note("end");
  }
  onDrain(): void {
    this.#note("drain");
  }
  onClosed(errorCode: string): void {
    this.#note(`closed ${errorCode}`);
  }
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }
  #note(event: string): void {
    if (event !== "") this.events.push(event);
    this.#waiting = this.#waiting.filter(({ holds, resolve }) => {
      if (!holds()) return true;
      resolve();
      return false;
    });
  }
}

async function pair(): Promise<{
  near: ByteSocket;
  far: ByteSocket;
  nearOwner: Recorder;
  farOwner: Recorder;
  close: () => void;
}> {
  const farOwner = new Recorder();
  const nearOwner = new Recorder();
  return await new Promise((resolve) => {
    let near: ByteSocket;
    const acceptor = acceptConnections({
      fd: null,
      address: "127.0.0.1",
      port: 0,
      onConnection(socket) {
        const far = adoptAccepted(socket);
        far.owner = farOwner;
        far.resume();
        const close = (): void => {
          near.destroy();
          far.destroy();
          acceptor.close();
        };
        void nearOwner
          .until(() => nearOwner.events.includes("connected"))
          .then(() => resolve({ near, far, nearOwner, farOwner, close }));
      },
      onListening(port) {
        near = connectPlain({ address: "127.0.0.1", port }, nearOwner);
      },
      onError: (error) => assert.fail(error.message),
    });
  });
}

test("bytes written in pieces arrive in order, both ways, and a half-close keeps the other half", async () => {
  const { near, far, nearOwner, farOwner, close } = await pair();
  near.write(Buffer.from("one "));
  near.write(Buffer.from("two"));
  near.end();
  await farOwner.until(() => farOwner.events.includes("end"));
  assert.equal(farOwner.text, "one two");
  far.write(Buffer.from("still here"));
  far.end();
  await nearOwner.until(() => nearOwner.events.includes("end"));
  assert.equal(nearOwner.text, "still here");
  close();
});

test("the caller's buffer may be reused as soon as write returns", async () => {
  const { near, farOwner, close } = await pair();
  const lent = Buffer.alloc(5000, "a");
  for (let i = 0; i < 50; i++) {
    lent.fill(97 + (i % 26));
    near.write(lent);
  }
  lent.fill("!");
  near.end();
  await farOwner.until(() => farOwner.events.includes("end"));
  assert.equal(farOwner.bytes, 250_000);
  assert.ok(!farOwner.text.includes("!"));
  close();
});

test("a paused reader blocks the writer, and resuming drains it", async () => {
  const { near, far, nearOwner, farOwner, close } = await pair();
  far.pause();
  const chunk = Buffer.alloc(256 * 1024, "x");
  let sent = 0;
  while (near.write(chunk)) sent += chunk.length;
  sent += chunk.length;
  assert.ok(near.isBlocked);
  far.resume();
  await nearOwner.until(() => nearOwner.events.includes("drain"));
  assert.ok(!near.isBlocked);
  near.end();
  await farOwner.until(() => farOwner.events.includes("end"));
  assert.equal(farOwner.bytes, sent);
  close();
});

test("the peer's last bytes are handled before its end", async () => {
  const { near, far, farOwner, close } = await pair();
  const text: string[] = [];
  farOwner.onBytes = (bytes) => void text.push(bytes.toString());
  near.write(Buffer.from("last words"));
  near.end();
  await farOwner.until(() => farOwner.events.includes("end"));
  assert.deepEqual(text, ["last words"]);
  assert.ok(!far.isClosed);
  close();
});

test("a socket that another one's handler destroyed hears of no bytes any more", async () => {
  const pairs = [await pair(), await pair()];
  const heard: number[] = [];
  for (const [i, { farOwner }] of pairs.entries()) {
    farOwner.onBytes = () => {
      heard.push(i);
      for (const { far } of pairs) far.destroy();
    };
  }
  for (const { near } of pairs) near.write(Buffer.from("x"));
  for (const { farOwner } of pairs) {
    await farOwner.until(() => farOwner.events.some((event) => event.startsWith("closed")));
  }
  assert.equal(heard.length, 1);
  for (const { close } of pairs) close();
});

test("a reset reaches the peer as a reset, a destroy as an end", async () => {
  const first = await pair();
  first.near.reset();
  await first.farOwner.until(() => first.farOwner.events.some((e) => e.startsWith("closed")));
  assert.ok(first.farOwner.events.includes("closed ECONNRESET"));
  first.close();
  const second = await pair();
  second.near.write(Buffer.from("bye"));
  second.near.destroy();
  await second.farOwner.until(() => second.farOwner.events.includes("end"));
  assert.equal(second.farOwner.text, "bye");
  second.close();
});

test("a reset ends a connection whose own end still waits behind what was written", async () => {
  for (const ending of ["end", "destroySoon"] as const) {
    const { near, far, nearOwner, close } = await pair();
    far.pause();
    while (near.write(Buffer.alloc(64 * 1024))) flushWrites();
    near[ending]();
    near.reset();
    await nearOwner.until(() => nearOwner.events.some((event) => event.startsWith("closed")));
    close();
  }
});

test("connecting to a closed port tells the owner why", async () => {
  const owner = new Recorder();
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  connectPlain({ address: "127.0.0.1", port }, owner);
  await owner.until(() => owner.events.length > 0);
  assert.deepEqual(owner.events, ["closed ECONNREFUSED"]);
});

test("a bound port is not shared: a second listener moves to a free one", () => {
  if (!canShareListeners()) return;
  for (const address of ["127.0.0.1", "::1"]) {
    const first = bindListener(address, 0);
    const second = bindListener(address, first.port);
    assert.notEqual(second.port, first.port);
    assert.ok(second.port > 0);
    first.close();
    second.close();
  }
});

test("a connection made while no worker accepts is served by the next one", async () => {
  if (!canShareListeners()) return;
  const listener = bindListener("127.0.0.1", 0);
  const waiting = connect(listener.port, "127.0.0.1");
  await new Promise((resolve) => waiting.once("connect", resolve));
  const greet = (text: string): { close(): void } =>
    acceptConnections({
      fd: listener.duplicate(),
      address: listener.address,
      port: listener.port,
      onConnection(socket) {
        const own = adoptAccepted(socket);
        own.write(Buffer.from(text));
        own.end();
      },
      onListening() {},
      onError: (error) => assert.fail(error.message),
    });
  const acceptor = greet("served");
  const text = await new Promise((resolve) =>
    waiting.once("data", (bytes) => resolve(String(bytes))),
  );
  assert.equal(text, "served");
  waiting.destroy();
  acceptor.close();
  listener.close();
});
