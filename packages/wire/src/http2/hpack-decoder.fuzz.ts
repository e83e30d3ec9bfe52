// Header blocks, good and broken: what our encoder writes is read back, whatever the tables hold;
// whatever else comes is read without a throw, within the limits, and the same by two decoders.

import type { Chance } from "../http1/mutate.fixture.ts";
import { codeOfReason, Http2Error, Http2Reason } from "./error.ts";
import { block, integer } from "./frames.fixture.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { decodeHuffman, huffmanLength, writeHuffman } from "./huffman.ts";
import { Output } from "./output.ts";

const names: readonly string[] = [
  ":method",
  ":path",
  ":authority",
  ":status",
  "accept",
  "cookie",
  "authorization",
  "x-request-id",
  "x-a",
  "x-b",
  "user-agent",
  "grpc-timeout",
  `x-${"long".repeat(30)}`,
];
const limits = { headBytesMax: 2000, fieldsMax: 30 };

class Fields {
  readonly list: string[] = [];
  bytes = 0;

  field(_id: number, name: string, value: string): void {
    this.list.push(name, value);
    this.bytes += name.length + value.length + 32;
  }
}

/** Reads `steps` blocks; throws at the first that breaks a promise. */
export function fuzz(random: Chance, steps: number): void {
  let pair = new Pair(random);
  for (let step = 0; step < steps; step++) {
    if (random.integer(64) === 0) pair = new Pair(random);
    if (random.integer(2) === 0) pair.roundTrip(random);
    else readHostile(random);
  }
}

/** An encoder and the decoder at its other end. */
class Pair {
  readonly #encoder: HpackEncoder;
  readonly #decoder = new HpackDecoder(4096, { headBytesMax: 1e6, fieldsMax: 1000 }, true);
  readonly #output = new Output();

  constructor(random: Chance) {
    this.#encoder = new HpackEncoder(random.integer(2) === 0);
  }

  roundTrip(random: Chance): void {
    if (random.integer(32) === 0) this.#encoder.limitTable(random.integer(4097));
    if (random.integer(64) === 0) this.#encoder.limitTable(random.integer(65_536));
    if (random.integer(64) === 0) this.#encoder.forget();
    const fields: string[] = [];
    for (let left = random.integer(12); left > 0; left--) {
      fields.push(names[random.integer(names.length)] as string, valueOf(random));
    }
    this.#encoder.begin(this.#output);
    for (let i = 0; i < fields.length; i += 2) {
      this.#encoder.ownField(this.#output, fields[i] as string, fields[i + 1] as string);
    }
    const bytes = this.#output.take();
    const read = new Fields();
    const reason = this.#decoder.decode(bytes, 0, bytes.length, read);
    if (reason !== Http2Reason.None || read.list.join("\n") !== fields.join("\n")) {
      throw new Error(`${reason}: ${JSON.stringify(fields)} came as ${JSON.stringify(read.list)}`);
    }
    for (const text of fields) checkHuffman(text);
  }
}

function valueOf(random: Chance): string {
  const kinds = ["", "/", "GET", "200", "a=b; c=d", "é\xff", "v".repeat(random.integer(300))];
  const kind = kinds[random.integer(kinds.length + 1)];
  return kind ?? String(random.integer(40));
}

const scratch = Buffer.alloc(64 * 1024);
const decoded = Buffer.alloc(64 * 1024);

function checkHuffman(text: string): void {
  const end = writeHuffman(scratch, text, 0);
  const length = decodeHuffman(scratch, 0, end, decoded);
  if (end !== huffmanLength(text) || decoded.toString("latin1", 0, length) !== text) {
    throw new Error(`Huffman lost ${JSON.stringify(text)}`);
  }
}

/** A block of random representations, mutated. */
function readHostile(random: Chance): void {
  const parts: Buffer[] = [];
  for (let left = 1 + random.integer(20); left > 0; left--) parts.push(anyField(random));
  const bytes = Buffer.concat(parts);
  for (let left = random.integer(3); left > 0; left--) {
    bytes[random.integer(bytes.length)] = random.integer(256);
  }
  const one = readTwice(bytes);
  const two = readTwice(bytes);
  if (one !== two) throw new Error(`${bytes.toString("hex")} was read as ${one} and ${two}`);
}

function anyField(random: Chance): Buffer {
  switch (random.integer(6)) {
    case 0:
      return integer(0x80, 7, random.integer(80));
    case 1: {
      const index = integer([0x40, 0, 0x10][random.integer(3)] as number, 4, random.integer(16));
      return Buffer.concat([index, stringOf(random)]);
    }
    case 2:
      return Buffer.concat([Buffer.from([0x40]), stringOf(random), stringOf(random)]);
    case 3:
      return integer(0x20, 5, random.integer(5000));
    case 4:
      return Buffer.from(Array.from({ length: random.integer(8) }, () => random.integer(256)));
    default:
      return block(["x-a", valueOf(random)]);
  }
}

function stringOf(random: Chance): Buffer {
  const text = valueOf(random);
  if (random.integer(2) === 0) {
    return Buffer.concat([integer(0, 7, text.length), Buffer.from(text, "latin1")]);
  }
  const end = writeHuffman(scratch, text, 0);
  return Buffer.concat([integer(0x80, 7, end), Buffer.from(scratch.subarray(0, end))]);
}

/** The block twice by one decoder, so that its table has a say; as text. */
function readTwice(bytes: Buffer): string {
  const decoder = new HpackDecoder(4096, limits, true);
  const said: string[] = [];
  for (let round = 0; round < 2; round++) {
    const fields = new Fields();
    const reason = decoder.decode(bytes, 0, bytes.length, fields);
    const isOver = fields.bytes > limits.headBytesMax || fields.list.length > limits.fieldsMax * 2;
    if (isOver) throw new Error(`beyond the limits: ${bytes.toString("hex")}`);
    const code = codeOfReason(reason);
    const isKnown =
      code === Http2Error.NoError ||
      code === Http2Error.CompressionError ||
      reason === Http2Reason.HeaderBomb;
    if (!isKnown) throw new Error(`reason ${reason} for ${bytes.toString("hex")}`);
    said.push(`${reason} ${decoder.isOverLimit} ${fields.list.join("\n")}`);
    if (reason !== Http2Reason.None) break;
  }
  return said.join("|");
}
