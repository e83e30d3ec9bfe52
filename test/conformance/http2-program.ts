// Programs that speak HTTP/2 with prior knowledge: node:http2 servers that say what they were
// asked, and raw ones that say exactly the frames a test wants.

import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Program } from "./program.ts";

export interface SeenStream {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

export class Http2Program {
  readonly seen: SeenStream[] = [];
  /** Reset codes of streams that ended before their time. */
  readonly resets: number[] = [];
  /** Replaces the default answer; called as soon as the head is there. */
  onStream: ((stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) | null = null;
  readonly #server: Http2Server;

  /** From now on the program speaks HTTP/2 on new connections. */
  constructor(program: Program, isExtendedConnect = false) {
    this.#server = createServer({ settings: { enableConnectProtocol: isExtendedConnect } });
    this.#server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on("close", () => {
        if (stream.rstCode !== 0) this.resets.push(stream.rstCode);
      });
      stream.on("error", () => {});
      if (this.onStream !== null) this.onStream(stream, headers);
      else this.#answer(stream, headers);
    });
    this.#server.on("sessionError", () => {});
    program.speak((socket) => this.serve(socket));
  }

  serve(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  #answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const chunks: Buffer[] = [];
    let trailers: IncomingHttpHeaders = {};
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("trailers", (fields: IncomingHttpHeaders) => {
      trailers = fields;
    });
    stream.on("end", () => {
      const seen = { headers, body: Buffer.concat(chunks).toString(), trailers };
      this.seen.push(seen);
      if (stream.destroyed) return;
      const endStream = headers[":method"] === "HEAD";
      stream.respond({ ":status": 200, "content-type": "application/json" }, { endStream });
      if (!endStream) stream.end(JSON.stringify(seen));
    });
  }
}

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rst: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
} as const;

export const frameFlag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** One frame (RFC 9113 §4.1). */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer | readonly number[] = [],
): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, body]);
}

export const settingsFrame: Buffer = frame(frameType.settings, 0, 0);

/** A literal field without indexing (RFC 7541 §6.2.2), no Huffman. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
}

/** `:status: 200`, from the static table. */
export const status200: Buffer = Buffer.from([0x88]);

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

const prefaceBytes = 24;

/** One connection of a raw server: tells each frame, writes any bytes. */
export class RawServerConnection {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  isClosed = false;
  #bytes: Buffer = Buffer.alloc(0);
  #hasPreface = false;

  constructor(socket: Socket, onFrame: (frame: ReceivedFrame, self: RawServerConnection) => void) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
    });
    socket.on("end", () => socket.end());
    socket.on("data", (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      if (!this.#hasPreface) {
        if (this.#bytes.length < prefaceBytes) return;
        this.#bytes = this.#bytes.subarray(prefaceBytes);
        this.#hasPreface = true;
      }
      for (;;) {
        if (this.#bytes.length < 9) return;
        const length = this.#bytes.readUIntBE(0, 3);
        if (this.#bytes.length < 9 + length) return;
        const received = {
          type: this.#bytes[3] as number,
          flags: this.#bytes[4] as number,
          streamId: this.#bytes.readUInt32BE(5),
          payload: this.#bytes.subarray(9, 9 + length),
        };
        this.#bytes = this.#bytes.subarray(9 + length);
        this.frames.push(received);
        onFrame(received, this);
      }
    });
  }

  write(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }
}

/** The program speaks raw frames on new connections. */
export function speakFrames(
  program: Program,
  onFrame: (frame: ReceivedFrame, self: RawServerConnection) => void,
  onConnection: (self: RawServerConnection) => void = (self) => self.write(settingsFrame),
): RawServerConnection[] {
  const connections: RawServerConnection[] = [];
  program.speak((socket) => {
    const connection = new RawServerConnection(socket, onFrame);
    connections.push(connection);
    onConnection(connection);
  });
  return connections;
}
