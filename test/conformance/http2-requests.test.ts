// H38 to H52 of the bar, through whole proxies: at the outbound listener, where a program of this
// host speaks, and at the inbound one, where anybody does. Both have HTTP/1 upstream here: what
// would smuggle must die before it is written down again.

import assert from "node:assert/strict";
import { Http2Error } from "@weft/wire";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import {
  end,
  fatal,
  get,
  type Http2Case,
  open,
  plainBlock,
  post,
  refused,
} from "./http2-request-cases.ts";
import {
  type Fields,
  FrameFlag,
  FrameType,
  indexedLiteral,
  RawHttp2,
  setting,
  word,
} from "./http2-raw.ts";

const { ProtocolError, StreamClosed, RefusedStream, EnhanceYourCalm } = Http2Error;

async function ask(port: number, one: Http2Case): Promise<RawHttp2> {
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
