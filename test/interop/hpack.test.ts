// Header blocks of our HTTP/2 connections, read and written by another implementation of RFC 7541
// (Debian's python3-hpack), a hundred blocks of one connection each way.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test, type TestContext } from "node:test";
import { seededRandom } from "@weft/runtime";
import {
  Framing,
  type HeaderList,
  Http2Connection,
  type Http2Sink,
  Http2Status,
  RequestHead,
} from "@weft/wire";
import { hasPart } from "../harness/parts.ts";

const python = "/usr/bin/python3";
const found = spawnSync(python, ["-c", "import hpack"]).status === 0;

/** Reads {decode: [hex], encode: [[[name, value]]]} and answers the same the other way round. */
const script = `
import hpack, json, sys
asked = json.load(sys.stdin)
decoder = hpack.Decoder(max_header_list_size=1000000)
encoder = hpack.Encoder()
text = lambda value: value.decode("latin1") if isinstance(value, bytes) else value
print(json.dumps({
  "decoded": [[[text(n), text(v)] for n, v in decoder.decode(bytes.fromhex(block), raw=True)]
              for block in asked["decode"]],
  "encoded": [encoder.encode([(n.encode("latin1"), v.encode("latin1")) for n, v in fields]).hex()
              for fields in asked["encode"]],
}))
`;

interface Answer {
  decoded: [string, string][][];
  encoded: string[];
}

function ask(context: TestContext, decode: string[], encode: [string, string][][]): Answer | null {
  const fix = "install it with `npm run setup:test`";
  if (!hasPart(context, "python-hpack", found, fix)) return null;
  const input = JSON.stringify({ decode, encode });
  const said = spawnSync(python, ["-c", script], { input, encoding: "utf8", maxBuffer: 1 << 26 });
  assert.equal(said.status, 0, said.stderr);
  return JSON.parse(said.stdout) as Answer;
}

const none = (): void => {};
const quiet: Http2Sink = {
  onOutput: none,
  onRequest: none,
  onRefused: none,
  onStreamRefused: none,
  onResponse: none,
  onData: none,
  onEnd: none,
  onReset: none,
  onWritable: none,
  onGoAway: none,
  onSettings: none,
  onPong: none,
};

/** Payloads of the HEADERS frames in what a connection wrote. */
function blocksOf(output: Buffer): string[] {
  const blocks: string[] = [];
  const start = output.indexOf("SM\r\n\r\n") + 6;
  for (let at = start; at < output.length; ) {
    const end = at + 9 + output.readUIntBE(at, 3);
    if (output[at + 3] === 1) blocks.push(output.toString("hex", at + 9, end));
    at = end;
  }
  return blocks;
}

/** Requests with names and values that come again, change, and push each other out. */
function requests(): RequestHead[] {
  const random = seededRandom(7);
  const names = ["accept", "user-agent", "x-tenant", "cookie", "authorization", "x-request-id"];
  return Array.from({ length: 100 }, () => {
    const headers: HeaderList = [];
    for (let left = random.integer(12); left > 0; left--) {
      const name = names[random.integer(names.length)] ?? `x-${random.integer(40)}`;
      headers.push(name, "v".repeat(random.integer(200)) + String(random.integer(5)));
    }
    const path = `/items/${random.integer(30)}`;
    return Object.assign(new RequestHead(), {
      method: random.integer(2) === 0 ? "GET" : "PATCH",
      scheme: "https",
      target: path,
      path,
      authority: "catalog.shop",
      host: "catalog.shop",
      headers,
      framing: Framing.None,
    });
  });
}

function fieldsOf(head: RequestHead): [string, string][] {
  const fields: [string, string][] = [
    [":method", head.method],
    [":scheme", head.scheme],
    [":path", head.target],
    [":authority", head.authority],
  ];
  for (let i = 0; i < head.headers.length; i += 2) {
    fields.push([head.headers[i] as string, head.headers[i + 1] as string]);
  }
  return fields;
}

for (const isHuffman of [false, true]) {
  const how = isHuffman ? "Huffman-coded" : "plain";
  test(`another implementation reads our ${how} header blocks`, (context) => {
    readByOther(context, isHuffman);
  });
}

function readByOther(context: TestContext, isHuffman: boolean): void {
  const client = new Http2Connection("client", quiet, { isHuffman });
  const heads = requests();
  for (const head of heads) assert.ok(client.request(head, true) !== null);
  const blocks = blocksOf(client.takeOutput());
  assert.equal(blocks.length, heads.length);
  const answer = ask(context, blocks, []);
  if (answer === null) return;
  assert.deepEqual(
    answer.decoded,
    heads.map((head) => fieldsOf(head)),
  );
}

test("we read another implementation's header blocks", (context) => {
  const heads = requests();
  const answer = ask(
    context,
    [],
    heads.map((head) => fieldsOf(head)),
  );
  if (answer === null) return;
  const seen: RequestHead[] = [];
  const sink = { ...quiet, onRequest: (_stream: unknown, head: RequestHead) => seen.push(head) };
  const server = new Http2Connection("server", sink, { concurrentStreamsMax: 1000 });
  const preface = new Http2Connection("client", quiet).takeOutput();
  assert.equal(server.feed(preface, 0), Http2Status.More);
  for (const [i, hex] of answer.encoded.entries()) {
    const head = Buffer.alloc(9);
    head.writeUIntBE(hex.length / 2, 0, 3);
    head[3] = 1;
    head[4] = 5;
    head.writeUInt32BE(i * 2 + 1, 5);
    server.feed(Buffer.concat([head, Buffer.from(hex, "hex")]), 0);
  }
  assert.equal(seen.length, heads.length);
  for (const [i, head] of heads.entries()) {
    assert.deepEqual(seen[i]?.headers, withOneCookie(head.headers));
    assert.equal(seen[i]?.target, head.target);
  }
});

/** The list as it is after crumbs were joined where the first one stood. */
function withOneCookie(headers: HeaderList): HeaderList {
  const joined: HeaderList = [];
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string];
    const before = name === "cookie" ? joined.indexOf("cookie") : -1;
    if (before === -1) joined.push(name, value);
    else joined[before + 1] = `${joined[before + 1]}; ${value}`;
  }
  return joined;
}
