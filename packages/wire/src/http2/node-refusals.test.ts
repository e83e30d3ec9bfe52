// Mutated requests to our server and to node:http2's, frame by frame the same: what Node refuses we
// refuse, and what we accept Node reads as the same request. Where we alone refuse, our bar is
// higher on purpose.

import assert from "node:assert/strict";
import http2 from "node:http2";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { mutate, seededChance } from "../http1/mutate.fixture.ts";
import type { RequestHead } from "../http1/head.ts";
import { defaultHttp2Limits } from "../limits.ts";
import { Http2Connection } from "./connection.ts";
import { FrameType } from "./frame.ts";
import { block, clientStart, frame, getFields, readFrames } from "./frames.fixture.ts";
import { Recorder } from "./recorder.fixture.ts";
import type { Http2Stream } from "./stream.ts";

const seeds: readonly (readonly string[])[] = [
  getFields,
  [...getFields, "x-a", "b", "accept", "*/*"],
  [...getFields, "host", "a", "cookie", "a=1", "cookie", "b=2"],
  [":method", "OPTIONS", ":scheme", "https", ":path", "*", ":authority", "a.b:80"],
  [
    ":method",
    "PATCH",
    ":scheme",
    "http",
    ":path",
    "/a?b=%20",
    ":authority",
    "[::1]:1",
    "te",
    "trailers",
  ],
  [...getFields, "content-length", "0", "user-agent", "x", "x-b", "\xe9"],
];
const words: readonly string[] = [
  "connection",
  "te",
  "gzip",
  ":path",
  ":status",
  ":x",
  "host",
  "Host",
  "transfer-encoding",
  "content-length",
  "",
  " ",
  "\r\n",
  "\0",
  "x y",
  "upgrade",
];

/** Requests of which some are broken: names and values changed, swapped, repeated, left out. */
function requests(seed: number, count: number): string[][] {
  const random = seededChance(seed);
  return Array.from({ length: count }, () => {
    const fields = [...(seeds[random.integer(seeds.length)] as readonly string[])];
    const pairs = fields.length / 2;
    const at = 2 * random.integer(pairs);
    switch (random.integer(7)) {
      case 0:
        fields.splice(at, 2);
        break;
      case 1:
        fields.push(fields[at] as string, fields[at + 1] as string);
        break;
      case 2:
        fields.unshift(...fields.splice(at, 2));
        break;
      case 3:
      case 4: {
        const which = at + random.integer(2);
        fields[which] = mutate(random, fields[which] as string);
        break;
      }
      case 5:
        fields[at + random.integer(2)] = words[random.integer(words.length)] as string;
        break;
      default:
    }
    return fields;
  });
}

function bytesOf(list: readonly string[][]): Buffer {
  const frames = list.map((fields, i) => frame(FrameType.Headers, 5, i * 2 + 1, block(fields)));
  return Buffer.concat([clientStart, ...frames, frame(FrameType.Ping, 0, 0, "12345678")]);
}

/** Method, authority and path by stream. */
type Reading = Map<number, string>;

/** What node's server takes; resolves when it has answered the ping behind the requests. */
async function readByNode(bytes: Buffer): Promise<Reading> {
  const seen: Reading = new Map();
  const server = http2.createServer({ maxSessionInvalidFrames: 10_000 });
  server.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    const authority = headers[":authority"] ?? headers.host ?? "";
    const text = `${headers[":method"]} ${authority.toLowerCase()} ${headers[":path"]}`;
    seen.set(stream.id as number, text);
  });
  server.on("sessionError", () => {});
  let output = Buffer.alloc(0);
  let told = (): void => {};
  const done = new Promise<void>((resolve) => {
    told = resolve;
  });
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, next) {
      output = Buffer.concat([output, chunk]);
      if (output.includes("12345678")) told();
      next();
    },
  });
  socket.on("close", told);
  server.emit("connection", socket);
  socket.push(bytes);
  await done;
  socket.destroy();
  const frames = readFrames(output.subarray(0, wholeFrames(output)));
  for (const { type, streamId } of frames) {
    if (type === FrameType.RstStream) seen.delete(streamId);
  }
  assert.ok(!frames.some(({ type }) => type === FrameType.GoAway), "node gave the connection up");
  return seen;
}

function wholeFrames(bytes: Buffer): number {
  let at = 0;
  while (at + 9 <= bytes.length && at + 9 + bytes.readUIntBE(at, 3) <= bytes.length) {
    at += 9 + bytes.readUIntBE(at, 3);
  }
  return at;
}

class Reader extends Recorder {
  readonly seen: Reading = new Map();

  override onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    super.onRequest(stream, head, isEnd);
    this.seen.set(stream.id, `${head.method} ${head.authority} ${head.target}`);
  }
}

function readByUs(bytes: Buffer): Reading {
  const sink = new Reader();
  const limits = { requestsPerFeedMax: 1e9, resetBurst: 1e9 };
  const connection = new Http2Connection("server", sink, {
    limits: { ...defaultHttp2Limits, ...limits },
    concurrentStreamsMax: 1e6,
  });
  assert.equal(connection.feed(bytes, 0), 0);
  return sink.seen;
}

test("what node:http2 refuses we refuse, and what we take it reads alike", async () => {
  let taken = 0;
  let refused = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const list = requests(seed, 200);
    const bytes = bytesOf(list);
    const theirs = await readByNode(bytes);
    const ours = readByUs(bytes);
    for (const [i, fields] of list.entries()) {
      const id = i * 2 + 1;
      const reading = ours.get(id);
      if (reading === undefined) refused++;
      else {
        taken++;
        assert.equal(theirs.get(id), reading, JSON.stringify(fields));
      }
    }
  }
  assert.ok(taken > 300 && refused > 300, `${taken} taken, ${refused} refused`);
});
