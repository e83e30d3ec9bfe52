import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@weft/runtime";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";

test("a snapshot holds names, versions and bodies, also empty and binary ones", () => {
  const random = seededRandom(3);
  const body = random.bytes(500);
  body[10] = 10;
  const held = new Map([
    [
      "type.a",
      new Map([
        ["x", { name: "x", version: "1", resource: body }],
        ["y\n", { name: "y\n", version: "", resource: new Uint8Array() }],
      ]),
    ],
    ["type.b", new Map([["z", { name: "z", version: "3", resource: random.bytes(1) }]])],
  ]);
  const changes = decodeSnapshot(encodeSnapshot(held));
  assert.deepEqual(
    changes?.map(({ typeUrl, changed, removed }) => [typeUrl, changed, removed]),
    Array.from(held, ([typeUrl, resources]) => [typeUrl, [...resources.values()], []]),
  );
});

test("damaged bytes are refused, wherever they are cut or changed", () => {
  const whole = encodeSnapshot(
    new Map([["t", new Map([["n", { name: "n", version: "v", resource: Buffer.from("body") }]])]]),
  );
  for (let length = 0; length < whole.length; length++) {
    assert.equal(decodeSnapshot(whole.subarray(0, length)), null, `cut at ${length}`);
  }
  assert.equal(decodeSnapshot(Buffer.concat([whole, Buffer.from("x")])), null);
  const other = Buffer.from(whole);
  other[0] = 0x58;
  assert.equal(decodeSnapshot(other), null);
});
