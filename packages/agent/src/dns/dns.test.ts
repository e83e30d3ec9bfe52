// The server over real loopback sockets, with Node's own resolver (c-ares) as an independent asker
// and a name server of the test behind it.

import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import {
  bindUdp,
  canShareListeners,
  Inheritance,
  silentLogger,
  systemRuntime,
} from "@weft/runtime";
import packets from "dns-packet";
import { type Dns, openDns } from "./dns.ts";

const runtime = systemRuntime({ log: silentLogger });
const endpoints = Array.from({ length: 100 }, (_, i) => ({
  workload: `many-${i}`,
  address: `127.0.1.${i + 1}`,
}));
const ports = [{ name: "http", port: 80, protocol: "http" }];
const services = new Map([
  ["catalog", { service: "catalog", namespace: "shop", ports, isHeadless: false }],
  ["many.shop.mesh", { service: "many", namespace: "shop", ports, isHeadless: true }],
]);

async function open(
  context: TestContext,
  forwardTo: number | null,
  inheritance: Inheritance = new Inheritance(),
  closes = true,
): Promise<Dns> {
  const dns = await openDns({
    runtime,
    mode: "loopback",
    workload: "shop/web-aaaaa",
    domain: "cluster.local",
    preferredPort: 0,
    nameServers: forwardTo === null ? [] : [{ address: "127.0.0.1", port: forwardTo }],
    knownNames: () => [],
    inheritance,
    onNames: () => {},
    names: {
      findService: (name) => services.get(name) ?? null,
      endpointsOf: ({ service }) => (service === "many" ? endpoints : []),
      listenFor: () => Promise.resolve("listening"),
      assign: () => Promise.resolve(),
    },
  });
  if (closes) context.after(() => dns.close());
  await dns.remember();
  return dns;
}

function resolver(dns: Dns): Resolver {
  const asker = new Resolver({ timeout: 3000, tries: 1 });
  asker.setServers([`127.0.0.1:${dns.port}`]);
  return asker;
}

async function askUdp(dns: Dns, query: Buffer): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const options = { address: "127.0.0.1", port: 0, onMessage: resolve, onError: () => {} };
  const socket = await bindUdp(options);
  socket.send(query, { address: "127.0.0.1", port: dns.port });
  const answer = await promise;
  socket.close();
  return answer;
}

/** A name server that answers every A question with 127.9.9.9 and counts what it was asked. */
async function stub(context: TestContext): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const socket = await bindUdp({
    address: "127.0.0.1",
    port: 0,
    onError: () => {},
    onMessage(bytes, from) {
      const { id, questions = [] } = packets.decode(bytes);
      const name = questions[0]?.name ?? "";
      asked.push(name);
      const isThere = name.endsWith("example.com");
      const soa = { mname: "ns.test", rname: "x.test", serial: 1, refresh: 1, retry: 1, expire: 1 };
      const answer = packets.encode({
        type: "response",
        id: id ?? 0,
        flags: packets.RECURSION_AVAILABLE | (isThere ? 0 : 3),
        questions,
        answers: isThere ? [{ type: "A", name, ttl: 60, data: "127.9.9.9" }] : [],
        authorities: isThere
          ? []
          : [{ type: "SOA", name: "test", ttl: 60, data: { ...soa, minimum: 60 } }],
      });
      // Somebody guesses first: not the asked id.
      const forged = Buffer.from(answer);
      forged.writeUInt16BE(((id ?? 0) + 1) & 0xffff, 0);
      socket.send(forged, from);
      socket.send(answer, from);
    },
  });
  context.after(() => socket.close());
  return { port: socket.port, asked };
}

test("an independent resolver reads the answers", async (context) => {
  const dns = await open(context, null);
  const asker = resolver(dns);
  const [address = ""] = await asker.resolve4("catalog");
  assert.match(address, /^127\.(12[89]|1[3-9]\d|2\d\d)\./);
  assert.deepEqual(await asker.reverse(address), ["catalog.shop.svc.cluster.local"]);
  assert.deepEqual((await asker.resolveTxt("catalog"))[0]?.slice(0, 1), ["service=catalog"]);
  await assert.rejects(asker.resolve6("catalog"), { code: "ENODATA" });
  await assert.rejects(asker.resolve4("nothing.shop.mesh"), { code: "ENOTFOUND" });
  assert.deepEqual(await asker.resolve4("localhost"), ["127.0.0.1"]);
  await assert.rejects(asker.resolve4("example.com"), { code: "EREFUSED" });
});

