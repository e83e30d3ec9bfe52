// H38 to H52 of the bar, through whole proxies: at the outbound listener, where a program of this
// host speaks, and at the inbound one, where anybody does. Both have HTTP/1 upstream here: what
// would smuggle must die before it is written down again.

import assert from "node:assert/strict";
import { Http2Error } from "@weft/wire";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import {
  block,
  type Fields,
  FrameFlag,
  FrameType,
  indexedLiteral,
  integer,
  literal,
  RawHttp2,
  requestFields,
  setting,
  word,
} from "./http2-raw.ts";

const {
  ProtocolError,
  FlowControlError,
  StreamClosed,
  FrameSizeError,
  RefusedStream,
  CompressionError,
  EnhanceYourCalm,
} = Http2Error;
const end = FrameFlag.EndHeaders | FrameFlag.EndStream;
const open = FrameFlag.EndHeaders;
const get = (extra: Fields): Fields => requestFields("app", extra);
const post = (extra: Fields): Fields => requestFields("app", extra, "POST");
const without = (name: string): Fields => get([]).filter((field) => field[0] !== name);
const withValue = (name: string, value: string): Fields =>
  get([]).map((field) => (field[0] === name ? [name, value] : field));

interface Case {
  readonly id: string;
  readonly send: (connection: RawHttp2) => void;
  /** Of RST_STREAM on stream 1, or of GOAWAY. */
  readonly code: number;
}

const fieldCase = (id: string, fields: Fields, code: number = ProtocolError): Case => ({
  id,
  code,
  send: (connection) => connection.headers(1, fields),
});

