// The programs beside the proxies of a conformance mesh: node:http servers that say who they are
// and what they were asked, and raw servers that say exactly the bytes a test wants.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net";

export interface Seen {
  readonly workload: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

export class Program {
  readonly name: string;
  readonly seen: Seen[] = [];
  connectionCount = 0;
  readonly sockets = new Set<Socket>();
  /** Replaces the default answer. */
  onRequest: ((request: IncomingMessage, response: ServerResponse, body: string) => void) | null =
    null;
  /** Speaks instead of HTTP. */
  onSocket: ((socket: Socket) => void) | null = null;
  readonly #http: Server;
  readonly #tcp: TcpServer;
  port = 0;

  constructor(name: string) {
    this.name = name;
    this.#http = createServer((request, response) => this.#read(request, response));
    this.#http.on("upgrade", (request, socket) => {
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
      );
      socket.on("data", (bytes: Buffer) =>
        socket.write(`${this.name}:${request.url}:${bytes.toString()}`),
      );
      socket.on("end", () => socket.end());
      socket.on("error", () => {});
    });
    // Longer than any test, so that a close is one that the test asked for.
    this.#http.keepAliveTimeout = 60_000;
    this.#tcp = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connectionCount++;
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
      socket.on("error", () => {});
      if (this.onSocket !== null) this.onSocket(socket);
      else this.#http.emit("connection", socket);
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#tcp.listen(0, "127.0.0.1", resolve));
    this.port = (this.#tcp.address() as { port: number }).port;
  }

  /** New connections speak this instead of HTTP; open ones are closed. */
  speak(onSocket: (socket: Socket) => void): void {
    for (const socket of this.sockets) socket.destroy();
    this.onSocket = onSocket;
  }

  /** As if nothing had been asked. */
  reset(): void {
    // A socket keeps the listener it was accepted with.
    if (this.onSocket !== null) for (const socket of this.sockets) socket.destroy();
    this.seen.length = 0;
    this.connectionCount = 0;
    this.onRequest = null;
    this.onSocket = null;
  }

  /** Refuses connections from now on; open ones go too. */
  close(): void {
    this.#tcp.close();
    for (const socket of this.sockets) socket.destroy();
  }

  #read(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => {});
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      this.seen.push({
        workload: this.name,
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body,
      });
      if (this.onRequest !== null) this.onRequest(request, response, body);
      else this.#answer(response);
    });
  }

  #answer(response: ServerResponse): void {
    const text = JSON.stringify(this.seen.at(-1));
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "x-workload": this.name,
    });
    response.end(text);
  }
}
