// The rules of order and pace, X15-X21 and X26 of packages/xds/rules.md, against the server over a
// simulated stream.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeltaRaw, only, Rig, type Seen, typesOf, type Wanted } from "./rig.test.ts";
import { StatusCode } from "./status.ts";

/** Subscribes to everything a sidecar does and acknowledges until nothing comes. */
function settle(client: DeltaRaw, seen: Seen[]): Seen[] {
  const all: Seen[] = [];
  for (let next = seen; next.length > 0; ) {
    all.push(...next);
    next = next.flatMap((response) => client.ack(response));
  }
  return all;
}

function sidecar(rig: Rig, names: { endpoint?: string[]; route?: string[] } = {}): DeltaRaw {
  const client = rig.delta();
  client.post({ type: "cluster", add: ["*"] });
  client.post({ type: "endpoint", add: names.endpoint ?? ["e"] });
  client.post({ type: "listener", add: ["*"] });
  client.post({ type: "route", add: names.route ?? ["r"] });
  rig.run();
  settle(client, client.take());
  return client;
}

const base: Wanted = {
  cluster: { a: "eds=e" },
  endpoint: { e: "1" },
  listener: { l: "1" },
  route: { r: "1" },
};

test("X15 one unanswered response per type; meanwhile the latest wins", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", { ...base, endpoint: { e: "2" } });
  const [second] = client.take();
  for (let version = 3; version <= 20; version++) {
    rig.publish(String(version), { ...base, endpoint: { e: String(version) } });
  }
  assert.deepEqual(client.take(), []);
  assert.deepEqual(client.ack(second)[0]?.resources, { e: "20" });
});

test("X15 snapshots of one turn make one response", () => {
  const rig = new Rig();
  rig.choose = null;
  rig.publish("1", base);
  const client = sidecar(rig);
  const before = rig.server.figures().responses;
  rig.run = () => undefined;
  for (const version of ["2", "3", "4"]) {
    rig.publish(version, { ...base, endpoint: { e: version } });
  }
  rig.clock.advance(10);
  assert.deepEqual(client.take()[0]?.resources, { e: "4" });
  assert.equal(rig.server.figures().responses, before + 1);
});

test("X15 a client that does not answer is slow, not failed: the rest goes on", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", { ...base, route: { r: "2" } });
  const [routes] = client.take();
  rig.run(11_000);
  const slow = rig.server.report()[0]?.types.filter((type) => type.isSlow);
  assert.deepEqual(
    slow?.map((type) => type.typeUrl.split(".").at(-1)),
    ["RouteConfiguration"],
  );
  rig.publish("3", { ...base, endpoint: { e: "3" }, route: { r: "3" } });
  assert.deepEqual(client.take()[0]?.resources, { e: "3" });
  assert.equal(client.ended, undefined);
  assert.deepEqual(client.ack(routes)[0]?.resources, { r: "3" });
  assert.equal(
    rig.server.report()[0]?.types.some((type) => type.isSlow),
    false,
  );
});

test("X15 a queue holds one response over its mark; unread for long, it ends", () => {
  const big = "x".repeat(6000);
  const rig = new Rig({ stallTimeoutMs: 30_000 });
  rig.publish("1", {
    cluster: { a: `static ${big}` },
    secret: { s: big, t: big },
    endpoint: { e: big },
  });
  const client = rig.delta(10_000);
  client.stream.pause();
  client.post({ type: "cluster", add: ["*"] });
  client.post({ type: "endpoint", add: ["e"] });
  client.post({ type: "secret", add: ["s"] });
  rig.run(1000);
  const queued = rig.server.report()[0]?.queuedBytes ?? 0;
  assert.ok(queued > 10_000 && queued < 17_000, `${queued} bytes`);
  client.stream.resume();
  rig.run(1000);
  assert.deepEqual(typesOf(client.take()).sort(), ["cluster", "endpoint", "secret"]);
  client.stream.pause();
  for (const name of ["t", "s", "t"]) client.post({ type: "secret", add: [name], nonce: "3" });
  client.post({ type: "endpoint", add: ["e"], nonce: "2" });
  client.post({ type: "cluster", add: ["a"], nonce: "1" });
  rig.run(29_000);
  assert.equal(rig.server.figures().streams, 1);
  rig.run(3000);
  assert.equal(rig.server.figures().streams, 0);
  client.stream.resume();
  rig.run();
  assert.equal(client.ended?.code, StatusCode.resourceExhausted);
});

