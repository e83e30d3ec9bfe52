// The protocol rules X01-X14 of packages/xds/rules.md, each against the server over a simulated
// stream.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Node } from "../messages/envoy/config/core/v3/base.js";
import { DiscoveryRequest } from "../messages/envoy/service/discovery/v3/discovery.js";
import { resource, Rig, typesOf } from "./rig.test.ts";
import { typeUrls } from "./resource-types.ts";
import { StatusCode } from "./status.ts";

test("X01 a refusal is an error_detail, never a version that differs", () => {
  const rig = new Rig();
  rig.publish("1", { endpoint: { a: "1", b: "1" } });
  const client = rig.sotw();
  const [first] = client.ask({ type: "endpoint", names: ["a"] });
  // The client adds a name; its version_info is not the one of the response, and there is no error.
  const next = client.ask({
    type: "endpoint",
    names: ["a", "b"],
    version: "something else",
    nonce: first?.nonce ?? "",
  });
  assert.deepEqual(next[0]?.resources, { b: "1" });
  assert.deepEqual(rig.events, ["ack ClusterLoadAssignment 1"]);
  client.ask({
    type: "endpoint",
    names: ["a", "b"],
    version: first?.version ?? "",
    nonce: next[0]?.nonce ?? "",
    error: "b is bad",
  });
  assert.deepEqual(rig.events.slice(1), ["nack ClusterLoadAssignment 1 b is bad [b]"]);
});

test("X02 state of the world: a request with an old nonce is ignored", () => {
  const rig = new Rig();
  rig.publish("1", { endpoint: { a: "1" } });
  const client = rig.sotw();
  const [first] = client.ask({ type: "endpoint", names: ["a"] });
  assert.ok(first);
  client.ack(first, ["a"]);
  rig.publish("2", { endpoint: { a: "2", b: "1" } });
  const [second] = client.take();
  assert.deepEqual(second?.resources, { a: "2" });
  // Written before the second response arrived: the nonce is old, so the names do not count either.
  assert.deepEqual(client.ack(first, ["b"]), []);
  assert.deepEqual(client.ask({ type: "endpoint", names: ["b"] }), []);
  assert.deepEqual(client.ack(second, ["a"]), [], "a was never given up, b never asked for");
  assert.deepEqual(client.ack(second, ["a", "b"])[0]?.resources, { b: "1" });
});

test("X02 delta: an old nonce does not suppress a change of subscription", () => {
  const rig = new Rig();
  rig.publish("1", { endpoint: { a: "1", b: "1" } });
  const client = rig.delta();
  const [first] = client.ask({ type: "endpoint", add: ["a"] });
  client.ack(first);
  rig.publish("2", { endpoint: { a: "2", b: "1" } });
  const [second] = client.take();
  assert.deepEqual(second?.resources, { a: "2" });
  client.ask({ type: "endpoint", add: ["b"], nonce: first?.nonce ?? "" });
  assert.deepEqual(rig.events.slice(1), [], "the old nonce acknowledges nothing");
  assert.deepEqual(client.ack(second)[0]?.resources, { b: "1" });
});

test("X03 versions outlive a stream; only an unchanged pure wildcard is not sent again", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" }, endpoint: { e: "1" } });
  const one = rig.sotw();
  const [clusters] = one.ask({ type: "cluster", names: [] });
  const [endpoints] = one.ask({ type: "endpoint", names: ["e"] });
  assert.deepEqual(clusters?.resources, { a: "static" });
  one.stream.close();
  const two = rig.sotw();
  assert.deepEqual(two.ask({ type: "cluster", names: [], version: clusters?.version ?? "" }), []);
  const again = two.ask({ type: "endpoint", names: ["e"], version: endpoints?.version ?? "" });
  assert.deepEqual(again[0]?.resources, { e: "1" }, "named subscriptions are always answered");
  assert.equal(again[0]?.nonce, "1", "nonces start anew");
  rig.publish("2", { cluster: { a: "static 2" }, endpoint: { e: "1" } });
  assert.deepEqual(two.take()[0]?.resources, { a: "static 2" });
  const three = rig.sotw();
  const fresh = three.ask({ type: "cluster", names: [], version: clusters?.version ?? "" });
  assert.deepEqual(fresh[0]?.resources, { a: "static 2" }, "an old version is brought up to date");
});

