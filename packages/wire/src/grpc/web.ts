// gRPC-Web: gRPC for browsers, whose requests have no trailers and whose content may be base64.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md

import type { HeaderList } from "../header-list.ts";

const webTypes = { None: 0, Binary: 1, Text: 2 } as const;
export const GrpcWebType: typeof webTypes = Object.freeze(webTypes);
export type GrpcWebType = (typeof GrpcWebType)[keyof typeof GrpcWebType];

const grpcType = "application/grpc";
const binaryType = "application/grpc-web";
const textType = "application/grpc-web-text";

/** What a content-type or accept field says. */
export function grpcWebType(value: string): GrpcWebType {
  if (!value.startsWith(binaryType)) return webTypes.None;
  if (value.startsWith(textType)) return ends(value, textType) ? webTypes.Text : webTypes.None;
  return ends(value, binaryType) ? webTypes.Binary : webTypes.None;
}

/** The content-type as gRPC's own, with what stands behind it: `application/grpc+proto`. */
export function grpcTypeOfWeb(value: string): string {
  const known = value.startsWith(textType) ? textType : binaryType;
  return grpcType + value.slice(known.length);
}

/** The other way round. */
export function webTypeOfGrpc(value: string, type: GrpcWebType): string {
  return (type === webTypes.Text ? textType : binaryType) + value.slice(grpcType.length);
}

/** Nothing more, "+", ";" or a space. */
function ends(value: string, known: string): boolean {
  const next = value.charCodeAt(known.length);
  return Number.isNaN(next) || next === 0x2b || next === 0x3b || next === 0x20 || next === 0x2c;
}

const trailerFrame = 0x80;

/** Trailers as the last frame of the content. */
export function writeTrailerFrame(trailers: HeaderList): Buffer {
  let text = "";
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  const block = Buffer.from(text, "latin1");
  const frame = Buffer.allocUnsafe(5 + block.length);
  frame[0] = trailerFrame;
  frame.writeUInt32BE(block.length, 1);
  block.copy(frame, 5);
  return frame;
}

/** One piece of text content; pieces may follow each other, each with its own padding. */
export function encodeWebText(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("base64"), "latin1");
}

const alphabet = /^[A-Za-z0-9+/]*$/;
const padded = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/;
const groupLength = 4;

/** Decodes text content as it arrives; pieces with padding of their own may follow each other. */
export class WebTextDecoder {
  #rest = "";

  /** True between the groups: here the content may end. */
  get isWhole(): boolean {
    return this.#rest === "";
  }

  /** Null: this is not base64. */
  feed(bytes: Buffer): Buffer | null {
    const text = this.#rest + bytes.toString("latin1");
    const end = text.length - (text.length % groupLength);
    const groups = text.slice(0, end);
    this.#rest = text.slice(end);
    if (alphabet.test(groups)) return Buffer.from(groups, "base64");
    if (!padded.test(groups)) return null;
    const parts = groups.match(/[^=]+=*/g) ?? [];
    return Buffer.concat(parts.map((part) => Buffer.from(part, "base64")));
  }
}
