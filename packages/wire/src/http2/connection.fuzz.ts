// Hostile bytes for both roles: the same in any chunks gives the same events and the same frames in
// answer, no chunk is read beyond its end or kept, and nothing is thrown.

import { type Chance, cuts } from "../http1/mutate.fixture.ts";
import { reusedChunks } from "../http1/request-parser.fuzz.ts";
import { Framing, RequestHead, ResponseHead } from "../http1/head.ts";
import { defaultHttp2Limits } from "../limits.ts";
import { Http2Connection } from "./connection.ts";
import { FrameFlag, FrameType, preface } from "./frame.ts";
import {
  block,
  data,
  encodedBlock,
  frame,
  getFields,
  number32,
  readFrames,
  settings,
} from "./frames.fixture.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { type Http2Options, type Http2Role, Http2Status } from "./options.ts";
import { Recorder } from "./recorder.fixture.ts";
import type { Http2Stream } from "./stream.ts";

const fields: readonly (readonly string[])[] = [
  getFields,
  [...getFields, "x-a", "b", "cookie", "a=1", "cookie", "b=2"],
  [":method", "POST", ":scheme", "https", ":path", "/a?b", ":authority", "a:80", "te", "trailers"],
  [":method", "POST", ":scheme", "http", ":path", "/", "host", "a", "content-length", "5"],
  [":method", "CONNECT", ":authority", "a:1"],
  [
    ":method",
    "CONNECT",
    ":protocol",
    "websocket",
    ":scheme",
    "http",
    ":path",
    "/",
    ":authority",
    "a",
  ],
  [":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "a", "host", "A"],
  [...getFields, "Connection", "close"],
  [...getFields, "content-length", "3", "x_y", "z"],
  [...getFields, "x-long", "v".repeat(90)],
  [":status", "200", "x-a", "b"],
  [":status", "103", "link", "x"],
  [":status", "204"],
  [":status", "200", "content-length", "5"],
  ["x-sum", "1", "host", "b"],
  [":path", "/", "x", "\r\n"],
];

const smallLimits = {
  ...defaultHttp2Limits,
  headBytesMax: 300,
  blockBytesMax: 120,
  fieldsMax: 7,
  targetBytesMax: 2,
  bodyBytesMax: 9,
  continuationsMax: 2,
  requestsPerFeedMax: 1,
  resetBurst: 2,
  settingsMax: 2,
  pingsMax: 2,
  emptyFramesMax: 1,
  unknownFramesMax: 2,
  controlFramesMax: 8,
};
const settingsOfOurs: readonly Partial<Http2Options>[] = [
  {},
  { allowConnect: true, allowExtendedConnect: true, underscoreNames: "keep" },
  { limits: smallLimits, concurrentStreamsMax: 2, underscoreNames: "reject" },
];

/** Reads `steps` inputs; throws at the first that breaks a promise. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step++) {
    const role: Http2Role = random.integer(2) === 0 ? "server" : "client";
    const bytes = mutated(random, conversation(random, role));
    try {
      check(random, role, bytes);
    } catch (error) {
      throw new Error(`${role} fed ${bytes.toString("hex")}`, { cause: error });
    }
  }
}

/** A few frames, mostly in an order that makes sense. */
function conversation(random: Chance, role: Http2Role): Buffer {
  const encoder = new HpackEncoder(random.integer(2) === 0);
  const parts: Buffer[] = role === "server" ? [preface] : [];
  if (random.integer(16) !== 0) parts.push(settings());
  for (let left = 1 + random.integer(8); left > 0; left--) parts.push(anyFrame(random, encoder));
  return Buffer.concat(parts);
}

function anyFrame(random: Chance, encoder: HpackEncoder): Buffer {
  const streamId = random.integer(12) === 0 ? random.integer(9) : 1 + 2 * random.integer(4);
  const list = fields[random.integer(fields.length)] as readonly string[];
  switch (random.integer(14)) {
    case 0:
    case 1:
    case 2:
      // Our encoder refuses the last one.
      return frame(
        FrameType.Headers,
        headerFlags(random),
        streamId,
        encodedBlock(encoder, fields[random.integer(fields.length - 1)] as readonly string[]),
      );
    case 3:
      return frame(FrameType.Headers, headerFlags(random), streamId, block(list));
    case 4:
      return splitHeaders(random, streamId, block(list));
    case 5:
    case 6:
      return data(streamId, "hello".repeat(random.integer(3)), random.integer(2) === 0);
    case 7:
      return frame(FrameType.Data, 0x8 | random.integer(2), streamId, "\x03helloxxx");
    case 8:
      return settings([1 + random.integer(8), random.integer(2) * 65_536 + random.integer(3)]);
    case 9:
      return frame(
        FrameType.WindowUpdate,
        0,
        streamId * random.integer(2),
        number32(windowOf(random)),
      );
    case 10:
      return frame(FrameType.RstStream, 0, streamId, number32(random.integer(16)));
    case 11:
      return frame(FrameType.Ping, random.integer(2), 0, "12345678");
    case 12:
      return frame(FrameType.Priority, 0, streamId, Buffer.concat([number32(3), Buffer.alloc(1)]));
    default:
      return frame(random.integer(16), random.integer(64), streamId, "\0\0\0\x05abcd".repeat(2));
  }
}

function headerFlags(random: Chance): number {
  const end = random.integer(2);
  return random.integer(8) === 0 ? random.integer(64) : FrameFlag.EndHeaders | end;
}

function windowOf(random: Chance): number {
  return [0, 1, 1000, 2 ** 31 - 1][random.integer(4)] as number;
}

function splitHeaders(random: Chance, streamId: number, bytes: Buffer): Buffer {
  const cut = random.integer(bytes.length);
  return Buffer.concat([
    frame(FrameType.Headers, random.integer(2), streamId, bytes.subarray(0, cut)),
    frame(FrameType.Continuation, FrameFlag.EndHeaders, streamId, bytes.subarray(cut)),
  ]);
}

function mutated(random: Chance, bytes: Buffer): Buffer {
  let out = bytes;
  for (let left = random.integer(4); left > 0; left--) {
    const at = random.integer(out.length);
    const to = Math.min(out.length, at + random.integer(24));
    switch (random.integer(4)) {
      case 0:
        out = Buffer.from(out);
        out[at] = random.integer(256);
        break;
      case 1:
        out = Buffer.concat([out.subarray(0, at), out.subarray(to)]);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, to), out.subarray(at)]);
        break;
      default:
        out = Buffer.from(out);
        out[at] = (out[at] as number) ^ (1 << random.integer(8));
    }
  }
  return out;
}