test("X03 the version a client brings also counts when it comes before the first sync", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" } });
  const [clusters] = rig.sotw().ask({ type: "cluster", names: [] });
  const restarted = new Rig();
  const client = restarted.sotw();
  const version = clusters?.version ?? "";
  assert.deepEqual(client.ask({ type: "cluster", names: [], version }), []);
  restarted.publish("7", { cluster: { a: "static" } });
  assert.deepEqual(client.take(), []);
});

test("X04 the node of the first request is kept; a request without a type is refused", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" }, endpoint: { e: "1" } });
  const client = rig.delta();
  client.ask({ type: "cluster" });
  client.ask({ type: "endpoint", add: ["e"] });
  assert.deepEqual(rig.server.report()[0]?.client?.node.id, "shop/web-aaaaa");
  const untyped = rig.delta();
  untyped.ask({});
  assert.equal(untyped.ended?.code, StatusCode.invalidArgument);
  const nameless = rig.sotw();
  nameless.stream.send(
    DiscoveryRequest.encode(
      DiscoveryRequest.fromPartial({
        typeUrl: typeUrls.cluster,
      }),
    ).finish(),
  );
  rig.run();
  assert.equal(nameless.ended?.code, StatusCode.invalidArgument);
});

test("neighbouring versions: fields the server does not know are read past", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" } });
  const client = rig.delta();
  const strange = new BinaryWriter()
    .uint32((900 << 3) + 2)
    .string("later")
    .finish();
  const node = Buffer.concat([Node.encode(Node.fromPartial({ id: "shop/web" })).finish(), strange]);
  const request = new BinaryWriter().uint32(10).bytes(node).uint32(18).string(typeUrls.cluster);
  client.stream.send(Buffer.concat([request.finish(), strange]));
  rig.run();
  assert.deepEqual(client.take()[0]?.resources, { a: "static" });
  assert.equal(rig.server.report()[0]?.client?.node.id, "shop/web");
});

test("bytes that are no request end the stream with a status", () => {
  const rig = new Rig();
  for (const client of [rig.delta(), rig.sotw()]) {
    client.stream.send(Buffer.from([0x0a, 0xff, 0xff]));
    rig.run();
    assert.equal(client.ended?.code, StatusCode.invalidArgument);
  }
});

test("a stream may not ask for types or names without end", () => {
  const rig = new Rig({ typesMax: 2, namesMax: 3 });
  const client = rig.delta();
  client.ask({ type: "cluster" });
  client.ask({ type: "endpoint", add: ["a", "b"] });
  client.ask({ type: "route", add: ["r"] });
  assert.equal(client.ended?.code, StatusCode.resourceExhausted);
  const greedy = rig.delta();
  greedy.ask({ type: "endpoint", add: ["a", "b"] });
  greedy.ask({ type: "endpoint", add: ["c", "d"] });
  assert.equal(greedy.ended?.code, StatusCode.resourceExhausted);
});

test("X05 each type is a substream of its own", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" }, endpoint: { e: "1" }, secret: { s: "1" } });
  const client = rig.delta();
  const [clusters] = client.ask({ type: "cluster" });
  const [endpoints] = client.ask({ type: "endpoint", add: ["e"] });
  const [secrets] = client.ask({ type: "secret", add: ["s"] });
  // The cluster response stays unanswered; the other types go on.
  client.ack(endpoints);
  client.nack(secrets, "no");
  rig.publish("2", { cluster: { a: "static 2" }, endpoint: { e: "2" }, secret: { s: "1" } });
  assert.deepEqual(typesOf(client.take()), ["endpoint"]);
  assert.deepEqual(client.ack(clusters)[0]?.resources, { a: "static 2" });
});

