// The HTTP adapter: hono on node:http around `Rest.handle`, with what belongs to the wire: the
// guard, the bound on bodies, compression, streams under backpressure.

import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Runtime } from "@weft/runtime";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { MeshError } from "../errors.ts";
import { jsonBytes } from "./codec.ts";
import { createGuard, refuseRequest, splitAddress } from "./guard.ts";
import type { OpenStream, RestRequest, RestResponse, RestStream, RestUser } from "./request.ts";
import type { Rest } from "./rest.ts";
import { bodyTooLarge, type StatusError } from "./status.ts";

export { refuseListen } from "./guard.ts";

export interface HttpOptions {
  readonly runtime: Runtime;
  readonly rest: Rest;
  /** `host:port`; port 0 for a free one. */
  readonly listen: string;
  /** Names besides loopback ones that a Host header may carry. */
  readonly hostNames?: readonly string[];
}

export interface HttpHandle {
  /** `host:port` as bound. */
  readonly address: string;
  readonly url: string;
  close(): Promise<void>;
}

/** As large as Kubernetes takes: every object that it stores fits. */
const bodyBytesMax = 3 * 1024 * 1024;
/** Smaller answers gain nothing from compression. */
const gzipBytesMin = 32 * 1024;
/** A stream is told to wait while more than this is on its way to the client. */
const streamBytesMax = 256 * 1024;
/** Connections still busy so long after `close` are cut. */
const closeGraceMs = 1000;

/** Who asks, until authentication exists. */
const everyone: RestUser = { name: "weft-admin", groups: ["system:masters"] };

type Bindings = { Bindings: HttpBindings };

/** Binds and serves; rejects when the address cannot be bound. */
export async function openHttp(options: HttpOptions): Promise<HttpHandle> {
  const address = splitAddress(options.listen);
  if (address === null || address.port === null) {
    throw new MeshError("address-unusable", `"${options.listen}" is not HOST:PORT`);
  }
  const application = routes(options);
  const server = createAdaptorServer({ fetch: application.fetch, hostname: address.name });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(explain(error, options.listen));
    });
    server.listen(address.port ?? 0, address.name, resolve);
  });
  const bound = server.address() as AddressInfo;
  const name = address.name.includes(":") ? `[${address.name}]` : address.name;
  const text = `${name}:${bound.port}`;
  return {
    address: text,
    url: `http://${text}`,
    close: () =>
      new Promise((resolve) => {
        const { timers } = options.runtime;
        options.rest.endWatches();
        const cut = timers.after(closeGraceMs, () => {
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
        server.close(() => {
          cut.cancel();
          resolve();
        });
        if ("closeIdleConnections" in server) server.closeIdleConnections();
      }),
  };
}

function routes(options: HttpOptions): Hono<Bindings> {
  const guard = createGuard(options.listen, options.hostNames ?? []);
  const application = new Hono<Bindings>();
  application.use(
    bodyLimit({
      maxSize: bodyBytesMax,
      onError: () => answerRefusal(bodyTooLarge(bodyBytesMax), { connection: "close" }),
    }),
  );
  application.all("*", async (context) => {
    const body = new Uint8Array(await context.req.arrayBuffer());
    const request = requestOf(context, body);
    const refusal = refuseRequest(guard, request.method, request.headers, body.length);
    if (refusal !== null) return answerRefusal(refusal);
    const response = await options.rest.handle(request);
    if ("open" in response.body) return sendStream(context, response, response.body);
    return answerWhole(request, response, response.body);
  });
  application.onError((error) => {
    options.runtime.log.debug("request broke off", { why: error.message });
    return new Response(null, { status: 400 });
  });
  return application;
}

function requestOf(context: Context<Bindings>, body: Uint8Array): RestRequest {
  const { incoming } = context.env;
  const [path = "/", query = ""] = splitOnce(incoming.url ?? "/", "?");
  const headers = new Map<string, string>();
  for (const [name, value] of context.req.raw.headers) headers.set(name, value);
  return {
    method: context.req.method,
    path,
    query: new URLSearchParams(query),
    headers,
    body,
    user: everyone,
  };
}

function splitOnce(text: string, at: string): readonly [string, string] {
  const place = text.indexOf(at);
  return place < 0 ? [text, ""] : [text.slice(0, place), text.slice(place + 1)];
}

function answerRefusal(refusal: StatusError, headers: Record<string, string> = {}): Response {
  return new Response(jsonBytes(refusal.status) as Uint8Array<ArrayBuffer>, {
    status: refusal.code,
    headers: { "content-type": "application/json", ...headers },
  });
}

const compress = promisify(gzip);

async function answerWhole(
  request: RestRequest,
  response: RestResponse,
  body: Uint8Array,
): Promise<Response> {
  const headers = headersOf(response);
  headers.set("cache-control", "no-cache, private");
  headers.set("x-content-type-options", "nosniff");
  let bytes = body;
  const accepted = request.headers.get("accept-encoding") ?? "";
  if (body.length >= gzipBytesMin && /\bgzip\b/.test(accepted)) {
    bytes = await compress(body, { level: 1 });
    headers.set("content-encoding", "gzip");
    headers.set("vary", "accept-encoding");
  }
  return new Response(bytes as Uint8Array<ArrayBuffer>, { status: response.status, headers });
}

function headersOf(response: RestResponse): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headers)) {
    for (const one of typeof value === "string" ? [value] : value) headers.append(name, one);
  }
  return headers;
}

/** Straight to the connection, which says when it is full and when the client left. */
function sendStream(
  context: Context<Bindings>,
  response: RestResponse,
  stream: RestStream,
): Response {
  const { outgoing } = context.env;
  outgoing.writeHead(response.status, Object.fromEntries(headersOf(response)));
  outgoing.flushHeaders();
  let open: OpenStream | null = null;
  outgoing.on("close", () => open?.close());
  outgoing.on("drain", () => open?.resume());
  open = stream.open({
    write: (chunk) => outgoing.write(chunk) || outgoing.writableLength < streamBytesMax,
    end: () => outgoing.end(),
  });
  return RESPONSE_ALREADY_SENT;
}

function explain(error: NodeJS.ErrnoException, listen: string): MeshError {
  const options = { cause: error };
  if (error.code === "EADDRINUSE") {
    const hint = "Stop the process that has it, or choose another with --listen HOST:PORT.";
    return new MeshError("port-taken", `the address ${listen} is taken`, { ...options, hint });
  }
  const why = error.code ?? error.message;
  return new MeshError("address-unusable", `cannot listen on ${listen} (${why})`, options);
}
