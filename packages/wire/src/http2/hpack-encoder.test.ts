// What the encoder remembers, what it never does, and that it forgets together with its peer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { Output } from "./output.ts";

/** An encoder, its output, and the decoder at the other end. */
class Line {
  readonly encoder: HpackEncoder;
  readonly #decoder = new HpackDecoder(4096, { headBytesMax: 1e6, fieldsMax: 1000 }, true);
  readonly #output = new Output();
  secrets: string[] = [];

  constructor(isHuffman = false) {
    this.encoder = new HpackEncoder(isHuffman);
  }

  /** Sends a block of these fields, and answers its bytes. */
  send(...fields: [name: string, value: string, isSecret?: boolean][]): Buffer {
    this.encoder.begin(this.#output);
    for (const [name, value, isSecret] of fields) {
      this.encoder.field(this.#output, name, value, isSecret === true);
    }
    const bytes = Buffer.from(this.#output.take());
    const read: [string, string][] = [];
    this.secrets = [];
    const reason = this.#decoder.decode(bytes, 0, bytes.length, {
      field: (_id, name, value, _fact, _fault, isSecret) => {
        read.push([name, value]);
        if (isSecret) this.secrets.push(name);
      },
    });
    assert.equal(reason, 0);
    assert.deepEqual(
      read,
      fields.map(([name, value]) => [name, value]),
    );
    return bytes;
  }
}

test("what repeats is one byte from the second time on", () => {
  const line = new Line();
  assert.equal(line.send(["x-tenant", "blue"], ["accept", "*/*"]).length, 20);
  assert.equal(line.send(["x-tenant", "blue"], ["accept", "*/*"]).length, 2);
  assert.equal(line.send(["accept-encoding", "gzip, deflate"]).toString("hex"), "90");
});

test("names that change with every request are not remembered", () => {
  const line = new Line();
  for (const name of ["x-request-id", "traceparent", "grpc-timeout", "etag"]) {
    const first = line.send([name, "12345"]).length;
    assert.equal(line.send([name, "12345"]).length, first, name);
  }
});

test("a name whose values never repeat stops pushing out others", () => {
  const line = new Line();
  line.send(["x-tenant", "blue"]);
  for (let i = 0; i < 2000; i++) line.send(["x-serial", `number ${i} of many`]);
  assert.equal(line.send(["x-tenant", "blue"]).length, 1);
});

test("secrets are never indexed, and a peer's mark is kept", () => {
  const line = new Line();
  line.send(
    ["authorization", "Bearer abc"],
    ["set-cookie", "a=b"],
    ["cookie", "short=1"],
    ["cookie", `session=${"0".repeat(32)}`],
    ["x-api-key", "k", true],
    ["x-plain", "p"],
  );
  assert.deepEqual(line.secrets, ["authorization", "set-cookie", "cookie", "x-api-key"]);
  // Also when the same field was indexed before.
  line.send(["x-plain", "p", true]);
  assert.deepEqual(line.secrets, ["x-plain"]);
});

test("fields of the connection are left out", () => {
  const line = new Line();
  const output = new Output();
  for (const name of ["connection", "host", "te", "transfer-encoding", "upgrade", "keep-alive"]) {
    line.encoder.field(output, name, "x", false);
  }
  assert.equal(output.length, 0);
});

test("a table that the peer makes smaller, or forbids, is kept in step", () => {
  const line = new Line();
  const many = (): void => {
    for (let i = 0; i < 100; i++) line.send([`x-${i % 40}`, "v".repeat(30)], ["accept", "*/*"]);
  };
  many();
  for (const size of [100, 4096, 0, 65_536, 40]) {
    line.encoder.limitTable(size);
    many();
  }
  line.encoder.limitTable(0);
  line.encoder.limitTable(4096);
  const bytes = line.send(["accept", "*/*"]);
  assert.equal(bytes[0], 0x20, "the smallest of several limits is told first (RFC 7541 §4.2)");
  many();
});

test("a block that was not sent is forgotten by both", () => {
  const line = new Line();
  line.send(["x-a", "1"]);
  const lost = new Output();
  line.encoder.field(lost, "x-b", "2", false);
  line.encoder.forget();
  line.send(["x-a", "1"], ["x-b", "2"]);
  assert.equal(line.send(["x-a", "1"], ["x-b", "2"]).length, 2);
});

test("more names than are remembered are written all the same", () => {
  const line = new Line(true);
  for (let i = 0; i < 1000; i++) line.send([`x-${i}`, "v"], ["accept", "*/*"]);
});

test("a value of any length is written", () => {
  const line = new Line();
  for (const length of [0, 1, 47, 48, 49, 126, 127, 128, 255, 5000, 20_000]) {
    line.send(["x-a", "v".repeat(length)], ["x-b", "é".repeat(length)]);
  }
});
