// The delta client over simulated streams, against the real server: what it keeps over
// reconnections, when it comes back, what it accepts.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../messages/envoy/service/discovery/v3/discovery.js";
import { createXdsClient, type XdsClient, type XdsClientOptions } from "./client.ts";
import { peer, resource, Rig, type TypeName, typeNameOf, type Wanted } from "./rig.test.ts";
import { typeUrls } from "./resource-types.ts";
import { type SimStreamEnd, simStreamPair } from "./sim/stream.ts";
import { type Status, StatusCode } from "./status.ts";

/** A client of the rig's server that writes down what reaches its handler. */
class ProxyClient {
  readonly updates: string[] = [];
  readonly versions: string[] = [];
  readonly requests: DeltaDiscoveryRequest[] = [];
  readonly retries: number[] = [];
  readonly client: XdsClient;
  refuse: (type: TypeName, changed: readonly string[]) => string | null = () => null;
  during: (type: TypeName) => void = () => undefined;
  isAway = false;
  ends: SimStreamEnd<Uint8Array, Uint8Array> | null = null;
  readonly #rig: Rig;

  constructor(rig: Rig, options: Partial<XdsClientOptions> = {}) {
    this.#rig = rig;
    this.client = createXdsClient({
      runtime: rig.runtime,
      node: { id: "shop/web-aaaaa" } as never,
      connect: () => this.#connect(),
      handler: {
        onUpdate: (typeUrl, changed, removed, version) => {
          const type = typeNameOf(typeUrl);
          const names = changed.map((update) => update.name);
          this.updates.push(`${type} +${names.join(",")} -${removed.join(",")}`);
          this.versions.push(version);
          this.during(type);
          return this.refuse(type, names);
        },
        onConnected: () => this.updates.push("connected"),
        onDisconnected: (status, retryMs) => {
          this.updates.push(`disconnected ${status?.message ?? "OK"}`);
          this.retries.push(retryMs);
        },
      },
      ...options,
    });
  }

  #connect(): SimStreamEnd<Uint8Array, Uint8Array> {
    if (this.isAway) throw new Error("away");
    const pair = simStreamPair({ timers: this.#rig.clock });
    this.ends = pair.client;
    this.#rig.server.delta(pair.server, peer);
    const send = pair.client.send.bind(pair.client);
    pair.client.send = (message) => {
      this.requests.push(DeltaDiscoveryRequest.decode(message));
      return send(message);
    };
    return pair.client;
  }

  take(): string[] {
    return this.updates.splice(0);
  }
}

const lost: Status = { code: StatusCode.unavailable, message: "line cut" };
const wanted: Wanted = { cluster: { a: "eds=e" }, endpoint: { e: "1" } };

test("subscriptions made while an update is handled leave before its acknowledgement", () => {
  const rig = new Rig();
  rig.publish("1", wanted);
  const sidecar = new ProxyClient(rig);
  sidecar.during = (type) => {
    if (type === "cluster") sidecar.client.subscribe(typeUrls.endpoint, ["e"]);
  };
  sidecar.client.subscribe(typeUrls.cluster, "*");
  assert.equal(sidecar.client.isAnswered, false);
  rig.run(100);
  assert.deepEqual(sidecar.take(), ["connected", "cluster +a -", "endpoint +e -"]);
  assert.deepEqual(sidecar.versions, ["1", "1"]);
  const told = sidecar.requests.map(
    (request) => `${typeNameOf(request.typeUrl)} ${request.responseNonce || "asks"}`,
  );
  assert.deepEqual(told, ["cluster asks", "endpoint asks", "cluster 1", "endpoint 2"]);
  assert.deepEqual(
    sidecar.requests.map((request) => request.node !== undefined),
    [true, false, false, false],
  );
  assert.equal(sidecar.client.isAnswered, true);
  assert.equal(sidecar.client.isConnected, true);
});

test("after a lost stream it says what it holds and gets differences only", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static", b: "static" }, endpoint: { e: "1" } });
  const sidecar = new ProxyClient(rig);
  sidecar.client.subscribe(typeUrls.cluster, "*");
  sidecar.client.subscribe(typeUrls.endpoint, ["e", "gone"]);
  rig.run(100);
  sidecar.take();
  sidecar.requests.length = 0;
  sidecar.ends?.cut(lost);
  assert.deepEqual(sidecar.take(), ["disconnected line cut"]);
  assert.equal(sidecar.client.isConnected, false);
  rig.publish("2", { cluster: { a: "static 2", c: "static" }, endpoint: { e: "1" } });
  rig.run(5000);
  assert.deepEqual(sidecar.take(), [
    "connected",
    "cluster +a,c -",
    "endpoint + -gone",
    "cluster + -b",
  ]);
  assert.deepEqual(Object.keys(sidecar.requests[0]?.initialResourceVersions ?? {}), ["a", "b"]);
  assert.deepEqual([...sidecar.client.versions(typeUrls.cluster).keys()], ["a", "c"]);
});

