// Asks the host's own name servers what the mesh does not know. Each question goes out with a
// random id from a random port and only its own answer is taken; servers are tried one after the
// other. What comes back is passed on as it is.

import {
  bindUdp,
  type ByteSocket,
  connectPlain,
  type Runtime,
  type SocketOwner,
} from "@weft/runtime";
import type { DecodedPacket, Question } from "dns-packet";
import { readResponse } from "./message.ts";
import type { NameServer } from "./resolv-conf.ts";

export interface Forwarded {
  /** With the asker's id. */
  readonly bytes: Buffer;
  readonly packet: DecodedPacket;
}

export type Transport = "udp" | "tcp";

const patienceMs = 2000;
const underWayMax = 512;
const messageBytesMax = 65535;

export class Forwarder {
  readonly #runtime: Runtime;
  readonly #servers: readonly NameServer[];
  #underWay = 0;

  constructor(runtime: Runtime, servers: readonly NameServer[]) {
    this.#runtime = runtime;
    this.#servers = servers;
  }

  get hasServers(): boolean {
    return this.#servers.length > 0;
  }

  /** Null: no server answered, or too many questions wait. */
  async ask(query: Buffer, question: Question, transport: Transport): Promise<Forwarded | null> {
    if (this.#underWay >= underWayMax) return null;
    this.#underWay++;
    try {
      for (const server of this.#servers) {
        const answer = await this.#askOne(server, query, question, transport);
        if (answer !== null) return answer;
      }
      return null;
    } finally {
      this.#underWay--;
    }
  }

  async #askOne(
    server: NameServer,
    query: Buffer,
    question: Question,
    transport: Transport,
  ): Promise<Forwarded | null> {
    const id = Buffer.from(this.#runtime.random.bytes(2)).readUInt16BE(0);
    const sent = Buffer.from(query);
    sent.writeUInt16BE(id, 0);
    const bytes =
      transport === "udp"
        ? await this.#overUdp(server, sent, (got) => readResponse(got, id, question) !== null)
        : await this.#overTcp(server, sent);
    const packet = bytes === null ? null : readResponse(bytes, id, question);
    if (bytes === null || packet === null) return null;
    query.copy(bytes, 0, 0, 2);
    return { bytes, packet };
  }

  async #overUdp(
    server: NameServer,
    query: Buffer,
    isAnswer: (bytes: Buffer) => boolean,
  ): Promise<Buffer | null> {
    const { promise, resolve } = Promise.withResolvers<Buffer | null>();
    const socket = await bindUdp({
      address: server.address.includes(":") ? "::" : "0.0.0.0",
      port: 0,
      onMessage: (bytes, from) => {
        const isServer = from.address === server.address && from.port === server.port;
        if (isServer && isAnswer(bytes)) resolve(bytes);
      },
      onError: () => resolve(null),
    }).catch(() => null);
    if (socket === null) return null;
    const timer = this.#runtime.timers.after(patienceMs, () => resolve(null));
    socket.send(query, server);
    const bytes = await promise;
    timer.cancel();
    socket.close();
    return bytes;
  }

  async #overTcp(server: NameServer, query: Buffer): Promise<Buffer | null> {
    const { promise, resolve } = Promise.withResolvers<Buffer | null>();
    const owner = new OneAnswer(query, resolve);
    const socket = connectPlain(server, owner);
    owner.socket = socket;
    const timer = this.#runtime.timers.after(patienceMs, () => resolve(null));
    const bytes = await promise;
    timer.cancel();
    socket.destroy();
    return bytes;
  }
}

/** Sends one question over TCP and collects its answer (RFC 1035 §4.2.2). */
class OneAnswer implements SocketOwner {
  readonly #query: Buffer;
  readonly #resolve: (bytes: Buffer | null) => void;
  #socket: ByteSocket | null = null;
  #got: Buffer = Buffer.alloc(0);

  constructor(query: Buffer, resolve: (bytes: Buffer | null) => void) {
    this.#query = query;
    this.#resolve = resolve;
  }

  set socket(socket: ByteSocket) {
    this.#socket = socket;
  }

  onConnected(): void {
    this.#socket?.write(framed(this.#query));
  }

  onBytes(bytes: Buffer): void {
    this.#got = Buffer.concat([this.#got, bytes]);
    if (this.#got.length < 2) return;
    const length = this.#got.readUInt16BE(0);
    if (this.#got.length >= 2 + length) this.#resolve(this.#got.subarray(2, 2 + length));
    else if (this.#got.length > messageBytesMax) this.#resolve(null);
  }

  onEnd(): void {
    this.#resolve(null);
  }

  onDrain(): void {}

  onClosed(): void {
    this.#resolve(null);
  }
}

/** A message with its length in front. */
export function framed(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(2 + message.length);
  out.writeUInt16BE(message.length, 0);
  message.copy(out, 2);
  return out;
}
