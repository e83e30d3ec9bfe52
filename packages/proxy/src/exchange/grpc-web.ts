// The gRPC-Web bridge of a chain (Envoy's `envoy.filters.http.grpc_web`): a browser's request goes
// up as gRPC, and the answer comes back with its trailers in the content, as base64 where the
// browser asked for text. It stands between the exchange and the connection, which know nothing of
// it. Answers of the proxy pass through it as well.

import {
  encodeWebText,
  Framing,
  grpcStatusOfHttp,
  GrpcWebType,
  grpcTypeOfWeb,
  grpcWebType,
  type HeaderList,
  headerValue,
  isGrpcContentType,
  type ResponseHead,
  setHeader,
  WebTextDecoder,
  webTypeOfGrpc,
  writeTrailerFrame,
} from "@weft/wire";
import type { DetachedSocket, Downstream, Exchange } from "./exchange.ts";

const noTrailers: HeaderList = [];

/** Puts the bridge in where the request is gRPC-Web's. */
export function bridgeGrpcWeb(x: Exchange): void {
  const { request } = x;
  if (request.method !== "POST") return;
  const type = headerValue(request.headers, "content-type");
  const asked = type === null ? GrpcWebType.None : grpcWebType(type);
  if (type === null || asked === GrpcWebType.None) return;
  const accepted = grpcWebType(headerValue(request.headers, "accept") ?? "");
  const answered = accepted === GrpcWebType.None ? asked : accepted;
  setHeader(request.headers, "content-type", grpcTypeOfWeb(type));
  request.acceptsTrailers = true;
  if (request.framing !== Framing.None) {
    request.framing = Framing.Chunked;
    request.contentLength = -1;
  }
  x.isGrpc = true;
  x.downstream = new GrpcWebDownstream(x.downstream, answered);
  if (asked === GrpcWebType.Text) x.webText = new WebTextDecoder();
}

class GrpcWebDownstream implements Downstream {
  readonly #inner: Downstream;
  readonly #type: GrpcWebType;
  /** The status stands in the head: no trailers follow. */
  #isStatusAlone = false;
  /** The content is no gRPC: it is not passed on. */
  #isForeign = false;

  constructor(inner: Downstream, type: GrpcWebType) {
    this.#inner = inner;
    this.#type = type;
  }

  get protocol(): Downstream["protocol"] {
    return this.#inner.protocol;
  }

  respond(x: Exchange, head: ResponseHead): void {
    if (head.status >= 200) this.#translate(x, head);
    this.#inner.respond(x, head);
  }

  respondContent(bytes: Buffer): boolean {
    if (this.#isForeign) return true;
    return this.#inner.respondContent(this.#encoded(bytes));
  }

  respondEnd(trailers: HeaderList): void {
    if (!this.#isStatusAlone) {
      const isTold = headerValue(trailers, "grpc-status") !== null;
      const whole = isTold ? trailers : [...trailers, "grpc-status", "2"];
      this.#inner.respondContent(this.#encoded(writeTrailerFrame(whole)));
    }
    this.#inner.respondEnd(noTrailers);
  }

  abort(): void {
    this.#inner.abort();
  }

  pauseContent(): void {
    this.#inner.pauseContent();
  }

  resumeContent(): void {
    this.#inner.resumeContent();
  }

  finished(x: Exchange): void {
    this.#inner.finished(x);
  }

  detach(): DetachedSocket {
    return this.#inner.detach();
  }

  answerDetached(head: ResponseHead): void {
    this.#inner.answerDetached(head);
  }

  #encoded(bytes: Buffer): Buffer {
    return this.#type === GrpcWebType.Text ? encodeWebText(bytes) : bytes;
  }

  /** The head as a browser's client reads it; one that is no gRPC becomes a status. */
  #translate(x: Exchange, head: ResponseHead): void {
    const { headers } = head;
    const type = headerValue(headers, "content-type") ?? "";
    this.#isForeign = head.status !== 200 || !isGrpcContentType(type);
    if (this.#isForeign) {
      if (x.grpcStatus < 0) {
        x.grpcStatus = grpcStatusOfHttp(head.status);
        const text = `the answer is no gRPC: HTTP status ${head.status}`;
        headers.push("grpc-status", String(x.grpcStatus), "grpc-message", text);
      }
      head.status = 200;
      head.reason = "OK";
      x.status = 200;
    }
    const shown = this.#isForeign ? "application/grpc" : type;
    setHeader(headers, "content-type", webTypeOfGrpc(shown, this.#type));
    this.#isStatusAlone = this.#isForeign || head.framing === Framing.None;
    head.contentLength = this.#isStatusAlone ? 0 : -1;
    head.framing = this.#isStatusAlone ? Framing.None : Framing.Chunked;
  }
}