test("versions held from disk are brought to the first stream", () => {
  const rig = new Rig();
  rig.publish("1", wanted);
  const a = resource("cluster", "a", "eds=e").version;
  const held = new Map([[typeUrls.cluster as string, new Map([["a", a]])]]);
  const sidecar = new ProxyClient(rig, { held });
  sidecar.client.subscribe(typeUrls.cluster, "*");
  assert.equal(sidecar.client.isAnswered, true, "the snapshot on disk is complete");
  rig.run(3000);
  assert.deepEqual(sidecar.take(), []);
});

test("a refusal keeps the old version, and is told once", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" } });
  const sidecar = new ProxyClient(rig);
  sidecar.client.subscribe(typeUrls.cluster, "*");
  rig.run(100);
  const good = sidecar.client.versions(typeUrls.cluster).get("a");
  sidecar.refuse = () => "a is bad";
  rig.publish("2", { cluster: { a: "bad" } });
  rig.run(60_000);
  assert.deepEqual(sidecar.take(), ["connected", "cluster +a -", "cluster +a -"]);
  assert.equal(sidecar.client.versions(typeUrls.cluster).get("a"), good);
  assert.deepEqual(rig.events.at(-1), "nack Cluster 2 a is bad [a]");
  assert.equal(sidecar.requests.at(-1)?.errorDetail?.message, "a is bad");
});

test("one bad resource of many does not keep the others from it", () => {
  const rig = new Rig();
  const clusters: Record<string, string> = {};
  for (let at = 0; at < 64; at++) clusters[`c${at}`] = "static";
  rig.publish("1", { cluster: clusters });
  const sidecar = new ProxyClient(rig);
  sidecar.refuse = (_, changed) => (changed.includes("c42") ? "c42 is bad" : null);
  sidecar.client.subscribe(typeUrls.cluster, "*");
  rig.run(1000);
  assert.equal(sidecar.client.versions(typeUrls.cluster).size, 63);
  assert.equal(sidecar.client.versions(typeUrls.cluster).has("c42"), false);
});

test("it comes back with growing, jittered pauses, and at once quick again after success", () => {
  const rig = new Rig();
  rig.publish("1", wanted);
  const sidecar = new ProxyClient(rig);
  sidecar.client.subscribe(typeUrls.cluster, "*");
  sidecar.isAway = true;
  rig.run(300_000);
  const { retries } = sidecar;
  assert.ok(retries.length > 10);
  retries.forEach((retryMs, at) => {
    const mean = Math.min(15_000, 500 * 1.6 ** at);
    assert.ok(retryMs >= mean * 0.5 && retryMs <= mean * 1.5, `${at}: ${retryMs}`);
  });
  assert.ok(new Set(retries.slice(-5)).size === 5, "jittered at the ceiling too");
  sidecar.isAway = false;
  rig.run(30_000);
  assert.equal(sidecar.client.isConnected, true);
  sidecar.ends?.cut(lost);
  assert.ok((retries.at(-1) ?? 0) <= 750);
});

