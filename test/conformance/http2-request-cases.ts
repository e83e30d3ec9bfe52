// HTTP/2 requests and frames of H22 to H50 that have to be refused, each with the code we give;
// also said to other proxies (test/interop/strictness.test.ts).

import { Http2Error } from "@weft/wire";
import {
  block,
  type Fields,
  FrameFlag,
  FrameType,
  indexedLiteral,
  integer,
  literal,
  type RawHttp2,
  requestFields,
  setting,
  word,
} from "./http2-raw.ts";

const { ProtocolError, FlowControlError, FrameSizeError, CompressionError, EnhanceYourCalm } =
  Http2Error;
export const end: number = FrameFlag.EndHeaders | FrameFlag.EndStream;
export const open: number = FrameFlag.EndHeaders;
export const get = (extra: Fields): Fields => requestFields("app", extra);
export const post = (extra: Fields): Fields => requestFields("app", extra, "POST");
export const without = (name: string): Fields => get([]).filter((field) => field[0] !== name);
export const withValue = (name: string, value: string): Fields =>
  get([]).map((field) => (field[0] === name ? [name, value] : field));

export interface Http2Case {
  readonly id: string;
  readonly send: (connection: RawHttp2) => void;
  /** Of RST_STREAM on stream 1, or of GOAWAY. */
  readonly code: number;
}

const fieldCase = (id: string, fields: Fields, code: number = ProtocolError): Http2Case => ({
  id,
  code,
  send: (connection) => connection.headers(1, fields),
});

/** Stream errors: RST_STREAM, and the connection serves on. */
export const refused: readonly Http2Case[] = [
  ...[
    ["X-Upper", "1"],
    ["", "1"],
    ["x y", "1"],
    ["x\x01", "1"],
    ["connection", "close"],
    ["keep-alive", "timeout=5"],
    ["proxy-connection", "close"],
    ["transfer-encoding", "chunked"],
    ["upgrade", "h2c"],
    ["te", "gzip"],
    ["te", "trailers, chunked"],
    [":path", "/second"],
    [":unknown", "1"],
    [":status", "200"],
    ["x-a", "1\r\nx-b: 2"],
    ["x-a", "1\n2"],
    ["x-a", "1\0"],
    ["x-a", " 1"],
    ["x-a", "1\t"],
  ].map(([name = "", value = ""]) =>
    fieldCase(`H38 ${JSON.stringify([name, value])}`, get([[name, value]])),
  ),
  fieldCase("H38 late pseudo", [["x-a", "1"], ...get([])]),
  ...[":method", ":scheme", ":path"].map((name) => fieldCase(`H38 no ${name}`, without(name))),
  fieldCase("H38 empty path", withValue(":path", "")),
  fieldCase("H38 path in pieces", withValue(":path", "/a b")),
  fieldCase("H27 path", withValue(":path", "/a\r\nx-b: 2")),
  fieldCase("H26 method", withValue(":method", "GE T")),
  fieldCase("H23", get([["host", "other"]])),
  fieldCase("H22", withValue(":authority", "u@app")),
  fieldCase("H39 none of it", post([["content-length", "5"]])),
  ...["+3", "3, 3", "0x3", ""].map((value) =>
    fieldCase(`H39 ${JSON.stringify(value)}`, post([["content-length", value]])),
  ),
  {
    id: "H39 twice",
    code: ProtocolError,
    send: (connection) =>
      connection.headers(
        1,
        post([
          ["content-length", "3"],
          ["content-length", "4"],
        ]),
        open,
      ),
  },
  {
    id: "H39 too short",
    code: ProtocolError,
    send: (connection) =>
      connection.headers(1, post([["content-length", "5"]]), open).data(1, "abc", 1),
  },
  {
    id: "H39 too long",
    code: ProtocolError,
    send: (connection) =>
      connection.headers(1, post([["content-length", "1"]]), open).data(1, "abc", 0),
  },
  {
    id: "H38 pseudo in trailers",
    code: ProtocolError,
    send: (connection) =>
      connection.headers(1, post([]), open).headers(1, [[":path", "/evil"]], end),
  },
  {
    id: "H41 zero window",
    code: ProtocolError,
    send: (connection) =>
      connection.headers(1, post([]), open).frame(FrameType.WindowUpdate, 0, 1, word(0)),
  },
  {
    id: "H50 stream",
    code: FlowControlError,
    send: (connection) =>
      connection.headers(1, post([]), open).frame(FrameType.WindowUpdate, 0, 1, word(0x7fffffff)),
  },
];

