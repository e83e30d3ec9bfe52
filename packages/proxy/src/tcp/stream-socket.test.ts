import assert from "node:assert/strict";
import { test } from "node:test";
import type { SocketOwner } from "@weft/runtime";
import { Http2Error, type Http2Stream } from "@weft/wire";
import { StreamSocket } from "./stream-socket.ts";

/** Writes down what is done to it. */
class FakeStream {
  readonly id = 1;
  owner: unknown = null;
  readonly log: string[] = [];
  mayGoOn = true;

  data(bytes: Buffer): boolean {
    this.log.push(`data ${bytes.toString()}`);
    return this.mayGoOn;
  }
  end(): void {
    this.log.push("end");
  }
  reset(code: number): void {
    this.log.push(`reset ${code}`);
  }
  consumed(byteCount: number): void {
    this.log.push(`consumed ${byteCount}`);
  }
}

class Owner implements SocketOwner {
  readonly log: string[] = [];
  onBytesDo: () => void = () => {};

  onConnected(): void {}
  onBytes(bytes: Buffer): void {
    this.log.push(bytes.toString());
    this.onBytesDo();
  }
  onEnd(): void {
    this.log.push("<end>");
  }
  onDrain(): void {
    this.log.push("<drain>");
  }
  onClosed(errorCode: string): void {
    this.log.push(`<closed ${errorCode}>`);
  }
}

function open(): { stream: FakeStream; owner: Owner; socket: StreamSocket } {
  const stream = new FakeStream();
  const peer = { remoteAddress: "127.0.0.1", remotePort: 5, localPort: 6 };
  const socket = new StreamSocket(stream as unknown as Http2Stream, peer);
  const owner = new Owner();
  socket.owner = owner;
  return { stream, owner, socket };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("bytes wait while it is paused, and the peer gets credit only for what was taken", () => {
  const { stream, owner, socket } = open();
  socket.onStreamData(Buffer.from("one"));
  socket.onStreamData(Buffer.from("two"));
  socket.onStreamEnd();
  assert.deepEqual([owner.log, stream.log], [[], []]);
  owner.onBytesDo = () => socket.pause();
  socket.resume();
  assert.deepEqual(owner.log, ["one"]);
  assert.deepEqual(stream.log, ["consumed 3"]);
  socket.resume();
  assert.deepEqual(owner.log, ["one", "two"]);
  socket.resume();
  assert.deepEqual(owner.log, ["one", "two", "<end>"]);
});

test("both halves close by themselves, and the owner hears of the end once, later", async () => {
  const { stream, owner, socket } = open();
  socket.resume();
  socket.write(Buffer.from("a"));
  socket.end();
  assert.equal(socket.write(Buffer.from("b")), false);
  socket.onStreamData(Buffer.from("c"));
  assert.equal(socket.isClosed, false);
  socket.onStreamEnd();
  assert.equal(socket.isClosed, true);
  assert.deepEqual(owner.log, ["c", "<end>"]);
  await turn();
  assert.deepEqual(owner.log, ["c", "<end>", "<closed >"]);
  assert.deepEqual(stream.log, ["data a", "end", "consumed 1"]);
});

test("a socket that is cut resets its stream; a stream that is reset breaks its socket", async () => {
  const cut = open();
  cut.socket.reset();
  cut.socket.destroy();
  assert.deepEqual(cut.stream.log, [`reset ${Http2Error.ConnectError}`]);
  const broken = open();
  broken.socket.onStreamReset(Http2Error.Cancel, true);
  await turn();
  assert.deepEqual(broken.owner.log, ["<closed ECONNRESET>"]);
  assert.deepEqual(broken.stream.log, []);
});

test("what is not wanted any more is said after everything was sent", () => {
  const { stream, socket } = open();
  socket.write(Buffer.from("last"));
  socket.destroySoon();
  assert.deepEqual(stream.log, ["data last", "end", `reset ${Http2Error.NoError}`]);
});

test("a stream without window blocks its socket until it is writable", () => {
  const { stream, owner, socket } = open();
  stream.mayGoOn = false;
  assert.equal(socket.write(Buffer.from("a")), false);
  assert.equal(socket.isBlocked, true);
  socket.onStreamWritable();
  assert.equal(socket.isBlocked, false);
  assert.deepEqual(owner.log, ["<drain>"]);
});
