import assert from "node:assert/strict";
import { test } from "node:test";
import { typeUrls } from "@weft/xds";
import { Compiler } from "../compile/compile.ts";
import { peerAuthentication, route, service, workload } from "../compile/fixture.test.ts";
import { World } from "./fixture.test.ts";

const CATALOG = "catalog.shop.svc.cluster.local:80";

test("nothing is sent before the store has been read; then everything at once", async () => {
  const world = new World(service("catalog"), workload("a", "catalog"));
  const proxy = world.connect("shop/a");
  let isSynced = false;
  void world.publisher.synced.then(() => (isSynced = true));
  assert.equal(proxy.snapshots.length, 0);
  await world.pass(1);
  assert.ok(isSynced);
  assert.equal(proxy.snapshots.length, 1);
  assert.deepEqual(proxy.names("cluster"), ["inbound/http", CATALOG, "passthrough"]);
  assert.deepEqual(proxy.names("endpoint"), [CATALOG]);
  assert.deepEqual(proxy.names("listener"), ["outbound", "inbound/http"]);
  assert.deepEqual(proxy.names("route"), ["outbound/shop"]);
  assert.deepEqual(proxy.names("secret"), ["bundle"]);
});

test("a proxy that comes later is served at once", async () => {
  const world = new World(service("catalog"), workload("a", "catalog"));
  await world.pass(1);
  const proxy = world.connect("shop/a");
  assert.equal(proxy.snapshots.length, 1);
  const other = world.connect("web/b");
  assert.deepEqual(other.names("route"), ["outbound/web"]);
  assert.deepEqual(other.names("listener"), ["outbound"]);
});

test("events that come together are published together, the first no later than 100 ms", async () => {
  const world = new World(service("catalog"));
  const proxy = world.connect("shop/x");
  await world.pass(1);
  for (let i = 0; i < 5; i++) {
    world.objects.put(workload("a", "catalog", { address: `127.0.0.${i + 2}` }));
    await world.pass(5);
  }
  assert.equal(proxy.snapshots.length, 1, "5 ms is not quiet");
  await world.pass(10);
  assert.equal(proxy.snapshots.length, 2);
  for (let i = 0; i < 19; i++) {
    world.objects.put(workload("a", "catalog", { address: `127.0.1.${i + 2}` }));
    await world.pass(5);
  }
  assert.equal(proxy.snapshots.length, 2);
  await world.pass(10);
  assert.equal(proxy.snapshots.length, 3, "100 ms have passed, quiet or not");
});

test("a change that comes to nothing is sent to nobody", async () => {
  const world = new World(service("catalog"), workload("a", "catalog"));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  world.objects.put({ kind: "Namespace", name: "new" });
  world.objects.put({ kind: "ServiceAccount", namespace: "shop", name: "sa" });
  world.objects.put(service("catalog"));
  await world.pass(50);
  assert.equal(proxy.snapshots.length, 1);
});

test("an endpoint's change changes the endpoints alone; equal maps are the same maps", async () => {
  const world = new World(service("catalog"), service("orders"), workload("a", "catalog"));
  const a = world.connect("shop/a");
  const b = world.connect("shop/b");
  await world.pass(1);
  const map = (proxy: typeof a, type: keyof typeof typeUrls) =>
    proxy.last.resources.get(typeUrls[type]);
  assert.equal(map(a, "endpoint"), map(b, "endpoint"));
  const before = ["cluster", "listener", "route", "secret"] as const;
  const kept = before.map((type) => map(a, type));
  const endpoints = map(a, "endpoint");
  world.objects.put(workload("b", "catalog", { address: "127.0.0.9" }));
  await world.pass(20);
  assert.equal(a.snapshots.length, 2);
  assert.notEqual(a.snapshots[0]?.version, a.snapshots[1]?.version);
  assert.deepEqual(
    before.map((type, index) => map(a, type) === kept[index]),
    [true, true, true, true],
  );
  assert.notEqual(map(a, "endpoint"), endpoints);
  assert.equal(map(a, "endpoint"), map(b, "endpoint"));
});

test("equal content has an equal version, also after a restart", async () => {
  const objects = [service("catalog"), workload("a", "catalog"), route("r", ["catalog"], [{}])];
  const versions = [objects, [...objects].reverse()].map(async (order) => {
    const world = new World();
    world.objects.put(...order.map((one) => ({ ...one, createdAt: 1 })));
    const proxy = world.connect("shop/a");
    await world.pass(1);
    return proxy.last.version;
  });
  const [first, second] = await Promise.all(versions);
  assert.equal(first, second);
  assert.match(first ?? "", /^[0-9a-f]{12}$/);
});