test("fifty clients of a lost server do not return together", () => {
  const rig = new Rig();
  rig.publish("1", wanted);
  const sidecars = Array.from({ length: 50 }, () => new ProxyClient(rig));
  for (const { client } of sidecars) client.subscribe(typeUrls.cluster, "*");
  rig.run(100);
  for (const sidecar of sidecars) sidecar.ends?.cut(lost);
  const buckets = new Map<number, number>();
  for (const [retryMs] of sidecars.map(({ retries }) => retries)) {
    const bucket = Math.floor((retryMs ?? 0) / 50);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  assert.ok(buckets.size >= 8 && Math.max(...buckets.values()) <= 15);
});

test("unsubscribing forgets: what comes late does not reach the handler", () => {
  const rig = new Rig();
  rig.publish("1", { endpoint: { e: "1", f: "1" } });
  const sidecar = new ProxyClient(rig);
  sidecar.client.subscribe(typeUrls.endpoint, ["e", "f"]);
  rig.run(100);
  sidecar.take();
  sidecar.client.unsubscribe(typeUrls.endpoint, ["f"]);
  rig.publish("2", { endpoint: { e: "2", f: "2" } });
  rig.run(100);
  assert.deepEqual(sidecar.take(), ["endpoint +e -"]);
  assert.deepEqual([...sidecar.client.versions(typeUrls.endpoint).keys()], ["e"]);
  sidecar.client.subscribe(typeUrls.endpoint, ["f"]);
  rig.run(100);
  assert.deepEqual(sidecar.take(), ["endpoint +f -"]);
});

test("a response with a name twice, of another type, or that is no response", () => {
  const rig = new Rig();
  const pair = simStreamPair({ timers: rig.clock });
  const sidecar = new ProxyClient(rig, { connect: () => pair.client });
  const answers: DeltaDiscoveryRequest[] = [];
  let end: Status | null | undefined;
  pair.server.begin({
    onMessage: (bytes) => answers.push(DeltaDiscoveryRequest.decode(bytes)),
    onDrain: () => undefined,
    onEnd: (status) => {
      end = status;
    },
  });
  sidecar.client.subscribe(typeUrls.cluster, "*");
  rig.run(100);
  const any = { typeUrl: typeUrls.cluster, value: Buffer.alloc(0) };
  const respond = (resources: object[]): string | undefined => {
    const message = { typeUrl: typeUrls.cluster, nonce: "n", resources };
    const bytes = DeltaDiscoveryResponse.encode(DeltaDiscoveryResponse.fromPartial(message));
    pair.server.send(bytes.finish());
    rig.run(100);
    return answers.at(-1)?.errorDetail?.message;
  };
  assert.match(
    respond([
      { name: "a", resource: any },
      { name: "a", resource: any },
    ]) ?? "",
    /twice/,
  );
  assert.match(respond([{ name: "a", resource: { ...any, typeUrl: "x" } }]) ?? "", /not a/);
  assert.equal(respond([{ name: "a", version: "1", resource: any }]), undefined);
  pair.server.send(Buffer.from([0x0a, 0xff]));
  rig.run(100);
  assert.equal(end?.code, StatusCode.internal);
  assert.deepEqual(sidecar.take(), [
    "connected",
    "cluster +a -",
    "disconnected not a discovery response",
  ]);
});

test("closing ends the stream, and nothing is tried again", () => {
  const rig = new Rig();
  rig.publish("1", wanted);
  const sidecar = new ProxyClient(rig);
  sidecar.client.subscribe(typeUrls.cluster, "*");
  rig.run(100);
  sidecar.client.close();
  rig.run(60_000);
  assert.equal(rig.server.figures().streams, 0);
  assert.deepEqual(sidecar.take(), ["connected", "cluster +a -"]);
});
