// Responses under mutation: the same bytes in any chunks give the same events, and a complete
// response is written and read back as the same.

import { defaultHttp1Limits } from "../limits.ts";
import { Framing, ResponseHead } from "./head.ts";
import { type Chance, cuts, mutate } from "./mutate.fixture.ts";
import { reusedChunks } from "./request-parser.fuzz.ts";
import type { ResponseParserOptions } from "./response-parser.ts";
import {
  demandSame,
  type ExpectedResponse,
  type Message,
  readResponses,
} from "./transcript.fixture.ts";
import { chunkEnd, writeChunkHead, writeLastChunk, writeResponseHead } from "./writer.ts";

export const corpus: readonly string[] = [
  `HTTP/1.1 200 OK\r\nX: ${"y".repeat(120)}\r\nContent-Length: 0\r\n\r\n`,
  "HTTP/1.1 200 A reason longer than a line may be\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" +
    "X-Sum: 1\r\nHost: b\r\n\r\n",
  "HTTP/1.0 200 OK\r\nServer: x\r\n\r\nuntil the end",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi",
  "HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5, max=9\r\n" +
    "Connection: keep-alive, x-hop\r\nX-Hop: 1\r\n\r\n",
  "HTTP/1.1 304\r\nETag: x\r\nContent-Length: 9\r\n\r\n",
  "HTTP/1.1 205 Reset Content\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\xe9\r\n\r\n",
  "HTTP/1.0 302 \r\nConnection: keep-alive\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nhi",
  "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nConnection: close\r\n" +
    "Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
];

const requests: readonly ExpectedResponse[] = [
  { method: "GET", isUpgradeAsked: false },
  { method: "GET", isUpgradeAsked: true },
  { method: "HEAD", isUpgradeAsked: false },
  { method: "CONNECT", isUpgradeAsked: false },
];

const small = { ...defaultHttp1Limits, headBytesMax: 120, fieldsMax: 3, interimMax: 1 };
const settings: readonly Partial<ResponseParserOptions>[] = [
  {},
  {},
  { limits: { ...small, requestLineBytesMax: 24, bodyBytesMax: 9 } },
];

const peer = { peerMinorVersion: 1 as const };

/** Reads `steps` mutated inputs; throws at the first that breaks a promise. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step++) {
    let text = mutate(random, corpus[random.integer(corpus.length)] as string);
    // Ends of input right at a limit are where an off-by-one would hide.
    if (random.integer(8) === 0)
      text = text.slice(0, random.integer(2) * 95 + 24 + random.integer(5));
    try {
      check(random, text);
    } catch (error) {
      throw new Error(`input ${JSON.stringify(text)}`, { cause: error });
    }
  }
}

function check(random: Chance, text: string): void {
  const bytes = Buffer.from(text, "latin1");
  const options = settings[random.integer(settings.length)] as Partial<ResponseParserOptions>;
  const isEnded = random.integer(2) === 0;
  const expected = Array.from(
    { length: 1 + random.integer(2) },
    () => requests[random.integer(requests.length)] as ExpectedResponse,
  );
  const whole = readResponses([bytes], expected, options, isEnded);
  const offsets = cuts(random, bytes.length);
  const cut = readResponses(reusedChunks(bytes, offsets), expected, options, isEnded);
  demandSame(whole, cut, `cut at ${offsets.join(", ")}`);
  const finals = whole.messages.filter((message) => message.head.status >= 200);
  for (const [index, message] of finals.entries()) {
    if (message.isComplete) checkRoundTrip(message, expected[index] as ExpectedResponse);
  }
}

function checkRoundTrip(
  { head, body, trailers }: Message<ResponseHead>,
  request: ExpectedResponse,
): void {
  const pieces = [writeResponseHead(Object.assign(new ResponseHead(), head, peer))];
  if (head.framing === Framing.Chunked) {
    if (body !== "")
      pieces.push(writeChunkHead(body.length), Buffer.from(body, "latin1"), chunkEnd);
    pieces.push(writeLastChunk(trailers));
  } else pieces.push(Buffer.from(body, "latin1"));
  const again = readResponses([Buffer.concat(pieces)], [request], {}, true);
  const message = again.messages[0];
  if (message === undefined || again.messages.length !== 1) {
    throw new Error(
      `written but not read back (${again.error}): ${Buffer.concat(pieces).toString("latin1")}`,
    );
  }
  // The writer says Connection for its own hop, and Keep-Alive never.
  const anew = { minorVersion: 1, keepAliveTimeoutMs: -1, framing: message.head.framing };
  const expected = Object.assign(new ResponseHead(), head, anew);
  // An empty response without a length is told its length by the writer.
  if (head.status === 205) expected.contentLength = message.head.contentLength;
  const messages = [{ head: expected, body, trailers, isComplete: true }];
  demandSame({ ...again, messages }, again, "round trip");
}
