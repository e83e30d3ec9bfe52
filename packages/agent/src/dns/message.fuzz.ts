// Whatever arrives as a question gets an answer that the library reads again, or silence: nothing
// throws, and no answer is longer than the asker allows.

import assert from "node:assert/strict";
import type { Random } from "@weft/runtime";
import packets, { type Answer, type RecordType } from "dns-packet";
import { Rcode, readQuery, readResponse, writeRefusal, writeReply } from "./message.ts";

const types: readonly RecordType[] = ["A", "AAAA", "SRV", "TXT", "PTR", "SOA", "NAPTR", "CAA"];
const labels = ["catalog", "shop", "mesh", "_http", "_tcp", "x".repeat(63), "svc", "", "é", "a.b"];

export function fuzz(random: Random, steps: number): void {
  for (let i = 0; i < steps; i++) {
    const bytes = random.next() < 0.2 ? randomBytes(random) : mutated(random, randomQuery(random));
    const query = readQuery(bytes);
    if (query === null) continue;
    if (typeof query === "number") {
      assert.ok(writeRefusal(bytes, query).length <= 23);
      continue;
    }
    // Few, or so many that some do not fit.
    const count = random.integer(random.integer(8) === 0 ? 60 : 4);
    const answers = Array.from({ length: count }, (_, n): Answer => {
      return { type: "A", name: query.name, ttl: 1, data: `127.0.0.${n + 1}` };
    });
    const reply = {
      rcode: Rcode.NoError,
      isAuthoritative: true,
      answers,
      authorities: [],
      additionals: [],
    };
    const written = writeReply(query, reply, query.bytesMax);
    assert.ok(written.length <= query.bytesMax, `${written.length} of ${query.bytesMax}`);
    assert.notEqual(readResponse(written, query.id, query.question), null);
  }
}

function randomQuery(random: Random): Buffer {
  const count = 1 + random.integer(6);
  const name = Array.from({ length: count }, () => pick(random, labels)).join(".");
  const additionals =
    random.next() < 0.5
      ? [{ type: "OPT", name: ".", udpPayloadSize: random.integer(65536), flags: 0, options: [] }]
      : [];
  try {
    return packets.encode({
      type: "query",
      id: random.integer(65536),
      questions: [{ type: pick(random, types), name }],
      additionals: additionals as unknown as Answer[],
    });
  } catch {
    // The library does not write every name; then any bytes do.
    return randomBytes(random);
  }
}

function mutated(random: Random, query: Buffer): Buffer {
  const bytes = Buffer.from(query);
  for (let count = random.integer(4); count > 0; count--) {
    bytes[random.integer(bytes.length)] = random.integer(256);
  }
  return random.next() < 0.2 ? bytes.subarray(0, random.integer(bytes.length + 1)) : bytes;
}

function randomBytes(random: Random): Buffer {
  return Buffer.from(random.bytes(random.integer(200)));
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.integer(list.length)] as T;
}