/** Stream errors: RST_STREAM, and the connection serves on. */
const refused: readonly Case[] = [
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

const compressed = (id: string, bytes: Buffer): Case => ({
  id: `H44 ${id}`,
  code: CompressionError,
  send: (connection) => connection.frame(FrameType.Headers, end, 1, bytes),
});
const plainBlock = block(get([]));

/** Connection errors: GOAWAY, and it is closed. */
const fatal: readonly Case[] = [
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

async function ask(port: number, one: Case): Promise<RawHttp2> {
  const connection = new RawHttp2(port);
  one.send(connection);
  await connection
    .until((own) => own.resetOf(1) >= 0 || own.goAways.length > 0 || own.isOver, 3000)
    .catch((error: Error) => assert.fail(`${one.id}: ${error.message}`));
  return connection;
}

const places = (mesh: Mesh): readonly (readonly [where: string, port: number])[] => [
  ["outbound", mesh.proxy("web").ports.outbound],
  ["inbound", mesh.inbound("app-1")],
];

behaviour(
  "a malformed request is a stream error, nothing goes up, and the connection serves on",
  import.meta.url,
  async (mesh) => {
    for (const one of refused) {
      for (const [where, port] of places(mesh)) {
        const connection = await ask(port, one);
        assert.equal(connection.resetOf(1), one.code, `${one.id} at ${where}`);
        assert.deepEqual(connection.goAways, [], `${one.id} at ${where}`);
        connection.headers(3, get([]));
        await connection
          .until((own) => own.hasAnswered(3))
          .catch((error: Error) => assert.fail(`${one.id} at ${where}: ${error.message}`));
        connection.close();
      }
    }
    const whole = mesh.program("app-1").seen.filter(({ method }) => method !== "GET");
    assert.deepEqual(whole, [], "no malformed request reached the program whole");
    const gets = mesh.program("app-1").seen.filter(({ method }) => method === "GET");
    assert.equal(gets.length, refused.length * 2, "one good request for each bad one");
  },
);

behaviour(
  "what breaks a connection is told by GOAWAY, and it is closed",
  import.meta.url,
  async (mesh) => {
    for (const one of fatal) {
      for (const [where, port] of places(mesh)) {
        const connection = await ask(port, one);
        await connection.until((own) => own.isOver, 3000);
        assert.equal(connection.goAways.at(-1)?.code, one.code, `${one.id} at ${where}`);
        assert.equal(connection.errorCode, "", `${one.id} at ${where}`);
        connection.close();
      }
    }
    assert.deepEqual(mesh.program("app-1").seen, []);
  },
);

behaviour(
  "rapid resets end the connection, and the work upstream (H40)",
  import.meta.url,
  async (mesh) => {
    let working = 0;
    mesh.program("app-1").onRequest = (_request, response) => {
      working++;
      response.once("close", () => working--);
    };
    for (const [where, port] of places(mesh)) {
      const connection = new RawHttp2(port);
      for (let id = 1; id < 800; id += 2) connection.headers(id, get([])).reset(id);
      await connection.until((own) => own.isOver, 4000);
      assert.equal(connection.goAways.at(-1)?.code, EnhanceYourCalm, where);
      connection.close();
    }
    await eventually(() => working === 0);
  },
);

behaviour(
  "resets that a client provokes count as its own (MadeYouReset, H41)",
  import.meta.url,
  async (mesh) => {
    const provocations: readonly ((connection: RawHttp2, id: number) => void)[] = [
      (connection, id) => connection.frame(FrameType.WindowUpdate, 0, id, word(0)),
      (connection, id) => connection.frame(FrameType.WindowUpdate, 0, id, word(0x7fffffff)),
      (connection, id) =>
        connection.frame(FrameType.Priority, 0, id, Buffer.concat([word(id), Buffer.of(1)])),
    ];
    for (const provoke of provocations) {
      const connection = new RawHttp2(mesh.inbound("app-1"));
      for (let id = 1; id < 800; id += 2) {
        connection.headers(id, post([]), open);
        provoke(connection, id);
      }
      await connection.until((own) => own.isOver, 4000);
      assert.equal(connection.goAways.at(-1)?.code, EnhanceYourCalm);
      connection.close();
    }
  },
);

behaviour(
  "a header block that stays open is given up after five seconds (H42)",
  import.meta.url,
  async (mesh) => {
    const connection = new RawHttp2(mesh.inbound("app-1"));
    const startedAtMs = performance.now();
    await connection.until((own) => own.frames.some(({ flags }) => flags === FrameFlag.Ack));
    connection.frame(FrameType.Headers, 0, 1, plainBlock);
    await connection.until((own) => own.isOver, 14_000);
    assert.equal(connection.goAways.at(-1)?.code, EnhanceYourCalm);
    assert.ok(performance.now() - startedAtMs > 4500);
    connection.close();
  },
);

behaviour(
  "a head beyond the limits is answered 431, and the table stays in step (H45, H46)",
  import.meta.url,
  async (mesh) => {
    for (const [where, port] of places(mesh)) {
      const connection = new RawHttp2(port);
      const crumbs: Fields = Array.from({ length: 200 }, () => ["cookie", "a"] as const);
      connection.headers(1, get(crumbs));
      await connection.until((own) => own.hasAnswered(1));
      const hosts = Buffer.concat([
        plainBlock,
        indexedLiteral("host", "app"),
        Buffer.alloc(150, 0xbe),
      ]);
      connection.frame(FrameType.Headers, end, 3, hosts);
      await connection.until((own) => own.hasAnswered(3) || own.resetOf(3) >= 0);
      assert.deepEqual(mesh.program("app-1").seen, [], where);
      connection.headers(5, get([]));
      await connection.until((own) => own.contentOf(5).includes('"url":"/x"'));
      mesh.program("app-1").seen.length = 0;
      connection.close();
    }
  },
);

behaviour(
  "unknown frames and priorities are passed over, streams beyond the limit refused",
  import.meta.url,
  async (mesh) => {
    let working = 0;
    mesh.program("app-1").onRequest = (_request, response) => {
      working++;
      response.once("close", () => working--);
    };
    const connection = new RawHttp2(mesh.inbound("app-1"));
    connection.frame(0x2a, 0xff, 0, Buffer.from("whatever"));
    connection.frame(FrameType.Priority, 0, 9, Buffer.concat([word(0), Buffer.of(7)]));
    for (let id = 1; id <= 205; id += 2) connection.headers(id, get([]));
    await connection.until((own) => own.resetOf(205) >= 0);
    assert.equal(connection.resetOf(205), RefusedStream);
    assert.equal(connection.resetOf(203), RefusedStream);
    assert.equal(connection.resetOf(199), -1);
    connection.close();
    await eventually(() => working === 0);
  },
);

behaviour(
  "a frame after the end of its stream is an error, trailers and padding are not (H41, H48)",
  import.meta.url,
  async (mesh) => {
    const connection = new RawHttp2(mesh.inbound("app-1"));
    const padded = Buffer.concat([Buffer.of(3), Buffer.from("body"), Buffer.alloc(3)]);
    connection.headers(1, post([["te", "trailers"]]), open);
    connection.frame(FrameType.Data, FrameFlag.Padded, 1, padded);
    connection.headers(1, [["x-sum", "1"]], end);
    await connection.until((own) => own.contentOf(1).includes('"body":"body"'));
    mesh.program("app-1").onRequest = () => {};
    connection.headers(3, post([]), end).data(3, "late");
    await connection.until((own) => own.resetOf(3) >= 0 || own.goAways.length > 0);
    const code = connection.goAways.at(-1)?.code ?? connection.resetOf(3);
    assert.equal(code, StreamClosed);
    connection.close();
  },
);

behaviour(
  "windows: a change of the initial one moves open streams, below zero too (H50)",
  import.meta.url,
  async (mesh) => {
    mesh.program("app-1").onRequest = (_request, response) => response.end("x".repeat(100));
    const connection = new RawHttp2(mesh.inbound("app-1"));
    connection.frame(FrameType.Settings, 0, 0, setting(4, 60));
    connection.headers(1, get([]));
    await connection.until((own) => own.contentOf(1).length === 60);
    connection.frame(FrameType.Settings, 0, 0, setting(4, 10));
    connection.frame(FrameType.WindowUpdate, 0, 1, word(55));
    await connection.until((own) => own.contentOf(1).length === 65);
    connection.frame(FrameType.Settings, 0, 0, setting(4, 1000));
    await connection.until((own) => own.hasAnswered(1));
    assert.equal(connection.contentOf(1).length, 100);
    connection.close();
  },
);

behaviour(
  "what does not begin as HTTP/2 does is not HTTP/2 (H25, H52)",
  import.meta.url,
  async (mesh) => {
    for (const [where, port] of places(mesh)) {
      const connection = new RawHttp2(port, { isSilent: true });
      connection.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"));
      await connection.until((own) => own.isOver, 3000);
      assert.equal(connection.goAways.at(-1)?.code, ProtocolError, where);
      connection.close();
    }
  },
);
