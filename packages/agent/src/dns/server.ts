// The agent's DNS on loopback, UDP and TCP on the same port (design section 5). A port that is
// taken is replaced by a free one. What is answered is `answer`'s business. In a hot upgrade the
// sockets go from process to process with the questions that wait in them (decision 0054).

import {
  acceptConnections,
  adoptAccepted,
  bindDatagram,
  bindExactly,
  bindUdp,
  type BoundListener,
  type ByteSocket,
  canShareListeners,
  type Inheritance,
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
  /** Sockets of the process before this one, and for the next. */
  readonly inheritance: Inheritance;
  /** Null: no answer. Never rejects. */
  readonly answer: (query: Buffer, transport: Transport) => Promise<Buffer | null>;
}

export interface DnsServer {
  readonly port: number;
  /** Answers what comes, and what waits in sockets of a process before this one. */
  begin(): Promise<void>;
  /** Takes nothing more from the sockets, which stay open; answers under way are still sent. */
  retire(): void;
  /** Resolves when no connection is open and no answer under way, after so long at most. */
  drained(ms: number): Promise<void>;
  close(): void;
}

const addresses = ["127.0.0.1", "::1"] as const;
const triesMax = 20;

/**
 * Answers at once, unless the sockets are those of a process before this one. Rejects when not even
 * a free port can be had on 127.0.0.1; without IPv6 it does without.
 */
export async function openDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const open = new OpenQuestions(options);
  for (let tries = 0; tries < triesMax; tries++) {
    const wanted = tries === 0 ? options.preferredPort : 0;
    const first = await openPair(open, addresses[0], wanted).catch((error: unknown) => {
      if (error instanceof ListenError && error.code === "EADDRINUSE") return null;
      throw error;
    });
    if (first === null) continue;
    const second = await openPair(open, addresses[1], first.port).catch(() => null);
    const pairs = second === null ? [first] : [first, second];
    return {
      port: first.port,
      async begin() {
        open.isRetired = false;
        await Promise.all(pairs.map((pair) => pair.begin()));
      },
      retire() {
        for (const pair of pairs) pair.retire();
        open.isRetired = true;
      },
      drained: (ms) => open.drained(ms),
      close() {
        for (const pair of pairs) pair.close();
        open.close();
      },
    };
  }
  throw new ListenError("EADDRINUSE", addresses[0], options.preferredPort);
}

async function openPair(open: OpenQuestions, address: string, port: number): Promise<SocketPair> {
  const { inheritance } = open.options;
  const bound = canShareListeners() ? bindPair(inheritance, address, port) : null;
  const pair = new SocketPair(open, address, port, bound);
  if (inheritance.hasPredecessor) return pair;
  try {
    await pair.begin();
    return pair;
  } catch (error) {
    pair.close();
    throw error;
  }
}

interface BoundPair {
  readonly udp: BoundListener;
  readonly tcp: BoundListener;
}

/** Throws ListenError. */
function bindPair(inheritance: Inheritance, address: string, port: number): BoundPair {
  const udp = inheritance.listener(`dns/udp/${address}`, address, () =>
    bindDatagram(address, port),
  );
  try {
    const bind = (): BoundListener => bindExactly(address, udp.port);
    return { udp, tcp: inheritance.listener(`dns/tcp/${address}`, address, bind) };
  } catch (error) {
    udp.close();
    throw error;
  }
}

/** Both transports on one port of one address. */
class SocketPair {
  readonly #open: OpenQuestions;
  readonly #address: string;
  /** Null where sockets cannot be handed on. */
  readonly #bound: BoundPair | null;
  #port: number;
  #udp: UdpSocket | null = null;
  #acceptor: { close(): void } | null = null;

  constructor(open: OpenQuestions, address: string, port: number, bound: BoundPair | null) {
    this.#open = open;
    this.#address = address;
    this.#bound = bound;
    this.#port = bound?.udp.port ?? port;
  }

  get port(): number {
    return this.#port;
  }