test("X16 a refused version is reported and never sent again as it was; the old one stays", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.events.length = 0;
  rig.publish("2", { ...base, route: { r: "bad" } });
  const [bad] = client.take();
  assert.deepEqual(client.nack(bad, "no such cluster"), []);
  assert.deepEqual(rig.events, ["nack RouteConfiguration 2 no such cluster [r]"]);
  rig.run(60_000);
  rig.publish("3", { ...base, route: { r: "bad" }, endpoint: { e: "3" } });
  const seen = client.take();
  assert.deepEqual(typesOf(seen), ["endpoint"], "other types go on, the refused bytes do not");
  settle(client, seen);
  assert.deepEqual(
    rig.events.slice(1),
    ["ack ClusterLoadAssignment 3", "nack RouteConfiguration 3 no such cluster [r]"],
    "what still stands refused is said once for the new snapshot, which is therefore not applied",
  );
  const { types } = rig.server.report()[0] ?? { types: [] };
  assert.equal(
    types.find((type) => type.typeUrl.endsWith("RouteConfiguration"))?.refusal,
    "no such cluster",
  );
  rig.publish("4", { ...base, route: { r: "good" } });
  settle(client, client.take());
  assert.deepEqual(rig.events.slice(-1), ["applied 4"]);
});

test("X16 the version before a refused one is sent: the client may hold either", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", { ...base, route: { r: "bad" } });
  client.nack(client.take()[0], "no");
  rig.publish("3", base);
  assert.deepEqual(client.take()[0]?.resources, { r: "1" });
});

test("X16 what was refused is not sent again either after it went and came back", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", { ...base, cluster: { a: "bad eds=e" } });
  const [bad, endpoints] = client.take();
  client.nack(bad, "no");
  client.ack(endpoints);
  // The listener's update stays unanswered, so the cluster's removal waits; then it is back.
  rig.publish("3", { ...base, cluster: {}, listener: { l: "2" } });
  assert.deepEqual(typesOf(client.take()), ["listener"]);
  rig.publish("4", { ...base, cluster: { a: "bad eds=e" }, listener: { l: "2" } });
  rig.run(10_000);
  assert.deepEqual(client.take(), []);
});

test("X16 of a refused batch the bad resource is found by halves, the good ones arrive", () => {
  const rig = new Rig();
  const routes: Record<string, string> = {};
  for (let at = 0; at < 100; at++) routes[`r${at}`] = at === 37 ? "bad" : "good";
  rig.publish("1", { ...base, route: routes });
  const client = sidecar(rig, { route: [] });
  rig.events.length = 0;
  let seen = client.ask({ type: "route", add: Object.keys(routes) });
  const accepted = new Set<string>();
  let responses = 0;
  while (seen.length > 0) {
    const [response] = seen;
    responses++;
    if (Object.values(response?.resources ?? {}).includes("bad")) {
      seen = client.nack(response, "r37 is bad");
    } else {
      for (const name of Object.keys(response?.resources ?? {})) accepted.add(name);
      seen = client.ack(response);
    }
  }
  assert.equal(accepted.size, 99);
  assert.ok(responses < 20, `${responses} responses`);
  assert.equal(rig.events.at(-1)?.startsWith("ack"), false, "acknowledged in part is not applied");
  rig.publish("2", { ...base, route: { ...routes, r37: "mended" } });
  assert.deepEqual(client.take()[0]?.resources, { r37: "mended" });
});

test("X16 a client that refuses everything is not asked without end", () => {
  const rig = new Rig();
  const routes: Record<string, string> = {};
  for (let at = 0; at < 500; at++) routes[`r${at}`] = "1";
  rig.publish("1", { ...base, route: routes });
  const client = sidecar(rig, { route: [] });
  let seen = client.ask({ type: "route", add: Object.keys(routes) });
  let responses = 0;
  for (; seen.length > 0; responses++) seen = client.nack(seen[0], "I take no routes");
  assert.ok(responses <= 40, `${responses} responses`);
});

test("X16 state of the world: a refused list is not sent again until it changes", () => {
  const rig = new Rig();
  rig.publish("1", { cluster: { a: "static" } });
  const client = rig.sotw();
  const [first] = client.ask({ type: "cluster", names: [] });
  client.ack(first, []);
  rig.publish("2", { cluster: { a: "bad" } });
  const [bad] = client.take();
  const refusal = { type: "cluster" as const, names: [], version: first?.version ?? "" };
  assert.deepEqual(client.ask({ ...refusal, nonce: bad?.nonce ?? "", error: "no" }), []);
  rig.publish("3", { cluster: { a: "bad" }, endpoint: { e: "1" } });
  assert.deepEqual(client.take(), []);
  rig.publish("4", { cluster: { a: "static" }, endpoint: { e: "1" } });
  assert.deepEqual(client.take()[0]?.resources, { a: "static" });
});