test("only the proxies whose inbound side changed are sent it", async () => {
  const world = new World(
    service("catalog", { selector: { none: "such" } }),
    workload("a", "catalog"),
    workload("b", "orders"),
  );
  const a = world.connect("shop/a");
  const b = world.connect("shop/b");
  const client = world.connect("web/c");
  await world.pass(1);
  const ports = [
    { name: "http", port: 8080, meshPort: 15_006 },
    { name: "more", port: 8081, meshPort: 15_007 },
  ];
  world.objects.put(workload("a", "catalog", { ports }));
  await world.pass(20);
  assert.deepEqual(a.names("listener"), ["outbound", "inbound/http", "inbound/more"]);
  assert.deepEqual(
    [a, b, client].map((proxy) => proxy.snapshots.length),
    [2, 1, 1],
  );
  world.objects.put(peerAuthentication("p", { mtls: { mode: "Strict" } }));
  await world.pass(20);
  assert.deepEqual(
    [a, b, client].map((proxy) => proxy.snapshots.length),
    [3, 2, 2],
  );
});

test("inbound listeners come with the Workload, and stay while its proxy drains", async () => {
  const world = new World(service("catalog"));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  assert.deepEqual(proxy.names("listener"), ["outbound"]);
  world.objects.put(workload("a", "catalog"));
  await world.pass(20);
  assert.deepEqual(proxy.names("listener"), ["outbound", "inbound/http"]);
  world.objects.delete("Workload", "shop", "a");
  await world.pass(20);
  const assignment = proxy.last.resources.get(typeUrls.endpoint)?.get(CATALOG);
  assert.equal(proxy.snapshots.length, 3, "its endpoint is gone");
  assert.ok(assignment);
  assert.deepEqual(proxy.names("listener"), ["outbound", "inbound/http"], "its listener is not");
});

test("a new bundle goes to everyone", async () => {
  const world = new World(service("catalog"));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  const secret = () => proxy.last.resources.get(typeUrls.secret)?.get("bundle")?.version;
  const before = secret();
  world.rotate("ROOT-1\nROOT-2\n");
  await world.pass(20);
  assert.equal(proxy.snapshots.length, 2);
  assert.notEqual(secret(), before);
});

test("the first Envoy waits until its routes are compiled", async () => {
  const world = new World(service("catalog"));
  const ours = world.connect("shop/a");
  await world.pass(1);
  const envoy = world.connect("shop/e", "envoy");
  const second = world.connect("shop/f", "envoy");
  assert.equal(envoy.snapshots.length, 0);
  await world.pass(20);
  const table = (proxy: typeof ours) =>
    proxy.last.resources.get(typeUrls.route)?.get("outbound/shop");
  assert.ok(table(envoy));
  assert.equal(table(second), table(envoy));
  assert.notEqual(table(ours)?.version, table(envoy)?.version);
  assert.equal(ours.snapshots.length, 1);
  assert.equal(world.connect("shop/g", "envoy").snapshots.length, 1, "the next is served at once");
});

test("settled waits for every proxy's answer to a revision", async () => {
  const world = new World(service("catalog"));
  const a = world.connect("shop/a");
  const b = world.connect("shop/b");
  await world.pass(1);
  a.apply();
  b.apply();
  const revision = world.objects.put(workload("w", "catalog"));
  const done: string[] = [];
  void world.publisher.settled(String(revision)).then(() => done.push("change"));
  await world.pass(20);
  a.apply();
  await world.pass(1);
  assert.equal(done.length, 0);
  b.apply();
  await world.pass(1);
  assert.deepEqual(done, ["change"]);
  void world.publisher.settled(revision).then(() => done.push("past"));
  await world.pass(1);
  assert.deepEqual(done, ["change", "past"]);
});

test("settled does not wait for proxies that left or refused, nor when a change reaches nobody", async () => {
  const world = new World(service("catalog"));
  const [a, b] = [world.connect("shop/a"), world.connect("shop/b")];
  await world.pass(1);
  const done: string[] = [];
  const first = world.objects.put(service("orders"));
  void world.publisher.settled(first).then(() => done.push("first"));
  await world.pass(20);
  a.refuse("no");
  await world.pass(1);
  assert.equal(done.length, 0);
  b.close();
  await world.pass(1);
  assert.deepEqual(done, ["first"]);
  a.apply();
  const nobody = world.objects.put({ kind: "Namespace", name: "x" });
  void world.publisher.settled(nobody).then(() => done.push("nobody"));
  await world.pass(20);
  assert.deepEqual(done, ["first", "nobody"]);
});

test("a proxy sent back to what it ran before still has to answer", async () => {
  const world = new World(service("catalog"), workload("w", "catalog", {}, { createdAt: 1 }));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  proxy.apply();
  const { version } = proxy.last;
  world.objects.put(workload("w", "catalog", { address: "127.0.0.9" }, { createdAt: 1 }));
  await world.pass(20);
  const revision = world.objects.put(workload("w", "catalog", {}, { createdAt: 1 }));
  await world.pass(20);
  assert.equal(proxy.snapshots.length, 3);
  assert.notEqual(proxy.last.version, version, "the server reports each version once");
  let isSettled = false;
  void world.publisher.settled(revision).then(() => (isSettled = true));
  await world.pass(1);
  assert.equal(isSettled, false);
  proxy.apply();
  await world.pass(1);
  assert.equal(isSettled, true);
});

