// A small HTTP server for people and probes (metrics, readiness, admin), never for user traffic:
// handlers are functions from request to answer. Node's HTTP is loaded when the
// first server opens: the worker threads, which import this package too, never need it.

import type { IncomingMessage } from "node:http";
import type { BoundListener } from "./listen.ts";

export interface HttpQuestion {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The Host header, "" without one. */
  readonly host: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface HttpServerOptions {
  readonly address: string;
  /** A taken port is replaced by a free one. */
  readonly preferredPort: number;
  /** Accepts on a duplicate of it instead of listening by itself. */
  readonly bound?: BoundListener | null;
  readonly answer: (question: HttpQuestion) => Promise<HttpAnswer> | HttpAnswer;
}

export interface SmallHttpServer {
  readonly port: number;
  close(): void;
  /** Accepts nothing more; questions under way are answered. */
  retire(): void;
}

/** Rejects when not even a free port of that address can be had. */
export function openHttpServer(options: HttpServerOptions): Promise<SmallHttpServer> {
  const { createServer } = process.getBuiltinModule("node:http");
  const server = createServer((request, response) => {
    void ask(options, request).then((answer) => {
      response.writeHead(answer.status, { "content-type": answer.contentType });
      response.end(answer.body);
    });
  });
  return new Promise((resolve, reject) => {
    let mayMove = options.preferredPort !== 0;
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (!mayMove || (error.code !== "EADDRINUSE" && error.code !== "EACCES"))
        return reject(error);
      mayMove = false;
      server.listen(0, options.address);
    });
    server.on("listening", () => {
      const bound = server.address();
      const port = typeof bound === "object" && bound !== null ? bound.port : 0;
      resolve({
        port,
        close() {
          server.close();
          server.closeAllConnections();
        },
        retire() {
          server.close();
          server.closeIdleConnections();
        },
      });
    });
    const { bound = null } = options;
    if (bound !== null) server.listen({ fd: bound.duplicate() });
    else server.listen(options.preferredPort, options.address);
  });
}

async function ask(options: HttpServerOptions, request: IncomingMessage): Promise<HttpAnswer> {
  try {
    const url = new URL(request.url ?? "/", "http://localhost");
    return await options.answer({
      method: request.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      host: request.headers.host ?? "",
    });
  } catch (error) {
    return { status: 500, contentType: "text/plain; charset=utf-8", body: `${String(error)}\n` };
  }
}
