// What a test says to a proxy: whole requests by node:http, and raw bytes by a socket where the
// bytes are the point.

import { type Agent, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import type { Seen } from "./program.ts";

export interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
  readonly timeoutMs?: number;
  readonly agent?: Agent;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
  /** The flag the proxy gave, "" when the answer is the program's. */
  readonly flag: string;
  /** The name of the workload that answered. */
  readonly workload: string;
  /** What the default program says it was asked. */
  readonly seen: Seen;
}

/** One request to a port of a proxy, origin-form, with the authority as Host. */
export function send(port: number, url: string, sent: Sent = {}): Promise<Answer> {
  // Taken apart by hand: URL would normalise what a test may want to send as it is.
  const [, host = "", path = "/"] = /^http:\/\/([^/?#]+)(.*)$/.exec(url) ?? [];
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: "127.0.0.1",
        port,
        method: sent.method ?? "GET",
        path: path === "" ? "/" : path,
        headers: { host, ...sent.headers },
        agent: sent.agent ?? false,
        timeout: sent.timeoutMs ?? 10_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("aborted", () => reject(new Error("the response was cut")));
        response.on("end", () => {
          const body = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            flag: String(response.headers["x-weft-flag"] ?? ""),
            workload: String(response.headers["x-workload"] ?? ""),
            get seen(): Seen {
              return JSON.parse(body) as Seen;
            },
          });
        });
      },
    );
    request.on("error", reject);
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.end(sent.body);
  });
}

/** A raw connection that remembers what it got. */
export class RawConnection {
  readonly socket: Socket;
  text = "";
  hasEnded = false;
  isClosed = false;
  closedAtMs = 0;
  errorCode = "";
  #waiting: { holds: () => boolean; resolve: () => void }[] = [];

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    this.socket.on("data", (bytes) => {
      this.text += bytes.toString("latin1");
      this.#look();
    });
    this.socket.on("end", () => {
      this.hasEnded = true;
      this.#look();
    });
    this.socket.on("error", (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? "";
    });
    this.socket.on("close", () => {
      this.isClosed = true;
      this.closedAtMs = performance.now();
      this.#look();
    });
  }

  write(text: string | Buffer): this {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
    return this;
  }

  /** Resolves when it holds; rejects with what was received when it does not in time. */
  async until(holds: (connection: this) => boolean, withinMs = 5000): Promise<this> {
    if (holds(this)) return this;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(
              `not within ${withinMs} ms; received ${this.text.length} bytes: ${JSON.stringify(this.text.slice(0, 400))}`,
            ),
          ),
        withinMs,
      );
      this.#waiting.push({
        holds: () => holds(this),
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      });
    });
    return this;
  }

  /** Until the peer has ended or reset the connection. */
  untilOver(withinMs = 5000): Promise<this> {
    return this.until((own) => own.hasEnded || own.isClosed, withinMs);
  }

  /** By a reset: a mere FIN could be half of a close, and its request would go on. */
  close(): void {
    this.socket.resetAndDestroy();
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({ holds, resolve }) => {
      if (!holds()) return true;
      resolve();
      return false;
    });
  }
}
