// Frames by hand, for tests and fuzzing: what no decent peer would send.

import { FrameFlag, FrameType, frameHeadBytes, preface, writeFrameHead } from "./frame.ts";
import type { HpackEncoder } from "./hpack-encoder.ts";
import { Output } from "./output.ts";

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer | string = "",
): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const bytes = Buffer.alloc(frameHeadBytes + body.length);
  writeFrameHead(bytes, 0, body.length, type, flags, streamId);
  body.copy(bytes, frameHeadBytes);
  return bytes;
}

/** A header block of literals without indexing: any names and values, however wrong. */
export function block(fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (const [i, text] of fields.entries()) {
    if (i % 2 === 0) parts.push(Buffer.from([0]));
    const bytes = Buffer.from(text, "latin1");
    parts.push(integer(0, 7, bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

/** An integer behind a prefix of that many bits (RFC 7541 §5.1). */
export function integer(pattern: number, prefixBits: number, value: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([pattern | value]);
  const bytes = [pattern | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 | (rest % 128));
  return Buffer.from([...bytes, rest]);
}

/** The same as our encoder writes it, with its table. */
export function encodedBlock(encoder: HpackEncoder, fields: readonly string[]): Buffer {
  const output = new Output();
  encoder.begin(output);
  for (let i = 0; i < fields.length; i += 2) {
    encoder.ownField(output, fields[i] as string, fields[i + 1] as string);
  }
  return output.take();
}

const both = FrameFlag.EndHeaders | FrameFlag.EndStream;

export function headers(streamId: number, fields: readonly string[], flags: number = both): Buffer {
  return frame(FrameType.Headers, flags, streamId, block(fields));
}

export function data(streamId: number, text: string, isEnd: boolean): Buffer {
  return frame(FrameType.Data, isEnd ? FrameFlag.EndStream : 0, streamId, text);
}

/** [id, value, …] */
export function settings(pairs: readonly number[] = []): Buffer {
  const payload = Buffer.alloc((pairs.length / 2) * 6);
  for (let i = 0; i < pairs.length; i += 2) {
    payload.writeUInt16BE(pairs[i] as number, i * 3);
    payload.writeUInt32BE(pairs[i + 1] as number, i * 3 + 2);
  }
  return frame(FrameType.Settings, 0, 0, payload);
}

/** A payload of one 32-bit number. */
export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** What a client sends before its first request. */
export const clientStart: Buffer = Buffer.concat([preface, settings()]);

export const getFields: readonly string[] = [
  ":method",
  "GET",
  ":scheme",
  "http",
  ":path",
  "/",
  ":authority",
  "a",
];

export interface ReadFrame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

/** Cuts what a connection wrote into frames; throws when it is not whole frames. */
export function readFrames(bytes: Buffer): ReadFrame[] {
  const frames: ReadFrame[] = [];
  let at = bytes.subarray(0, preface.length).equals(preface) ? preface.length : 0;
  while (at < bytes.length) {
    const length = bytes.readUIntBE(at, 3);
    const end = at + frameHeadBytes + length;
    if (end > bytes.length) throw new Error("a frame is cut off");
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + frameHeadBytes, end),
    });
    at = end;
  }
  return frames;
}
