// The relay between a client and the real server over simulated streams: what is said on one side
// is heard on the other, and what was acknowledged is there while the server is away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createXdsClient, type XdsClient } from "./client.ts";
import { createXdsRelay, type HeldResources, type XdsRelay } from "./relay.ts";
import { typeUrls } from "./resource-types.ts";
import { peer, Rig, typeNameOf } from "./rig.test.ts";
import { type SimStreamEnd, simStreamPair } from "./sim/stream.ts";
import { StatusCode } from "./status.ts";

/** A proxy behind a relay to the rig's server. */
class Relayed {
  readonly rig = new Rig();
  readonly relay: XdsRelay;
  readonly updates: string[] = [];
  readonly nacks: string[] = [];
  refuse: (names: readonly string[]) => string | null = () => null;
  isAway = false;
  client: XdsClient | null = null;
  #upstream: SimStreamEnd<Uint8Array, Uint8Array> | null = null;

  constructor() {
    const { clock, runtime, server } = this.rig;
    this.relay = createXdsRelay({
      runtime,
      connect: () => {
        if (this.isAway) throw new Error("away");
        const pair = simStreamPair({ timers: clock });
        this.#upstream = pair.client;
        server.delta(pair.server, peer);
        return pair.client;
      },
      onHeld: () => undefined,
      onNack: (_, reason) => this.nacks.push(reason),
    });
  }

  /** A proxy that runs nothing yet. */
  begin(): void {
    this.client?.close();
    this.updates.length = 0;
    this.client = createXdsClient({
      runtime: this.rig.runtime,
      node: { id: "shop/web-aaaaa" } as never,
      connect: () => {
        const pair = simStreamPair({ timers: this.rig.clock });
        this.relay.serve(pair.server, peer);
        return pair.client;
      },
      handler: {
        onUpdate: (typeUrl, changed, removed) => {
          const names = changed.map(({ name }) => name);
          this.updates.push(`${typeNameOf(typeUrl)} +${names.join(",")} -${removed.join(",")}`);
          return this.refuse(names);
        },
      },
      backoff: { firstMs: 100, maxMs: 100 },
    });
    this.client.subscribe(typeUrls.cluster, "*");
    this.client.subscribe(typeUrls.listener, "*");
    this.rig.run(500);
  }

  lose(): void {
    this.isAway = true;
    this.relay.link(false);
    this.#upstream?.cut({ code: StatusCode.unavailable, message: "lost" });
    this.rig.run(500);
  }

  find(): void {
    this.isAway = false;
    this.relay.link(true);
    this.rig.run(5_000);
  }

  held(): string[] {
    const names = [...this.relay.held.values()].flatMap((kept) => [...kept.keys()]);
    return names.sort();
  }
}

const two = { cluster: { a: "static" }, listener: { outbound: "1" } };

test("answers of the proxy reach the server as they are, and only what it took is kept", () => {
  const relayed = new Relayed();
  relayed.relay.link(true);
  relayed.rig.publish("v1", two);
  relayed.begin();
  assert.deepEqual(relayed.updates, ["cluster +a -", "listener +outbound -"]);
  assert.deepEqual(relayed.held(), ["a", "outbound"]);
  assert.ok(relayed.rig.events.includes("applied v1"), relayed.rig.events.join());
  const before = relayed.relay.version;
  relayed.refuse = (names) => (names.includes("bad") ? "no such thing" : null);
  relayed.rig.publish("v2", { ...two, cluster: { a: "static", bad: "static" } });
  relayed.rig.run(500);
  assert.ok(
    relayed.rig.events.some((event) => event.startsWith("nack Cluster v2 no such thing")),
    relayed.rig.events.join(),
  );
  assert.deepEqual(relayed.nacks, ["no such thing"]);
  assert.deepEqual(relayed.held(), ["a", "outbound"]);
  assert.equal(relayed.relay.version, before);
});

test("a new proxy is served from what is kept while the server is away", () => {
  const relayed = new Relayed();
  relayed.relay.link(true);
  relayed.rig.publish("v1", two);
  relayed.begin();
  relayed.lose();
  relayed.begin();
  assert.deepEqual(relayed.updates, ["cluster +a -", "listener +outbound -"]);
  assert.equal(relayed.client?.isConnected, true);
  // The server hears the versions that are held and sends differences only.
  relayed.rig.publish("v2", { ...two, listener: { outbound: "2" } });
  relayed.updates.length = 0;
  relayed.find();
  assert.deepEqual(relayed.updates, ["listener +outbound -"]);
  assert.ok(relayed.rig.events.includes("applied v2"), relayed.rig.events.join());
});

test("what an earlier life kept is served until the server is there, then forgotten", () => {
  const earlier = new Relayed();
  earlier.relay.link(true);
  earlier.rig.publish("v1", { ...two, cluster: { a: "static", old: "static" } });
  earlier.begin();
  const kept: HeldResources = earlier.relay.held;
  const relayed = new Relayed();
  relayed.isAway = true;
  relayed.begin();
  assert.deepEqual(relayed.updates, []);
  relayed.relay.load(kept);
  relayed.rig.run(500);
  assert.deepEqual(relayed.updates, ["cluster +a,old -", "listener +outbound -"]);
  assert.equal(relayed.relay.version, earlier.relay.version);
  relayed.rig.publish("v2", two);
  relayed.find();
  assert.deepEqual(relayed.held(), ["a", "outbound"]);
  // A proxy that starts anew brings nothing: what it is not sent is not kept.
  relayed.rig.publish("v3", { cluster: { b: "static" }, listener: { outbound: "1" } });
  relayed.client?.close();
  relayed.rig.run(500);
  relayed.relay.load(kept);
  relayed.begin();
  relayed.rig.run(3_000);
  assert.deepEqual(relayed.held(), ["b", "outbound"]);
});

test("a proxy that stops asking for a name is not kept one", () => {
  const relayed = new Relayed();
  relayed.relay.link(true);
  relayed.rig.publish("v1", { ...two, endpoint: { e: "1" } });
  relayed.begin();
  relayed.client?.subscribe(typeUrls.endpoint, ["e"]);
  relayed.rig.run(500);
  assert.deepEqual(relayed.held(), ["a", "e", "outbound"]);
  relayed.client?.unsubscribe(typeUrls.endpoint, ["e"]);
  relayed.rig.run(500);
  assert.deepEqual(relayed.held(), ["a", "outbound"]);
});
