// A program that remembers what reached it, byte by byte as far as HTTP allows, and says who it is.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Recorded {
  readonly program: string;
  readonly method: string;
  readonly target: string;
  /** `name: value`, names in lower case, sorted. */
  readonly headers: readonly string[];
  readonly body: string;
}

export class Recorder {
  readonly name: string;
  readonly seen: Recorded[] = [];
  /** Replaces the default answer. */
  onRequest: ((request: IncomingMessage, response: ServerResponse) => void) | null = null;
  port = 0;
  readonly #server: Server;

  constructor(name: string) {
    this.name = name;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on("upgrade", (request, socket) => {
      this.#record(request, "");
      const accept = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n" +
          `sec-websocket-accept: ${accept}\r\n\r\n`,
      );
      socket.on("data", (bytes: Buffer) => socket.end(`${this.name} got ${bytes.toString()}`));
      socket.on("error", () => {});
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  static async open(context: TestContext, name: string): Promise<Recorder> {
    const recorder = new Recorder(name);
    const server = recorder.#server;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    recorder.port = (server.address() as AddressInfo).port;
    context.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return recorder;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    request.on("error", () => {});
    for await (const chunk of request) body += String(chunk);
    this.#record(request, body);
    if (this.onRequest !== null) return this.onRequest(request, response);
    response.writeHead(200, [
      ...["Content-Type", "text/plain"],
      ...["X-Program", this.name],
      ...["Set-Cookie", "a=1"],
      ...["Set-Cookie", "b=2"],
      ...["X-Twice", "one"],
      ...["X-Twice", "two"],
      ...["Server", "recorder"],
    ]);
    response.end(request.method === "HEAD" ? "" : `from ${this.name}`);
  }

  #record({ method = "", rawHeaders, url = "" }: IncomingMessage, body: string): void {
    const headers: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      headers.push(`${rawHeaders[i]?.toLowerCase()}: ${rawHeaders[i + 1]}`);
    }
    const program = this.name;
    this.seen.push({ program, method, target: url, headers: headers.sort(), body });
  }
}