interface Outcome {
  status: Http2Status;
  reason: number;
  events: string[];
  bodies: [number, string][];
  /** Frames that were written, without credit, which follows the pieces that were read. */
  frames: string[];
}

/** Answers requests as a small server would. */
class Answering extends Recorder {
  readonly #pick: number;

  constructor(pick: number) {
    super();
    this.#pick = pick;
  }

  override onRequest(stream: Http2Stream, head: RequestHead, isEnd: boolean): void {
    super.onRequest(stream, head, isEnd);
    if ((this.#pick & 1) !== 0) this.#answer(stream);
    if ((this.#pick & 4) !== 0 && stream.id === 3) stream.reset(8);
  }

  override onRefused(stream: Http2Stream, code: number): void {
    super.onRefused(stream, code as 0);
    this.#answer(stream);
  }

  override onEnd(stream: Http2Stream, trailers: string[]): void {
    super.onEnd(stream, trailers);
    if ((this.#pick & 1) === 0) this.#answer(stream);
  }

  #answer(stream: Http2Stream): void {
    const head = Object.assign(new ResponseHead(), { status: 200, headers: ["x-a", "b"] });
    stream.respond(head, false);
    stream.data(Buffer.from("answer".repeat(20)));
    if ((this.#pick & 2) !== 0) stream.end(["x-sum", "1"]);
  }
}

function check(random: Chance, role: Http2Role, bytes: Buffer): void {
  const options = settingsOfOurs[random.integer(settingsOfOurs.length)] as Partial<Http2Options>;
  const pick = random.integer(8);
  const whole = read([bytes], role, options, pick);
  const offsets = cuts(random, bytes.length);
  const cut = read(reusedChunks(bytes, offsets), role, options, pick);
  const one = JSON.stringify(whole);
  const other = JSON.stringify(cut);
  if (one !== other) throw new Error(`cut at ${offsets.join(", ")}:\n${one}\n${other}`);
}

const empty = Buffer.alloc(0);

function read(
  chunks: Iterable<Buffer>,
  role: Http2Role,
  options: Partial<Http2Options>,
  pick: number,
): Outcome {
  const sink = new Answering(role === "server" ? pick : 8);
  const connection = new Http2Connection(role, sink, options);
  if (role === "client") openRequests(connection, sink);
  let status: Http2Status = Http2Status.More;
  for (const chunk of chunks) {
    status = connection.feed(chunk, 1000);
    while (status === Http2Status.Paused) status = connection.feed(empty, 1000);
    if (status === Http2Status.Closed) break;
  }
  if (status !== Http2Status.Closed) {
    connection.tick(2000);
    connection.tick(60_000);
  }
  const frames = readFrames(connection.takeOutput())
    .filter(({ type }) => type !== FrameType.WindowUpdate)
    .map((one) => `${one.type} ${one.flags} ${one.streamId} ${one.payload.toString("latin1")}`);
  connection.disconnected();
  if (connection.openStreamCount !== 0) throw new Error("a stream outlived its connection");
  return {
    status,
    reason: connection.reason,
    events: sink.events,
    bodies: [...sink.bodies],
    frames,
  };
}

/** The requests that the fuzzed responses answer. */
function openRequests(connection: Http2Connection, sink: Recorder): void {
  for (const method of ["GET", "HEAD", "POST", "CONNECT"]) {
    const isConnect = method === "CONNECT";
    const head = Object.assign(new RequestHead(), {
      method: isConnect ? "GET" : method,
      upgrade: isConnect ? "websocket" : "",
      target: "/",
      path: "/",
      authority: "a",
      framing: method === "POST" ? Framing.Chunked : Framing.None,
    });
    const stream = connection.request(head, method === "GET" || method === "HEAD");
    if (stream !== null) sink.streams.set(stream.id, stream);
  }
}
