// Requests under mutation: the same bytes in any chunks give the same events, chunks may be
// overwritten once fed, a path called normal is normal, and whatever was accepted is written and
// read back as the same request.

import { defaultHttp1Limits } from "../limits.ts";
import { Framing, RequestHead, TargetForm } from "./head.ts";
import { type Chance, cuts, mutate } from "./mutate.fixture.ts";
import { normalizePath } from "./path.ts";
import type { RequestParserOptions } from "./request-parser.ts";
import { demandSame, type Message, readRequests } from "./transcript.fixture.ts";
import { chunkEnd, writeChunkHead, writeLastChunk, writeRequestHead } from "./writer.ts";

export const corpus: readonly string[] = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\nGET /items/42?full=1 HTTP/1.1\r\nHost: catalog.shop:80\r\n" +
    "User-Agent: x\r\nAccept: */*\r\n\r\n",
  "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "PUT /a//b/../c%20d HTTP/1.1\r\nhost: [::1]:8080\r\n" +
    "transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n" +
    '3;a=b;c="d"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n',
  "GET http://Web:8080/x?y HTTP/1.1\r\nHost: web:8080\r\n" +
    "Connection: keep-alive, x-hop\r\nX-Hop: 1\r\n\r\n",
  "CONNECT db.shop:5432 HTTP/1.1\r\nHost: db.shop:5432\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\n\r\n",
  "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Key: x\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" +
    "\r\nhiGET / HTTP/1.1\r\nHost: b\r\n\r\n",
  "GET / HTTP/1.0\r\nConnection: keep-alive\r\nX-Odd:  \tb\xe9 \t\r\nx-empty:\r\n\r\n",
  "HEAD /caf%C3%A9/. HTTP/1.1\r\nHost: a.b.\r\nAccept: a\r\nAccept: b\r\n" +
    "x_under: c\r\nCookie: d=e; f=g\r\n\r\n",
];

/** Heads and lines of these cross the small limits below. */
const long: readonly string[] = [
  `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${"c".repeat(150)}\r\n\r\n`,
  `POST /${"p".repeat(60)} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n` +
    "\r\n0\r\nX: y\r\n\r\n",
];

const small = { ...defaultHttp1Limits, headBytesMax: 160, requestLineBytesMax: 60, fieldsMax: 4 };
const settings: readonly Partial<RequestParserOptions>[] = [
  { allowConnect: true },
  { allowConnect: true, underscoreNames: "keep", strictQuery: false },
  { allowUnknownMethods: false, underscoreNames: "reject" },
  { limits: { ...small, bodyBytesMax: 9, chunkExtensionBytesMax: 8 } },
];

/** Reads `steps` mutated inputs; throws at the first that breaks a promise. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step++) {
    let text = corpus[random.integer(corpus.length)] as string;
    if (random.integer(8) === 0) text = long[random.integer(long.length)] as string;
    if (random.integer(4) === 0) text += corpus[random.integer(corpus.length)] as string;
    text = mutate(random, text);
    // Ends of input right at a limit are where an off-by-one would hide.
    if (random.integer(8) === 0)
      text = text.slice(0, random.integer(2) * 100 + 59 + random.integer(5));
    try {
      check(random, text);
    } catch (error) {
      throw new Error(`input ${JSON.stringify(text)}`, { cause: error });
    }
  }
}

function check(random: Chance, text: string): void {
  const bytes = Buffer.from(text, "latin1");
  const options = settings[random.integer(settings.length)] as Partial<RequestParserOptions>;
  const isEnded = random.integer(2) === 0;
  const whole = readRequests([bytes], options, isEnded);
  const offsets = cuts(random, bytes.length);
  const cut = readRequests(reusedChunks(bytes, offsets), options, isEnded);
  demandSame(whole, cut, `cut at ${offsets.join(", ")}`);
  for (const message of whole.messages) {
    checkPath(message.head);
    if (message.isComplete) checkRoundTrip(message);
  }
}

/**
 * The chunks in turn, each in the same memory as the one before, as a socket's static buffer gives
 * them.
 */
export function* reusedChunks(bytes: Buffer, offsets: readonly number[]): Generator<Buffer> {
  const memory = Buffer.alloc(bytes.length);
  let from = 0;
  for (const to of [...offsets, bytes.length]) {
    bytes.copy(memory, 0, from, to);
    yield memory.subarray(0, to - from);
    memory.fill(0xaa);
    from = to;
  }
}

function checkPath(head: RequestHead): void {
  if (head.form === TargetForm.Authority) return;
  const normal = normalizePath(head.path, "keep");
  if (normal === null) {
    if (climbs(head.path)) return;
    throw new Error(`a path was accepted but cannot be normal: ${head.path}`);
  }
  if (head.isPathNormal && normal !== head.path) throw new Error(`not normal: ${head.path}`);
  if (normalizePath(normal, "keep") !== normal) throw new Error(`twice differs: ${head.path}`);
}

/** Whether a part of it names more parents than folders. */
function climbs(path: string): boolean {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return names.some((_, i) => {
    const parents = names.slice(0, i + 1).filter((name) => name === "..").length;
    return 2 * parents > i + 1;
  });
}

/**
 * Written from its model, the request is read back as the same, but for what a hop decides anew.
 */
function checkRoundTrip({ head, body, trailers }: Message<RequestHead>): void {
  if (head.authority === "") return;
  const isTunnel = head.form === TargetForm.Authority;
  const target = isTunnel ? head.authority : head.path + head.query;
  const pieces = [writeRequestHead(Object.assign(new RequestHead(), head, { target }))];
  if (head.framing === Framing.Length) pieces.push(Buffer.from(body, "latin1"));
  if (head.framing === Framing.Chunked) {
    if (body !== "")
      pieces.push(writeChunkHead(body.length), Buffer.from(body, "latin1"), chunkEnd);
    pieces.push(writeLastChunk(trailers));
  }
  const again = readRequests([Buffer.concat(pieces)], {
    allowConnect: true,
    underscoreNames: "keep",
    strictQuery: false,
  });
  const message = again.messages[0];
  if (message === undefined || again.messages.length !== 1) {
    throw new Error(
      `written but not read back (${again.error}): ${Buffer.concat(pieces).toString("latin1")}`,
    );
  }
  const form = isTunnel ? head.form : head.path === "*" ? TargetForm.Asterisk : TargetForm.Origin;
  const anew = { target, form, scheme: "", minorVersion: 1 };
  const expected = Object.assign(new RequestHead(), head, anew);
  const messages = [{ head: expected, body, trailers, isComplete: true }];
  demandSame({ ...again, messages }, again, "round trip");
}