test("X17 a new cluster and its endpoints are acknowledged before routes are sent", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", {
    cluster: { a: "eds=e", b: "eds=f" },
    endpoint: { e: "1", f: "1" },
    listener: { l: "2" },
    route: { r: "to b" },
  });
  const clusters = client.take();
  assert.deepEqual(typesOf(clusters), ["cluster"]);
  assert.deepEqual(client.ack(clusters[0]), [], "the endpoints of b are not there yet");
  const endpoints = client.ask({ type: "endpoint", add: ["f"] });
  assert.deepEqual(typesOf(endpoints), ["endpoint"]);
  const rest = client.ack(only(endpoints, "endpoint"));
  assert.deepEqual(typesOf(rest), ["listener", "route"]);
});

test("X17 routes wait for endpoints that the client was told do not exist, and now do", () => {
  const rig = new Rig();
  rig.publish("1", { ...base, cluster: { a: "eds=e", b: "eds=f" } });
  const client = sidecar(rig, { endpoint: ["e", "f"] });
  // An answer about e is under way while f appears together with a route to b.
  rig.publish("2", { ...base, cluster: { a: "eds=e", b: "eds=f" }, endpoint: { e: "2" } });
  const [endpoints] = client.take();
  rig.publish("3", {
    ...base,
    cluster: { a: "eds=e", b: "eds=f" },
    endpoint: { e: "2", f: "1" },
    route: { r: "to b" },
  });
  assert.deepEqual(client.take(), []);
  const [appeared] = client.ack(endpoints);
  assert.deepEqual(appeared?.resources, { f: "1" });
  assert.deepEqual(typesOf(client.ack(appeared)), ["route"]);
});

test("X17 a client that asks for no endpoints waits a bounded time for routes", () => {
  const rig = new Rig({ warmTimeoutMs: 2000 });
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", { ...base, cluster: { a: "eds=e", b: "eds=f" }, route: { r: "2" } });
  client.ack(client.take()[0]);
  rig.run(1400);
  assert.deepEqual(client.take(), []);
  rig.run(1200);
  assert.deepEqual(typesOf(client.take()), ["route"]);
});

test("X17 delta: clusters go when the routes that named them are acknowledged as gone", () => {
  const rig = new Rig();
  rig.publish("1", { ...base, cluster: { a: "eds=e", b: "static" }, route: { r: "to b" } });
  const client = sidecar(rig);
  rig.publish("2", { ...base, route: { r: "to a" } });
  const routes = client.take();
  assert.deepEqual(typesOf(routes), ["route"]);
  rig.run(60_000);
  assert.deepEqual(client.take(), [], "b waits for the acknowledgement");
  const [removal] = client.ack(routes[0]);
  assert.equal(removal?.type, "cluster");
  assert.deepEqual(removal?.removed, ["b"]);
  assert.deepEqual(rig.events.at(-1), "ack RouteConfiguration 2");
  client.ack(removal);
  assert.deepEqual(rig.events.at(-1), "applied 2", "applied only with its removals");
});

test("X17 delta: clusters stay while the route that replaces the old one is refused", () => {
  const rig = new Rig();
  rig.publish("1", { ...base, cluster: { a: "eds=e", b: "static" }, route: { r: "to b" } });
  const client = sidecar(rig);
  rig.publish("2", { ...base, route: { r: "bad" } });
  client.nack(client.take()[0], "no");
  rig.run(60_000);
  assert.deepEqual(client.take(), []);
  rig.publish("3", { ...base, route: { r: "to a" } });
  const [routes] = client.take();
  assert.deepEqual(client.ack(routes)[0]?.removed, ["b"]);
});

test("X17 state of the world: the old cluster is listed until routes are acked", () => {
  const rig = new Rig();
  rig.publish("1", {
    cluster: { a: "static", b: "static" },
    listener: { l: "1" },
    route: { r: "to b" },
  });
  const client = rig.sotw();
  const [clusters] = client.ask({ type: "cluster", names: [] });
  client.ack(clusters, []);
  client.ack(client.ask({ type: "listener", names: [] })[0], []);
  client.ack(client.ask({ type: "route", names: ["r"] })[0], ["r"]);
  rig.publish("2", {
    cluster: { a: "static", c: "static" },
    listener: { l: "1" },
    route: { r: "to c" },
  });
  const [grown] = client.take();
  assert.deepEqual(Object.keys(grown?.resources ?? {}).sort(), ["a", "b", "c"]);
  const [routes] = client.ack(grown, []);
  assert.equal(routes?.type, "route");
  const [shrunk] = client.ack(routes, ["r"]);
  assert.deepEqual(Object.keys(shrunk?.resources ?? {}).sort(), ["a", "c"]);
  assert.notEqual(shrunk?.version, grown?.version);
});

