// The hot paths of the HTTP/2 codec: `node --conditions=@weft/source
// packages/wire/src/http2/connection.bench.ts`. A turn is eight requests, as one read of a busy
// connection brings them; divide by eight. Quote the figures before and after when a change touches
// them.

import { bench, do_not_optimize, group, run } from "mitata";
import { writeLatin1 } from "../bytes.ts";
import { Framing, RequestHead, ResponseHead } from "../http1/head.ts";
import { Http2Connection } from "./connection.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { decodeHuffman, writeHuffman } from "./huffman.ts";
import { writeRequestFields } from "./message-writer.ts";
import type { Http2Sink } from "./options.ts";
import { Output } from "./output.ts";
import type { Http2Stream } from "./stream.ts";

const turn = 8;
let serial = 0;

function requestHead(): RequestHead {
  const id = `6f1c2f3e-5a4b-4c3d-8e2f-${String(serial++).padStart(12, "0")}`;
  return Object.assign(new RequestHead(), {
    method: "GET",
    scheme: "http",
    target: "/items/42?full=1",
    path: "/items/42",
    query: "?full=1",
    authority: "catalog.shop",
    host: "catalog.shop",
    headers: [
      "user-agent",
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
      "accept",
      "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      "accept-language",
      "en-GB,en;q=0.5",
      "accept-encoding",
      "gzip, deflate, br",
      "x-tenant",
      "blue",
      "x-forwarded-for",
      "127.0.0.1",
      "x-forwarded-proto",
      "http",
      "x-request-id",
      id,
    ],
  });
}

const answerHead = Object.assign(new ResponseHead(), {
  status: 200,
  framing: Framing.Length,
  contentLength: 66,
  headers: [
    "content-type",
    "application/json",
    "date",
    "Mon, 23 Nov 2026 01:00:00 GMT",
    "server",
    "weft",
  ],
});
const body = Buffer.alloc(66, "x");

class Nothing implements Http2Sink {
  onOutput(): void {}
  onRequest(_stream: Http2Stream, _head: RequestHead, _isEnd: boolean): void {}
  onRefused(): void {
    throw new Error("refused");
  }
  onStreamRefused(): void {
    throw new Error("refused");
  }
  onResponse(_stream: Http2Stream, _head: ResponseHead): void {}
  onData(stream: Http2Stream, bytes: Buffer): void {
    stream.consumed(bytes.length);
  }
  onEnd(): void {}
  onReset(): void {
    throw new Error("reset");
  }
  onWritable(): void {}
  onGoAway(): void {
    throw new Error("goaway");
  }
  onSettings(): void {}
  onPong(): void {}
}

class Answering extends Nothing {
  override onRequest(stream: Http2Stream, head: RequestHead): void {
    do_not_optimize(head);
    stream.respond(answerHead, false);
    stream.data(body);
    stream.end([]);
  }
}

/** A client and a server with their settings exchanged. */
function pair(): { client: Http2Connection; server: Http2Connection } {
  const client = new Http2Connection("client", new Nothing(), {});
  const server = new Http2Connection("server", new Answering(), {});
  for (let i = 0; i < 3; i++) exchange(client, server);
  return { client, server };
}

function exchange(client: Http2Connection, server: Http2Connection): void {
  server.feed(client.takeOutput(), 0);
  if (client.feed(server.takeOutput(), 0) !== 0) throw new Error("closed");
}

const heads = Array.from({ length: 64 }, requestHead);
let next = 0;

const both = pair();
group("connection", () => {
  bench(`${turn} requests and answers of 66 bytes, both ends`, () => {
    for (let i = 0; i < turn; i++) {
      both.client.request(heads[next++ & 63] as RequestHead, true);
    }
    exchange(both.client, both.server);
  });
});

const output = new Output();
const encoder = new HpackEncoder(false);
const decoder = new HpackDecoder(4096, { headBytesMax: 1 << 20, fieldsMax: 1000 }, true);
const sink = { field(): void {} };
function encode(): Buffer {
  writeRequestFields(encoder, output, heads[next++ & 63] as RequestHead, "http");
  return output.take();
}
for (let i = 0; i < 8; i++) {
  const bytes = encode();
  decoder.decode(bytes, 0, bytes.length, sink);
}
const steady = Buffer.from(encode());

group("header blocks", () => {
  bench("encode a request", () => do_not_optimize(encode()));
  bench(`decode a request of ${steady.length} bytes`, () =>
    decoder.decode(steady, 0, steady.length, sink),
  );
});

const agent = (heads[0] as RequestHead).headers[1] as string;
const plain = Buffer.from(agent, "latin1");
const coded = Buffer.alloc(200);
const codedLength = writeHuffman(coded, agent, 0);
const text = Buffer.alloc(200);

group("strings", () => {
  bench(`Huffman decode to ${plain.length} bytes`, () =>
    decodeHuffman(coded, 0, codedLength, text),
  );
  bench(`Huffman encode ${plain.length} bytes`, () => writeHuffman(coded, agent, 0));
  bench(`copy ${plain.length} bytes`, () => writeLatin1(coded, agent, 0));
});

await run();
