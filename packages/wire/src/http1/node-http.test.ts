// Our parsers beside node:http, fed the same good, bad and mutated bytes without a socket: whatever
// we accept, Node reads as the same message, and what Node refuses we refuse. Where we alone
// refuse, our bar is higher on purpose.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { errorText } from "../error-code.ts";
import { joinedHeaderValue } from "../header-list.ts";
import { mutate, seededChance } from "./mutate.fixture.ts";
import { corpus as requestCorpus } from "./request-parser.fuzz.ts";
import { corpus as responseCorpus } from "./response-parser.fuzz.ts";
import { readRequests, readResponses } from "./transcript.fixture.ts";

/** What both sides can say about a message. */
interface Reading {
  line: string;
  headers: string[];
  body: string;
  isComplete: boolean;
}

interface NodeReading {
  readings: Reading[];
  isRefused: boolean;
  /** Node's name for the reason, where it gives one. */
  reason: string;
}

/**
 * Where Node alone refuses: it stops at a length or coding among the trailers, which we drop (H12),
 * and at bytes after a request that said close, which we leave to the proxy to discard (H14).
 */
const nodeIsStricter: readonly string[] = [
  "HPE_INVALID_CONTENT_LENGTH",
  "HPE_INVALID_TRANSFER_ENCODING",
  "HPE_CLOSED_CONNECTION",
];

/**
 * Node takes a tab after `chunked` for a part of the coding's name (RFC 9112 §5 says it is not),
 * and ends the connection at an interim response that says close.
 */
function isReadOtherwise(input: string): boolean {
  return /chunked *\t/i.test(input) || /HTTP\/1\.\d 1\d\d[^]*Connection: close/i.test(input);
}

/** A connection that takes everything written and gives what is pushed. */
function connection(): Duplex {
  return new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
}

const hopByHop = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Node's raw fields as our parser would list them. */
function endToEnd(raw: readonly string[], kept: readonly string[]): string[] {
  const lower = raw.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
  const options = joinedHeaderValue(lower, "connection") ?? "";
  const nominated = new Set(options.split(",").map((option) => option.trim().toLowerCase()));
  const out: string[] = [];
  for (let i = 0; i < lower.length; i += 2) {
    const name = lower[i] as string;
    const isDropped = (hopByHop.has(name) && !kept.includes(name)) || nominated.has(name);
    if (!isDropped) out.push(name, lower[i + 1] as string);
  }
  return out;
}

function collect(message: http.IncomingMessage, reading: Reading): void {
  message.setEncoding("latin1");
  message.on("error", () => {});
  message.on("data", (text: string) => {
    reading.body += text;
  });
  message.on("end", () => {
    reading.isComplete = message.complete;
  });
}

/** The requests node:http reads from the bytes. */
async function readByServer(bytes: Buffer): Promise<NodeReading> {
  const result: NodeReading = { readings: [], isRefused: false, reason: "" };
  const open = (request: http.IncomingMessage): void => {
    const headers = endToEnd(request.rawHeaders, []);
    const line = `${request.method} ${request.url} ${request.httpVersion}`;
    const reading = { line, headers, body: "", isComplete: false };
    result.readings.push(reading);
    collect(request, reading);
  };
  const server = http.createServer((request, response) => {
    open(request);
    request.on("end", () => response.end());
  });
  server.on("checkContinue", (request: http.IncomingMessage, response: http.ServerResponse) => {
    open(request);
    request.on("end", () => response.end());
  });
  server.on("checkExpectation", (_request: http.IncomingMessage, response: http.ServerResponse) => {
    result.isRefused = true;
    response.end();
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    result.isRefused = true;
    result.reason = error.code ?? "";
    socket.destroy();
  });
  server.on("connect", (request: http.IncomingMessage, socket: Duplex) => {
    open(request);
    socket.destroy();
  });
  const duplex = connection();
  duplex.on("error", () => {});
  server.emit("connection", duplex);
  duplex.push(bytes);
  duplex.push(null);
  await once(duplex, "close");
  server.close();
  return result;
}

/** The response node:http reads from the bytes, as the answer to `method`. */
async function readByClient(bytes: Buffer, method: string): Promise<NodeReading> {
  const result: NodeReading = { readings: [], isRefused: false, reason: "" };
  const duplex = connection();
  duplex.on("error", () => {});
  const request = http.request({ method, createConnection: () => duplex });
  request.on("response", (response) => {
    const headers = endToEnd(response.rawHeaders, ["host", "expect"]);
    const line = `${response.statusCode} ${response.statusMessage}`;
    const reading = { line, headers, body: "", isComplete: false };
    result.readings.push(reading);
    collect(response, reading);
  });
  request.on("error", () => {
    result.isRefused = true;
  });
  request.end();
  duplex.push(bytes);
  duplex.push(null);
  // Not `once`, which would reject at the error that is a result here.
  await new Promise((resolve) => request.on("close", resolve));
  return result;
}

