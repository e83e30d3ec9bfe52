// The agent's DNS on loopback, UDP and TCP on the same port (design section 5). A port that is
// taken is replaced by a free one. What is answered is `answer`'s business.

import {
  acceptConnections,
  adoptAccepted,
  bindUdp,
  type ByteSocket,
  flushWrites,
  ListenError,
  type Runtime,
  type SocketOwner,
  type Timer,
  type UdpSocket,
} from "@weft/runtime";
import { framed, type Transport } from "./forwarder.ts";

export interface DnsServerOptions {
  readonly runtime: Runtime;
  readonly preferredPort: number;
  /** Null: no answer. Never rejects. */
  readonly answer: (query: Buffer, transport: Transport) => Promise<Buffer | null>;
}

export interface DnsServer {
  readonly port: number;
  close(): void;
}

const addresses = ["127.0.0.1", "::1"] as const;
const triesMax = 20;

/** Rejects when not even a free port can be had on 127.0.0.1; without IPv6 it does without. */
export async function openDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  for (let tries = 0; tries < triesMax; tries++) {
    const wanted = tries === 0 ? options.preferredPort : 0;
    const pair = await openPair(options, addresses[0], wanted).catch((error: unknown) => {
      if (error instanceof ListenError && error.code === "EADDRINUSE") return null;
      throw error;
    });
    if (pair === null) continue;
    const second = await openPair(options, addresses[1], pair.port).catch(() => null);
    return {
      port: pair.port,
      close() {
        pair.close();
        second?.close();
      },
    };
  }
  throw new ListenError("EADDRINUSE", addresses[0], options.preferredPort);
}

/** Both transports on one port of one address. */
async function openPair(
  options: DnsServerOptions,
  address: string,
  port: number,
): Promise<DnsServer> {
  const udp: UdpSocket = await bindUdp({
    address,
    port,
    onMessage: (bytes, from) => {
      void options.answer(bytes, "udp").then((answer) => {
        if (answer !== null) udp.send(answer, from);
      });
    },
    onError: () => {},
  });
  try {
    const tcp = await openTcp(options, address, udp.port);
    return {
      port: udp.port,
      close() {
        udp.close();
        tcp.close();
      },
    };
  } catch (error) {
    udp.close();
    throw error;
  }
}

function openTcp(
  options: DnsServerOptions,
  address: string,
  port: number,
): Promise<{ close(): void }> {
  const open = new Set<TcpAsker>();
  const { promise, resolve, reject } = Promise.withResolvers<{ close(): void }>();
  const acceptor = acceptConnections({
    fd: null,
    address,
    port,
    onConnection: (accepted) => {
      const socket = adoptAccepted(accepted);
      if (open.size >= connectionsMax) return socket.destroy();
      const asker = new TcpAsker(socket, options, () => open.delete(asker));
      open.add(asker);
      socket.owner = asker;
      socket.resume();
    },
    onListening: (bound) => {
      const handle = {
        close() {
          acceptor.close();
          for (const asker of open) asker.close();
        },
      };
      if (bound === port) return resolve(handle);
      handle.close();
      reject(new ListenError("EADDRINUSE", address, port));
    },
    onError: reject,
  });
  return promise;
}

const connectionsMax = 64;
const idleMs = 10_000;
const questionBytesMax = 4096;
/** Questions of one connection that may wait for their answers (RFC 7766 §6.2.1.1). */
const underWayMax = 16;

/** One connection: questions with their length in front, answered in any order. */
class TcpAsker implements SocketOwner {
  readonly #socket: ByteSocket;
  readonly #options: DnsServerOptions;
  readonly #onOver: () => void;
  #got: Buffer = Buffer.alloc(0);
  #underWay = 0;
  #timer: Timer | null = null;
  #hasEnded = false;

  constructor(socket: ByteSocket, options: DnsServerOptions, onOver: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#onOver = onOver;
    this.#waitForMore();
  }

  close(): void {
    this.#socket.destroy();
  }

  onConnected(): void {}

  onBytes(bytes: Buffer): void {
    this.#got = Buffer.concat([this.#got, bytes]);
    this.#take();
  }

  onEnd(): void {
    this.#hasEnded = true;
    if (this.#underWay === 0) this.#socket.destroySoon();
  }

  onDrain(): void {}

  onClosed(): void {
    this.#timer?.cancel();
    this.#onOver();
  }

  #take(): void {
    this.#waitForMore();
    while (this.#got.length >= 2 && this.#underWay < underWayMax) {
      const length = this.#got.readUInt16BE(0);
      if (length > questionBytesMax) return this.#socket.destroy();
      if (this.#got.length < 2 + length) break;
      const query = Buffer.from(this.#got.subarray(2, 2 + length));
      this.#got = this.#got.subarray(2 + length);
      this.#underWay++;
      void this.#options.answer(query, "tcp").then((answer) => this.#answered(answer));
    }
    if (this.#underWay >= underWayMax) this.#socket.pause();
  }

  #answered(answer: Buffer | null): void {
    this.#underWay--;
    if (this.#socket.isClosed) return;
    if (answer === null) return this.#socket.destroy();
    this.#socket.write(framed(answer));
    flushWrites();
    this.#take();
    if (this.#underWay < underWayMax) this.#socket.resume();
    if (this.#hasEnded && this.#underWay === 0) this.#socket.destroySoon();
  }

  #waitForMore(): void {
    this.#timer?.cancel();
    const { timers } = this.#options.runtime;
    this.#timer = timers.after(idleMs, () => this.#socket.destroy(), { background: true });
  }
}
