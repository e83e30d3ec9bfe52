// The chunk decoder against a second, slow one made of a regular expression, and against itself in
// other chunks.

import { ErrorCode } from "../error-code.ts";
import { defaultHttp1Limits } from "../limits.ts";
import { ChunkedDecoder, ChunkEvent } from "./chunked.ts";
import { type Chance, cuts, mutate } from "./mutate.fixture.ts";
import { cutAt } from "./transcript.fixture.ts";
import { chunkEnd, writeChunkHead } from "./writer.ts";

interface Decoded {
  body: string;
  isLast: boolean;
  isRefused: boolean;
}

const limits = { ...defaultHttp1Limits, chunkExtensionBytesMax: 4096 };

/** Decodes `steps` mutated chunk sequences; throws at the first that is read in two ways. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step++) {
    const { text, body } = encode(random);
    const whole = decode([Buffer.from(text, "latin1")]);
    if (whole.body !== body || !whole.isLast || whole.isRefused) {
      throw new Error(`${JSON.stringify(text)} was read as ${JSON.stringify(whole)}`);
    }
    const hostile = mutate(random, text);
    const bytes = Buffer.from(hostile, "latin1");
    const expected = decodeSlowly(hostile);
    demandEqual(decode([bytes]), expected, hostile);
    demandEqual(decode(cutAt(bytes, cuts(random, bytes.length))), expected, hostile);
  }
}

function demandEqual(got: Decoded, expected: Decoded, input: string): void {
  const isEqual =
    got.body === expected.body &&
    got.isLast === expected.isLast &&
    got.isRefused === expected.isRefused;
  if (isEqual) return;
  const [left, right] = [JSON.stringify(got), JSON.stringify(expected)];
  throw new Error(`${JSON.stringify(input)} was read as ${left}, not as ${right}`);
}

const extensions = ["", "", "", ";a", ";a=b", ';a="b;\\"\r"'.replace("\r", ""), ";a;b=c"];

function encode(random: Chance): { text: string; body: string } {
  let text = "";
  let body = "";
  for (let left = random.integer(4); left > 0; left--) {
    const data = "x\r\n0;".repeat(4).slice(0, 1 + random.integer(19));
    const head = writeChunkHead(data.length).toString("latin1", 0).trimEnd();
    const extension = extensions[random.integer(extensions.length)] as string;
    text += `${random.integer(2) === 0 ? head : head.toUpperCase()}${extension}\r\n${data}`;
    text += chunkEnd.toString("latin1");
    body += data;
  }
  return { text: `${text}0\r\n`, body };
}

function decode(pieces: readonly Buffer[]): Decoded {
  const decoder = new ChunkedDecoder(limits);
  decoder.begin();
  const result: Decoded = { body: "", isLast: false, isRefused: false };
  for (const piece of pieces) {
    let at = 0;
    for (;;) {
      const event = decoder.next(piece, at, piece.length);
      if (decoder.at < at || decoder.at > piece.length) throw new Error("read outside the chunk");
      at = decoder.at;
      if (event === ChunkEvent.More) break;
      if (event === ChunkEvent.Data) {
        result.body += piece.toString("latin1", decoder.dataStart, decoder.dataEnd);
        continue;
      }
      result.isLast = event === ChunkEvent.LastChunk;
      result.isRefused = decoder.error !== ErrorCode.None;
      return result;
    }
  }
  return result;
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t !#-[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"';
const sizeLine = new RegExp(
  `([0-9A-Fa-f]{1,16})(?:;${token}(?:=(?:${token}|${quoted}))?)*\\r\\n`,
  "y",
);

/** As the grammar is written in RFC 9112 §7.1, over the whole text. */
function decodeSlowly(text: string): Decoded {
  const result: Decoded = { body: "", isLast: false, isRefused: false };
  let at = 0;
  for (;;) {
    sizeLine.lastIndex = at;
    const line = sizeLine.exec(text);
    if (line === null) {
      result.isRefused = !isPrefixOfSizeLine(text.slice(at));
      return result;
    }
    const size = Number.parseInt(line[1] as string, 16);
    if (size > Number.MAX_SAFE_INTEGER) return { ...result, isRefused: true };
    at += line[0].length;
    if (size === 0) return { ...result, isLast: true };
    result.body += text.slice(at, at + size);
    at += size;
    const after = text.slice(at, at + 2);
    if (after !== "\r\n") return { ...result, isRefused: !"\r\n".startsWith(after) };
    at += 2;
  }
}

/** Whether more bytes could make the rest a size line: some ending of one is missing. */
function isPrefixOfSizeLine(rest: string): boolean {
  const size = /^[0-9A-Fa-f]*/.exec(rest)?.[0] ?? "";
  if (size.length > 16 || Number.parseInt(size || "0", 16) > Number.MAX_SAFE_INTEGER) return false;
  const endings = ["0\r\n", "\r\n", "\n", "a\r\n", '"\r\n', 'a"\r\n'];
  return endings.some((ending) => {
    sizeLine.lastIndex = 0;
    const line = sizeLine.exec(rest + ending);
    return line !== null && line[0].length === rest.length + ending.length;
  });
}