const compressed = (id: string, bytes: Buffer): Http2Case => ({
  id: `H44 ${id}`,
  code: CompressionError,
  send: (connection) => connection.frame(FrameType.Headers, end, 1, bytes),
});
export const plainBlock: Buffer = block(get([]));

/** Connection errors: GOAWAY, and it is closed. */
export const fatal: readonly Http2Case[] = [
  compressed("index 0", Buffer.concat([plainBlock, Buffer.of(0x80)])),
  compressed("index out of range", Buffer.concat([plainBlock, Buffer.of(0xbe)])),
  compressed("table size", Buffer.concat([integer(4097, 5, 0x20), plainBlock])),
  compressed("table size late", Buffer.concat([plainBlock, Buffer.of(0x20)])),
  compressed("table size thrice", Buffer.concat([Buffer.of(0x20, 0x20, 0x20), plainBlock])),
  compressed("huffman padding", Buffer.concat([plainBlock, Buffer.of(0, 0x82, 0x1f, 0xff, 0)])),
  compressed(
    "huffman eos",
    Buffer.concat([plainBlock, Buffer.of(0, 0x84, 0xff, 0xff, 0xff, 0xff, 0)]),
  ),
  compressed(
    "integer",
    Buffer.concat([plainBlock, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)]),
  ),
  {
    id: "H48 frame size",
    code: FrameSizeError,
    send: (connection) =>
      connection.headers(1, post([]), open).frame(FrameType.Data, 0, 1, Buffer.alloc(16_385)),
  },
  {
    id: "H48 even id",
    code: ProtocolError,
    send: (connection) => connection.headers(2, get([])),
  },
  {
    id: "H48 smaller id",
    code: ProtocolError,
    send: (connection) => connection.headers(5, post([]), open).headers(3, get([])),
  },
  {
    id: "H48 idle stream",
    code: ProtocolError,
    send: (connection) => connection.data(1, "x"),
  },
  {
    id: "H48 push",
    code: ProtocolError,
    send: (connection) =>
      connection.headers(1, post([]), open).frame(FrameType.PushPromise, 4, 1, word(2)),
  },
  {
    id: "H50 connection",
    code: FlowControlError,
    send: (connection) => connection.frame(FrameType.WindowUpdate, 0, 0, word(0x7fffffff)),
  },
  {
    id: "H50 setting",
    code: FlowControlError,
    send: (connection) => connection.frame(FrameType.Settings, 0, 0, setting(4, 0x80000000)),
  },
  {
    id: "H42 frames",
    code: EnhanceYourCalm,
    send(connection) {
      connection.frame(FrameType.Headers, 0, 1, plainBlock);
      for (let i = 0; i < 20; i++) {
        connection.frame(FrameType.Continuation, 0, 1, literal(`x-${i}`, "1"));
      }
    },
  },
  {
    id: "H42 bytes",
    code: EnhanceYourCalm,
    send(connection) {
      connection.frame(FrameType.Headers, 0, 1, plainBlock);
      for (let i = 0; i < 5; i++) {
        connection.frame(FrameType.Continuation, 0, 1, literal(`x-${i}`, "v".repeat(16_000)));
      }
    },
  },
  {
    id: "H43 settings",
    code: EnhanceYourCalm,
    send(connection) {
      for (let i = 0; i < 40; i++) connection.frame(FrameType.Settings, 0, 0, setting(3, 100));
    },
  },
  {
    id: "H43 ping",
    code: EnhanceYourCalm,
    send(connection) {
      for (let i = 0; i < 80; i++) connection.frame(FrameType.Ping, 0, 0, Buffer.alloc(8, i));
    },
  },
  {
    id: "H43 priority",
    code: EnhanceYourCalm,
    send(connection) {
      const priority = Buffer.concat([word(0), Buffer.of(1)]);
      for (let i = 0; i < 100; i++) connection.frame(FrameType.Priority, 0, 3, priority);
    },
  },
  {
    id: "H43 empty data",
    code: EnhanceYourCalm,
    send(connection) {
      connection.headers(1, post([]), open);
      for (let i = 0; i < 20; i++) connection.data(1, "");
    },
  },
  {
    id: "H43 window update",
    code: EnhanceYourCalm,
    send(connection) {
      connection.headers(1, post([]), open);
      for (let i = 0; i < 2000; i++) connection.frame(FrameType.WindowUpdate, 0, 0, word(1));
    },
  },
  {
    id: "H45 indexed bomb",
    code: EnhanceYourCalm,
    send: (connection) =>
      connection.frame(
        FrameType.Headers,
        end,
        1,
        Buffer.concat([
          plainBlock,
          indexedLiteral("x-a", "v".repeat(3900)),
          Buffer.alloc(10_000, 0xbe),
        ]),
      ),
  },
];