  /** Rejects with a ListenError. */
  async begin(): Promise<void> {
    if (this.#udp !== null) return;
    const udp = await bindUdp({
      address: this.#address,
      port: this.#port,
      bound: this.#bound?.udp ?? null,
      onMessage: (bytes, from) => {
        void this.#open.answer(bytes, "udp", (answer) => {
          if (answer !== null) udp.send(answer, from);
        });
      },
      onError: () => {},
    });
    this.#udp = udp;
    this.#port = udp.port;
    this.#acceptor = await this.#accept();
  }

  retire(): void {
    this.#udp?.close();
    this.#udp = null;
    this.#acceptor?.close();
    this.#acceptor = null;
  }

  close(): void {
    this.retire();
    this.#bound?.udp.close();
    this.#bound?.tcp.close();
  }

  #accept(): Promise<{ close(): void }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ close(): void }>();
    const acceptor = acceptConnections({
      fd: this.#bound?.tcp.duplicate() ?? null,
      address: this.#address,
      port: this.#port,
      onConnection: (accepted) => this.#open.adopt(adoptAccepted(accepted)),
      onListening: (bound) => {
        if (bound === this.#port) return resolve(acceptor);
        acceptor.close();
        reject(new ListenError("EADDRINUSE", this.#address, this.#port));
      },
      onError: reject,
    });
    return promise;
  }
}

/** Connections, and questions whose answers are under way. */
class OpenQuestions {
  readonly options: DnsServerOptions;
  /** Connections end with their next answer: whoever asks again asks the next process. */
  isRetired = false;
  readonly #askers = new Set<TcpAsker>();
  #underWay = 0;
  #onQuiet: (() => void) | null = null;

  constructor(options: DnsServerOptions) {
    this.options = options;
  }

  /** Calls `send` with the answer, or with null where there is none. */
  async answer(
    query: Buffer,
    transport: Transport,
    send: (answer: Buffer | null) => void,
  ): Promise<void> {
    this.#underWay++;
    send(await this.options.answer(query, transport));
    this.#underWay--;
    this.#look();
  }

  adopt(socket: ByteSocket): void {
    if (this.#askers.size >= connectionsMax) return socket.destroy();
    const asker = new TcpAsker(socket, this, () => {
      this.#askers.delete(asker);
      this.#look();
    });
    this.#askers.add(asker);
    socket.owner = asker;
    socket.resume();
  }

  drained(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.runtime.timers.after(ms, resolve);
      this.#onQuiet = () => {
        timer.cancel();
        resolve();
      };
      this.#look();
    });
  }

  close(): void {
    for (const asker of this.#askers) asker.close();
  }

  #look(): void {
    if (this.#underWay === 0 && this.#askers.size === 0) this.#onQuiet?.();
  }
}

/** Programs of this host alone; what a stall lets pile up within a second or two is served. */
const connectionsMax = 512;
const idleMs = 10_000;
const questionBytesMax = 4096;
/** Questions of one connection that may wait for their answers (RFC 7766 §6.2.1.1). */
const underWayMax = 16;

/** One connection: questions with their length in front, answered in any order. */
class TcpAsker implements SocketOwner {
  readonly #socket: ByteSocket;
  readonly #open: OpenQuestions;
  readonly #onOver: () => void;
  #got: Buffer = Buffer.alloc(0);
  #underWay = 0;
  #timer: Timer | null = null;
  #hasEnded = false;

  constructor(socket: ByteSocket, open: OpenQuestions, onOver: () => void) {
    this.#socket = socket;
    this.#open = open;
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
      void this.#open.answer(query, "tcp", (answer) => this.#answered(answer));
    }
    if (this.#underWay >= underWayMax) this.#socket.pause();
  }

  #answered(answer: Buffer | null): void {
    this.#underWay--;
    if (this.#socket.isClosed) return;
    if (answer === null) return this.#socket.destroy();
    this.#socket.write(framed(answer));
    this.#take();
    if (this.#underWay < underWayMax) this.#socket.resume();
    const isLast = this.#hasEnded || (this.#open.isRetired && this.#got.length === 0);
    if (isLast && this.#underWay === 0) this.#socket.destroySoon();
  }

  #waitForMore(): void {
    this.#timer?.cancel();
    const { timers } = this.#open.options.runtime;
    this.#timer = timers.after(idleMs, () => this.#socket.destroy(), { background: true });
  }
}