/** Our reading of requests; with `code` where a message was refused. */
function readRequestsHere(bytes: Buffer): { readings: Reading[]; refusal: string | null } {
  const options = { allowConnect: true, underscoreNames: "keep", strictQuery: false } as const;
  const { messages, error } = readRequests([bytes], options, true);
  const readings = messages.map(({ head, body, isComplete }) => ({
    line: `${head.method} ${head.target} 1.${head.minorVersion}`,
    headers: head.headers,
    body,
    isComplete,
  }));
  return { readings, refusal: error === 0 ? null : errorText(error) };
}

for (const [index, input] of requestCorpus.entries()) {
  test(`node:http reads request ${index} of the corpus as we do`, async () => {
    const bytes = Buffer.from(input, "latin1");
    const here = readRequestsHere(bytes);
    const there = await readByServer(bytes);
    assert.equal(here.refusal, null);
    assert.ok(!there.isRefused || nodeIsStricter.includes(there.reason), there.reason);
    if (there.isRefused) for (const reading of there.readings) reading.isComplete = true;
    const isTunnel = input.startsWith("CONNECT");
    const expected = there.readings.map((reading) =>
      isTunnel ? { ...reading, isComplete: true } : reading,
    );
    assert.deepEqual(here.readings, expected);
  });
}

test("mutated requests: we accept none that node:http refuses or reads differently", async () => {
  const random = seededChance(20261123);
  let accepted = 0;
  let refusedHere = 0;
  for (let round = 0; round < 2500; round++) {
    const input = mutate(random, requestCorpus[random.integer(requestCorpus.length)] as string);
    if (isReadOtherwise(input)) continue;
    const bytes = Buffer.from(input, "latin1");
    const here = readRequestsHere(bytes);
    const complete = here.readings.filter((reading) => reading.isComplete);
    if (here.refusal !== null) refusedHere++;
    const isOrdinary = complete.every(({ line }) => /^(GET|POST|PUT|HEAD|OPTIONS) /.test(line));
    if (complete.length === 0 || !isOrdinary) continue;
    const there = await readByServer(bytes);
    accepted += complete.length;
    const readings = there.readings.slice(0, complete.length);
    // Node hands a request on a little later, and drops it when the bytes after it are bad.
    if (there.isRefused) for (const reading of readings) reading.isComplete = true;
    assert.deepEqual(readings, complete, JSON.stringify(input));
    const isLaxer = there.isRefused && here.refusal === null;
    const isKnown = nodeIsStricter.includes(there.reason);
    assert.ok(!isLaxer || isKnown, `${there.reason}: ${JSON.stringify(input)}`);
  }
  assert.ok(accepted > 300 && refusedHere > 300, `${accepted} accepted, ${refusedHere} refused`);
});

test("mutated responses: we accept none that node:http refuses or reads differently", async () => {
  const random = seededChance(8);
  let accepted = 0;
  for (let round = 0; round < 1500; round++) {
    const input = mutate(random, responseCorpus[random.integer(responseCorpus.length)] as string);
    if (isReadOtherwise(input)) continue;
    const bytes = Buffer.from(input, "latin1");
    const method = random.integer(8) === 0 ? "HEAD" : "GET";
    const expected = [{ method, isUpgradeAsked: false }];
    const { messages, error } = readResponses([bytes], expected, {}, true);
    const final = messages.find((message) => message.head.status >= 200);
    // A 205 without a length is empty here (H20), content until the end there.
    if (final === undefined || !final.isComplete || final.head.status === 205) continue;
    const there = await readByClient(bytes, method);
    const reading = there.readings[0];
    assert.notEqual(reading, undefined, `${errorText(error)} ${JSON.stringify(input)}`);
    const { head, body } = final;
    const here = { line: `${head.status} ${head.reason}`, headers: head.headers, body };
    const { isComplete, ...rest } = reading as Reading;
    assert.deepEqual(here, rest, JSON.stringify(input));
    assert.equal(isComplete, true, JSON.stringify(input));
    accepted++;
  }
  assert.ok(accepted > 200, `${accepted} accepted`);
});