for (const transport of ["delta", "sotw"] as const) {
  test(`X06 ${transport}: an acknowledgement or an unrelated change earns no response`, () => {
    const rig = new Rig();
    rig.publish("1", { endpoint: { a: "1", b: "1" } });
    if (transport === "delta") {
      const client = rig.delta();
      const [first] = client.ask({ type: "endpoint", add: ["a"] });
      assert.deepEqual(client.ack(first), []);
      rig.publish("2", { endpoint: { a: "1", b: "2" } });
      assert.deepEqual(client.take(), []);
    } else {
      const client = rig.sotw();
      const [first] = client.ask({ type: "endpoint", names: ["a"] });
      assert.deepEqual(client.ack(first, ["a"]), []);
      rig.publish("2", { endpoint: { a: "1", b: "2" } });
      assert.deepEqual(client.take(), []);
      // Dropped and asked for again: sent again, although this stream has sent it before.
      assert.deepEqual(client.ack(first, []), []);
      assert.deepEqual(client.ack(first, ["a"])[0]?.resources, { a: "1" });
    }
  });

  test(`X07 ${transport}: nothing is sent before the first sync, then even an empty answer`, () => {
    const rig = new Rig();
    const delta = rig.delta();
    const sotw = rig.sotw();
    if (transport === "delta") delta.post({ type: "cluster" });
    else sotw.post({ type: "cluster", names: [] });
    const client = transport === "delta" ? delta : sotw;
    rig.run(60_000);
    assert.deepEqual(client.take(), []);
    rig.publish("1", {});
    const seen = client.take();
    assert.deepEqual(typesOf(seen), ["cluster"]);
    assert.deepEqual(seen[0]?.resources, {});
  });
}

test("X07 state of the world: clusters and listeners are always listed whole", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static", b: "static" } });
  const client = rig.sotw();
  client.ask({ type: "listener", names: [] });
  client.ask({ type: "route", names: ["r"] });
  const first = client.ask({ type: "cluster", names: [] });
  assert.deepEqual(first[0]?.resources, { a: "static", b: "static" });
  client.ack(first[0], []);
  rig.publish("2", { cluster: { a: "static", b: "static 2", c: "static" } });
  const second = client.take();
  assert.deepEqual(second[0]?.resources, { a: "static", b: "static 2", c: "static" });
});

test("X08 state of the world: other types come in parts, and absence deletes nothing", () => {
  const rig = new Rig();
  rig.publish("1", { endpoint: { a: "1", b: "1" }, route: { r: "1" } });
  const client = rig.sotw();
  const [first] = client.ask({ type: "endpoint", names: ["a", "b"] });
  assert.deepEqual(first?.resources, { a: "1", b: "1" });
  client.ack(first, ["a", "b"]);
  rig.publish("2", { endpoint: { a: "1", b: "2" }, route: { r: "1" } });
  const [second] = client.take();
  assert.deepEqual(second?.resources, { b: "2" });
  client.ack(second, ["a", "b"]);
  const [routes] = client.ask({ type: "route", names: ["r"] });
  client.ack(routes, ["r"]);
  rig.publish("3", { endpoint: { a: "1", b: "2" } });
  rig.run(10_000);
  assert.deepEqual(client.take(), [], "a route goes with its listener, not by an empty response");
});

test("X09 a name occurs once in a response, however often it was asked for and changed", () => {
  const rig = new Rig();
  rig.publish("1", { endpoint: { a: "1" } });
  const client = rig.delta();
  client.post({ type: "endpoint", add: ["a", "a"] });
  const [first] = client.ask({ type: "endpoint", add: ["a"] });
  assert.deepEqual(first?.resources, { a: "1" });
  rig.publish("2", { endpoint: { a: "2" } });
  rig.publish("3", { endpoint: { a: "3" } });
  // Reading a response throws when a name occurs twice.
  assert.deepEqual(client.ack(first)[0]?.resources, { a: "3" });
});

test("X10 state of the world: an empty list means everything only until a name was given", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static", b: "static" } });
  const legacy = rig.sotw();
  const [all] = legacy.ask({ type: "cluster", names: [] });
  assert.deepEqual(Object.keys(all?.resources ?? {}), ["a", "b"]);
  const [named] = legacy.ack(all, ["b"]);
  assert.deepEqual(Object.keys(named?.resources ?? {}), ["b"], "the wildcard ends with a name");
  assert.deepEqual(legacy.ack(named, []), [], "now empty means nothing");
  rig.publish("2", { cluster: { a: "static 2", b: "static 2" } });
  assert.deepEqual(legacy.take(), []);
  const star = rig.sotw();
  const [both] = star.ask({ type: "cluster", names: ["*", "a"] });
  assert.deepEqual(Object.keys(both?.resources ?? {}), ["a", "b"]);
  star.ack(both, ["a"]);
  rig.publish("3", { cluster: { a: "static 2", b: "static 3" } });
  assert.deepEqual(star.take(), [], "{*, a} then {a}: b is not subscribed any more");
  rig.publish("4", { cluster: { a: "static 4", b: "static 3" } });
  assert.deepEqual(star.take()[0]?.resources, { a: "static 4" });
});