test("proxies are listed with what they run and what they refused", async () => {
  const world = new World(service("catalog"));
  const proxy = world.connect("shop/b");
  world.connect("shop/a", "envoy");
  await world.pass(20);
  const status = () => world.publisher.proxies().find((one) => one.proxy === "shop/b");
  assert.deepEqual(
    world.publisher.proxies().map((one) => [one.proxy, one.kind, one.sync]),
    [
      ["shop/a", "envoy", "waiting"],
      ["shop/b", "builtin", "waiting"],
    ],
  );
  assert.equal(status()?.appliedVersion, null);
  proxy.apply();
  assert.equal(status()?.sync, "synced");
  assert.equal(status()?.appliedVersion, status()?.configVersion);
  assert.equal(Object.keys(status()?.acked ?? {}).length, 5);
  world.objects.put(service("orders"));
  await world.pass(20);
  proxy.refuse("virtual_hosts[1]: bad");
  assert.equal(status()?.sync, "refused");
  assert.deepEqual(
    status()?.nacks.map(({ typeUrl, message }) => [typeUrl, message]),
    [[typeUrls.route, "virtual_hosts[1]: bad"]],
  );
  assert.equal(world.publisher.figures().nacks, 1);
  proxy.apply();
  assert.deepEqual([status()?.sync, status()?.nacks], ["synced", []]);
  proxy.close();
  assert.equal(status(), undefined);
});

test("a node has one entry, that of its newest stream", async () => {
  const world = new World(service("catalog"));
  await world.pass(1);
  const old = world.connect("shop/a");
  const fresh = world.connect("shop/a");
  assert.equal(world.publisher.proxies().length, 1);
  fresh.apply();
  old.close();
  assert.equal(world.publisher.proxies()[0]?.sync, "synced");
});

test("a node id that is none is refused", async () => {
  const world = new World();
  const client = {
    id: "x#1",
    node: { id: "x", metadata: {} },
    peer: { spiffeId: null, token: null, address: "" },
    transport: "delta",
  };
  const answer = world.publisher.subscribe(client as never, () => assert.fail());
  assert.ok("refused" in answer);
  assert.match(answer.refused.message, /"x" is not <namespace>\/<workload>/);
});

test("what would dangle is not published: everyone keeps what they run, and endpoints go on", async (t) => {
  const world = new World(service("catalog"));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  const clusters = () => proxy.last.resources.get(typeUrls.cluster);
  const before = clusters();
  const getter = Object.getOwnPropertyDescriptor(Compiler.prototype, "clusters")?.get;
  const broken = t.mock.getter(Compiler.prototype, "clusters", function (this: Compiler) {
    const all = new Map(getter?.call(this) as Compiler["clusters"]);
    all.delete("orders.shop.svc.cluster.local:80");
    return all;
  });
  world.objects.put(service("orders"));
  await world.pass(20);
  assert.equal(world.publisher.figures().refusals, 1);
  assert.equal(clusters(), before);
  assert.deepEqual(proxy.names("route"), ["outbound/shop"]);
  world.objects.put(workload("w", "catalog"));
  await world.pass(20);
  assert.equal(clusters(), before);
  assert.ok(proxy.names("endpoint").includes(CATALOG));
  const held = proxy.snapshots.length;
  world.objects.delete("Service", "shop", "catalog");
  await world.pass(20);
  assert.ok(proxy.names("endpoint").includes(CATALOG), "the clusters it runs still name them");
  broken.mock.restore();
  world.objects.put(service("catalog"));
  await world.pass(20);
  assert.ok(proxy.snapshots.length > held);
  assert.ok(proxy.names("cluster").includes("orders.shop.svc.cluster.local:80"));
});

test("a defect while compiling leaves everyone with what they run, and is made good", async (t) => {
  const world = new World(service("catalog"));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  const broken = t.mock.method(Compiler.prototype, "apply", () => {
    throw new Error("defect");
  });
  world.objects.put(service("orders"));
  await world.pass(20);
  assert.equal(proxy.snapshots.length, 1);
  broken.mock.restore();
  world.objects.put({ kind: "Namespace", name: "x" });
  await world.pass(20);
  assert.ok(proxy.names("cluster").includes("orders.shop.svc.cluster.local:80"));
});

test("after close nothing happens any more", async () => {
  const world = new World(service("catalog"));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  world.publisher.close();
  world.objects.put(service("orders"));
  await world.pass(200);
  assert.equal(proxy.snapshots.length, 1);
  assert.equal(world.clock.pendingCount, 0);
});

test("the values in force are those of the model", async () => {
  const world = new World(service("catalog"));
  await world.pass(1);
  assert.equal(world.publisher.effective("shop", "nothing"), null);
  assert.equal(world.publisher.effective("shop", "catalog")?.service, "catalog");
});
