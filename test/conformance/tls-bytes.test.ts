// Bytes over mutual TLS, where the writer's buffer is lent: it is overwritten as soon as `write`
// returns, and the reader stops now and then.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  acceptConnections,
  adoptAccepted,
  type ByteSocket,
  connectTls,
  createTlsAcceptor,
  createTlsContext,
  flushWrites,
  seededRandom,
  type SocketOwner,
} from "@weft/runtime";
import { TestAuthority } from "./certificates.ts";

const spiffeId = "spiffe://weft.local/ns/default/sa/a";
const pieceBytesMax = 64 * 1024;
const pieceCount = 300;

/** Writes pieces out of one buffer; what it wrote and what it read are digested. */
class Speaker implements SocketOwner {
  readonly written = createHash("sha256");
  readonly read = createHash("sha256");
  socket: ByteSocket | null = null;
  readonly over: Promise<void>;
  readonly #random = seededRandom(7);
  readonly #buffer: Buffer = Buffer.alloc(pieceBytesMax);
  #left = pieceCount;
  #finish: () => void = () => {};

  constructor() {
    this.over = new Promise((resolve) => (this.#finish = resolve));
  }

  onConnected(): void {
    this.onDrain();
  }

  onDrain(): void {
    while (this.#left > 0) {
      const length = 1 + Math.floor(this.#random.next() * pieceBytesMax);
      const piece = this.#buffer.subarray(0, length).fill(this.#left--);
      piece.writeUInt8(length & 255, length >> 1);
      this.written.update(piece);
      const mayGoOn = this.socket?.write(piece);
      piece.fill(0xee);
      if (mayGoOn === false) return;
    }
    this.socket?.end();
  }

  onBytes(bytes: Buffer): void {
    this.read.update(bytes);
    const { socket } = this;
    if (this.#random.next() > 0.1 || socket === null) return;
    socket.pause();
    setImmediate(() => socket.resume());
  }

  onEnd(): void {
    this.#finish();
  }

  onClosed(): void {
    this.#finish();
  }
}

test("lent bytes arrive as they were, both ways", async () => {
  const near = new Speaker();
  const far = new Speaker();
  const close = await connect(near, far, () => far.onDrain());
  await Promise.all([near.over, far.over]);
  const [toFar, toNear] = [near.written.digest("hex"), far.written.digest("hex")];
  assert.equal(far.read.digest("hex"), toFar);
  assert.equal(near.read.digest("hex"), toNear);
  close();
});

/** Notes what it hears, and answers it. */
class Listener implements SocketOwner {
  text = "";
  socket: ByteSocket | null = null;
  readonly over: Promise<string>;
  readonly #answer: (socket: ByteSocket, heard: string) => void;
  #finish: (heard: string) => void = () => {};

  constructor(answer: (socket: ByteSocket, heard: string) => void) {
    this.#answer = answer;
    this.over = new Promise((resolve) => (this.#finish = resolve));
  }

  onConnected(): void {
    this.socket?.write(Buffer.from("1"));
  }

  onBytes(bytes: Buffer): void {
    this.text += bytes.toString("latin1");
    if (this.socket !== null) this.#answer(this.socket, this.text);
  }

  onEnd(): void {
    this.#finish(this.text);
  }

  onDrain(): void {}

  onClosed(errorCode: string): void {
    this.#finish(`${this.text}, then ${errorCode}`);
  }
}

test("what is written in one turn arrives before the end that follows in it", async () => {
  for (const isSoon of [false, true]) {
    const near = new Listener((socket, heard) => {
      if (heard === "a") socket.write(Buffer.from("2"));
    });
    const far = new Listener((socket, heard) => {
      // The handle itself is written to from the second time on, and busy from the second byte on.
      for (const byte of heard === "1" ? "a" : "bcd") {
        socket.write(Buffer.from(byte));
        flushWrites();
      }
      if (heard === "1") return;
      if (isSoon) socket.destroySoon();
      else socket.end();
    });
    const close = await connect(near, far, () => {});
    assert.equal(await near.over, "abcd");
    close();
  }
});

/** Both ends of a connection over mutual TLS; `onSecure` is called at the accepting one. */
async function connect(
  near: SocketOwner & { socket: ByteSocket | null },
  far: SocketOwner & { socket: ByteSocket | null },
  onSecure: () => void,
): Promise<() => void> {
  const authority = await TestAuthority.create();
  const context = createTlsContext(await identityOf(authority));
  const acceptor = createTlsAcceptor({
    context,
    alpnProtocols: [],
    handshakeTimeoutMs: 10_000,
    onSecure(socket) {
      far.socket = socket;
      socket.owner = far;
      socket.resume();
      onSecure();
    },
    onFailed: (reason) => assert.fail(reason),
  });
  const port = await new Promise<number>((resolve) => {
    const listener = acceptConnections({
      fd: null,
      address: "127.0.0.1",
      port: 0,
      insists: false,
      onConnection(socket) {
        listener.close();
        acceptor.accept(adoptAccepted(socket), Buffer.alloc(0));
      },
      onListening: resolve,
      onError: (error) => assert.fail(error),
    });
  });
  const options = {
    address: "127.0.0.1",
    port,
    context,
    serverName: "",
    alpnProtocols: [],
    peerIdentities: [spiffeId],
    onWrongPeer() {},
    session: null,
    onSession: null,
  };
  near.socket = connectTls(options, near);
  return () => {
    near.socket?.destroy();
    far.socket?.destroy();
    acceptor.close();
  };
}

async function identityOf(authority: TestAuthority): Promise<{
  keyPem: string;
  chainPem: string;
  rootsPem: string;
}> {
  const { keyPem, chainPem } = await authority.issue(spiffeId);
  return { keyPem, chainPem, rootsPem: authority.rootsPem };
}