test("X10 delta: wildcard by an empty first list or *, and names beside it", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static", b: "static" }, endpoint: { a: "1" } });
  const client = rig.delta();
  const [all] = client.ask({ type: "cluster" });
  assert.deepEqual(Object.keys(all?.resources ?? {}), ["a", "b"]);
  client.ack(all);
  assert.deepEqual(Object.keys(client.ask({ type: "cluster", add: ["a"] })[0]?.resources ?? {}), [
    "a",
  ]);
  assert.deepEqual(client.ask({ type: "endpoint" }), []);
  const star = rig.delta();
  const [some] = star.ask({ type: "cluster", add: ["b"] });
  assert.deepEqual(Object.keys(some?.resources ?? {}), ["b"]);
  star.ack(some);
  const [rest] = star.ask({ type: "cluster", add: ["*"] });
  assert.deepEqual(Object.keys(rest?.resources ?? {}), ["a"], "b is there already");
  star.ack(rest);
  star.ask({ type: "cluster", drop: ["*"] });
  rig.publish("2", { cluster: { a: "static 2", b: "static 2" }, endpoint: { a: "1" } });
  assert.deepEqual(Object.keys(star.take()[0]?.resources ?? {}), ["b"]);
});

test("X11 delta: what does not exist is said at once, every re-subscription is answered", () => {
  const rig = new Rig();
  rig.publish("1", { endpoint: { a: "1" } });
  const client = rig.delta();
  const [first] = client.ask({ type: "endpoint", add: ["a", "ghost"] });
  assert.deepEqual(first?.resources, { a: "1" });
  assert.deepEqual(first?.removed, ["ghost"]);
  client.ack(first);
  const [again] = client.ask({ type: "endpoint", add: ["a"] });
  assert.deepEqual(again?.resources, { a: "1" });
  client.ack(again);
  const [ghost] = client.ask({ type: "endpoint", add: ["ghost"] });
  assert.deepEqual(ghost?.removed, ["ghost"]);
  client.ack(ghost);
  assert.deepEqual(client.ask({ type: "endpoint", drop: ["never", "asked"] }), []);
  rig.publish("2", { endpoint: {} });
  rig.run(5000);
  assert.deepEqual(client.take()[0]?.removed, ["a"], "a deletion");
});

test("X12 delta: a name given up while the wildcard stays is answered", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" } });
  const client = rig.delta();
  const [first] = client.ask({ type: "cluster", add: ["*", "a", "ghost"] });
  assert.deepEqual(first?.removed, ["ghost"]);
  client.ack(first);
  const [still] = client.ask({ type: "cluster", drop: ["a"] });
  assert.deepEqual(still?.resources, { a: "static" });
  client.ack(still);
  const [gone] = client.ask({ type: "cluster", drop: ["ghost"] });
  assert.deepEqual(gone?.removed, ["ghost"]);
});

test("X13 delta: a reconnected client gets the differences, and what vanished meanwhile", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static", b: "static 2", d: "static" }, endpoint: { e: "1" } });
  const client = rig.delta();
  const held = {
    a: resource("cluster", "a", "static").version,
    b: resource("cluster", "b", "static 1").version,
    c: resource("cluster", "c", "static").version,
  };
  const [first] = client.ask({ type: "cluster", add: ["*"], held });
  assert.deepEqual(first?.resources, { b: "static 2", d: "static" });
  client.ack(first);
  rig.run(3000);
  assert.deepEqual(client.take()[0]?.removed, ["c"]);
  const same = { e: resource("endpoint", "e", "1").version };
  assert.deepEqual(client.ask({ type: "endpoint", add: ["e"], held: same }), []);
  rig.publish("2", { cluster: { a: "static", b: "static 2", d: "static" }, endpoint: { e: "2" } });
  assert.deepEqual(client.take()[0]?.resources, { e: "2" });
});

test("X14 a name that does not exist yet is sent when it appears", () => {
  const rig = new Rig();
  rig.publish("1", { route: {} });
  const delta = rig.delta();
  const [none] = delta.ask({ type: "route", add: ["later"] });
  assert.deepEqual(none?.removed, ["later"]);
  delta.ack(none);
  const sotw = rig.sotw();
  assert.deepEqual(sotw.ask({ type: "route", names: ["later"] }), []);
  rig.publish("2", { route: { later: "1" } });
  assert.deepEqual(delta.take()[0]?.resources, { later: "1" });
  assert.deepEqual(sotw.take()[0]?.resources, { later: "1" });
});