test("X18 every update of a cluster is followed by its endpoints, changed or not", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", { ...base, cluster: { a: "eds=e timeout" } });
  const seen = client.take();
  assert.deepEqual(typesOf(seen), ["cluster", "endpoint"]);
  assert.deepEqual(only(seen, "endpoint")?.resources, { e: "1" });
  const sotw = rig.sotw();
  const [clusters] = sotw.ask({ type: "cluster", names: [] });
  sotw.ack(clusters, []);
  sotw.ack(sotw.ask({ type: "endpoint", names: ["e"] })[0], ["e"]);
  rig.publish("3", { ...base, cluster: { a: "eds=e again", z: "static" } });
  assert.deepEqual(typesOf(sotw.take()), ["cluster", "endpoint"]);
});

test("X18 endpoints still unanswered are sent again after the cluster, once they are", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const client = sidecar(rig);
  rig.publish("2", { ...base, endpoint: { e: "2" } });
  const [endpoints] = client.take();
  rig.publish("3", { ...base, endpoint: { e: "2" }, cluster: { a: "eds=e timeout" } });
  const [clusters] = client.take();
  assert.deepEqual(client.ack(clusters), []);
  assert.deepEqual(client.ack(endpoints)[0]?.resources, { e: "2" });
});

test("X19 what did not change is not pushed again", () => {
  const rig = new Rig();
  const clusters: Record<string, string> = {};
  for (let at = 0; at < 200; at++) clusters[`c${at}`] = "static";
  rig.publish("1", { ...base, cluster: clusters });
  const client = sidecar(rig);
  const sotw = rig.sotw();
  sotw.ack(sotw.ask({ type: "cluster", names: [] })[0], []);
  for (let version = 2; version < 10; version++) {
    rig.publish(String(version), {
      ...base,
      cluster: { ...clusters },
      endpoint: { e: `${version}` },
    });
    const seen = client.take();
    assert.deepEqual(typesOf(seen), ["endpoint"]);
    settle(client, seen);
  }
  assert.deepEqual(sotw.take(), []);
  rig.publish("10", { ...base, cluster: { ...clusters, c7: "static 2" }, endpoint: { e: "9" } });
  assert.deepEqual(client.take()[0]?.resources, { c7: "static 2" });
});

test("X20 a reconnecting client's unknown endpoints are answered, so that it does not wait", () => {
  const rig = new Rig();
  rig.publish("1", base);
  const sotw = rig.sotw();
  const [empty] = sotw.ask({ type: "endpoint", names: ["e", "from-elsewhere"] });
  assert.deepEqual(empty?.resources, { e: "1", "from-elsewhere": "-" });
  assert.deepEqual(sotw.ack(empty, ["e", "from-elsewhere"]), [], "once");
  const delta = rig.delta();
  const held = { "from-elsewhere": "old" };
  const [gone] = delta.ask({ type: "endpoint", add: ["e", "new-elsewhere"], held });
  assert.deepEqual(gone?.resources, { e: "1" });
  assert.deepEqual(gone?.removed, ["new-elsewhere"]);
  rig.publish("2", { ...base, endpoint: { e: "1", "from-elsewhere": "2" } });
  assert.deepEqual(sotw.take()[0]?.resources, { "from-elsewhere": "2" });
});

test("X21 a secret is served only to the client whose snapshot holds it", () => {
  const rig = new Rig();
  rig.publish("1", {});
  const mine: Wanted = { secret: { mine: "key and chain" } };
  rig.publish("1", mine);
  const owner = rig.delta();
  assert.deepEqual(owner.ask({ type: "secret", add: ["mine"] })[0]?.resources, {
    mine: "key and chain",
  });
  rig.choose = () => ({ version: "1", resources: new Map() });
  const other = rig.delta();
  const [seen] = other.ask({ type: "secret", add: ["mine", "*"] });
  assert.deepEqual(seen?.resources, {});
  assert.deepEqual(seen?.removed, ["mine", "*"]);
  rig.refusal = { code: StatusCode.permissionDenied, message: "not this node" };
  const stranger = rig.delta();
  stranger.ask({ type: "secret", add: ["mine"] });
  assert.deepEqual(stranger.ended, rig.refusal);
  assert.deepEqual(stranger.take(), []);
});

test("X26 streams end by age, spread over time, and with OK", () => {
  const rig = new Rig({ ageMaxMs: 100_000 });
  rig.publish("1", base);
  const clients = Array.from({ length: 50 }, () => sidecar(rig));
  const ends: number[] = [];
  for (let second = 0; second < 130; second++) {
    rig.run(1000);
    const ended = clients.filter((client) => client.ended !== undefined).length;
    ends.push(ended - ends.reduce((sum, n) => sum + n, 0));
  }
  assert.equal(
    ends.slice(0, 75).reduce((sum, n) => sum + n, 0),
    0,
  );
  assert.equal(
    ends.reduce((sum, n) => sum + n, 0),
    50,
  );
  assert.ok(Math.max(...ends) <= 6, `at most ${Math.max(...ends)} in one second`);
  assert.deepEqual([...new Set(clients.map((client) => client.ended))], [null]);
});
