// An HTTP/2 client that others wrote (node:http2), for what a test says and hears in whole
// messages.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  /** Statuses of the interim heads. */
  readonly interim: readonly number[];
  /** What the stream was reset with, 0 after an orderly end. */
  readonly resetCode: number;
}

export class Http2Client {
  readonly session: ClientHttp2Session;
  goAwayCodes: number[] = [];
  isClosed = false;

  constructor(port: number, options: Parameters<typeof connect>[1] = {}, scheme = "http") {
    this.session = connect(`${scheme}://127.0.0.1:${port}`, options);
    this.session.on("error", () => {});
    this.session.on("goaway", (code) => this.goAwayCodes.push(code));
    this.session.on("close", () => {
      this.isClosed = true;
    });
  }

  /** Starts a request and leaves its content to the caller. */
  open(headers: OutgoingHttpHeaders, endStream = false): ClientHttp2Stream {
    const stream = this.session.request(
      { ":path": "/x", ":authority": "app", ...headers },
      { endStream },
    );
    stream.on("error", () => {});
    return stream;
  }

  ask(
    headers: OutgoingHttpHeaders = {},
    body: string | Buffer | null = null,
  ): Promise<Http2Answer> {
    const stream = this.open(headers, body === null);
    if (body !== null) stream.end(body);
    return answerOf(stream);
  }

  close(): void {
    this.session.destroy();
  }
}

/** Everything that comes on a stream until it is over. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const chunks: Buffer[] = [];
  const interim: number[] = [];
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("headers", (given: IncomingHttpHeaders) => interim.push(Number(given[":status"])));
  stream.on("response", (given) => {
    headers = given;
  });
  stream.on("trailers", (given: IncomingHttpHeaders) => {
    trailers = given;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  // Not `once` of node:events: a reset stream says 'error' first.
  await new Promise((resolve) => stream.once("close", resolve));
  return {
    status: Number(headers[":status"] ?? 0),
    headers,
    body: Buffer.concat(chunks).toString(),
    trailers,
    interim,
    resetCode: stream.rstCode ?? constants.NGHTTP2_NO_ERROR,
  };
}