test("what does not fit a datagram says so, and comes whole over TCP", async (context) => {
  const dns = await open(context, null);
  const questions = [{ type: "A" as const, name: "MANY.shop.mesh" }];
  const short = packets.decode(
    await askUdp(dns, packets.encode({ type: "query", id: 7, questions })),
  );
  assert.equal(short.flag_tc, true);
  assert.equal(short.id, 7);
  assert.equal(short.questions?.[0]?.name, "MANY.shop.mesh", "spelled as asked");
  assert.equal(short.answers?.length, 0);
  // c-ares asks again over TCP by itself.
  assert.equal((await resolver(dns).resolve4("many.shop.mesh")).length, endpoints.length);
});

test("two questions in one TCP connection, in pieces, are both answered", async (context) => {
  const dns = await open(context, null);
  const query = (id: number): Buffer =>
    packets.streamEncode({ type: "query", id, questions: [{ type: "A", name: "catalog" }] });
  const bytes = Buffer.concat([query(1), query(2)]);
  const socket = connect(dns.port, "127.0.0.1");
  context.after(() => socket.destroy());
  for (const [from, to] of [
    [0, 1],
    [1, 20],
    [20, bytes.length],
  ] as const) {
    socket.write(bytes.subarray(from, to));
    await new Promise((resolve) => setImmediate(resolve));
  }
  let got = Buffer.alloc(0);
  const ids: number[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    got = Buffer.concat([got, chunk]);
    while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
      ids.push(packets.streamDecode(got)?.id ?? -1);
      got = got.subarray(2 + got.readUInt16BE(0));
    }
    if (ids.length === 2) break;
  }
  assert.deepEqual(
    ids.sort((a, b) => a - b),
    [1, 2],
  );
});

test("other names are asked of the host's servers, once while the answer holds", async (context) => {
  const server = await stub(context);
  const dns = await open(context, server.port);
  const asker = resolver(dns);
  assert.deepEqual(await asker.resolve4("www.example.com"), ["127.9.9.9"]);
  assert.deepEqual(await asker.resolve4("www.EXAMPLE.com"), ["127.9.9.9"]);
  await assert.rejects(asker.resolve4("no.such.test"), { code: "ENOTFOUND" });
  await assert.rejects(asker.resolve4("no.such.test"), { code: "ENOTFOUND" });
  assert.deepEqual(server.asked, ["www.example.com", "no.such.test"]);
});

test("another process takes the sockets: nothing that is asked is lost", {
  skip: canShareListeners() ? false : "without FFI there is none",
}, async (context) => {
  const held = new Inheritance();
  // The sockets are the next one's to close.
  const before = await open(context, null, held, false);
  const framedQuery = (id: number): Buffer =>
    packets.streamEncode({ type: "query", id, questions: [{ type: "A", name: "catalog" }] });
  const kept = connect({ host: "127.0.0.1", port: before.port });
  const ended = once(kept, "end");
  kept.write(framedQuery(1));
  await once(kept, "data");

  await before.retire();
  const waiting = askUdp(before, framedQuery(7).subarray(2));
  const last = once(kept, "data");
  kept.write(framedQuery(2));
  const after = await open(context, null, new Inheritance(held.handOn()));
  assert.equal(after.port, before.port);
  await after.begin();
  assert.equal(((await waiting)[3] ?? 15) & 15, 0, "what waited is answered");
  const [answer] = (await last) as [Buffer];
  assert.equal(answer.readUInt16BE(2), 2, "a kept connection ends with its next answer");
  await ended;
  await before.drained(5_000);
  assert.deepEqual((await resolver(after).resolve4("catalog")).length, 1);
});

test("bytes that are no question get the code for it, or silence", async (context) => {
  const dns = await open(context, null);
  const rcode = async (bytes: Buffer): Promise<number> => ((await askUdp(dns, bytes))[3] ?? 0) & 15;
  const question = { type: "A" as const, name: "catalog" };
  const query = packets.encode({ type: "query", id: 1, questions: [question] });
  assert.equal(await rcode(query.subarray(0, query.length - 3)), 1, "cut");
  const status = Buffer.from(query);
  status[2] = 0x10;
  assert.equal(await rcode(status), 4, "another opcode");
  const two = packets.encode({ type: "query", id: 1, questions: [question, question] });
  assert.equal(await rcode(two), 1, "two questions");
  const chaos = { ...question, class: "CH" as const };
  assert.equal(await rcode(packets.encode({ type: "query", id: 1, questions: [chaos] })), 5);
});
