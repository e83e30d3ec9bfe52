// The whole way of a change, over real streams in virtual time: objects, publisher, xDS server, xDS
// client, and the built-in proxy's compiler at the other end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileChanges, emptyTables, type Tables } from "@weft/rules";
import {
  createXdsClient,
  createXdsServer,
  simStreamPair,
  typeUrls,
  type XdsServer,
  writeNode,
} from "@weft/xds";
import { route, service, workload } from "../compile/fixture.test.ts";
import { World } from "./fixture.test.ts";

const CATALOG = "catalog.shop.svc.cluster.local:80";
const V2 = "catalog-v2.shop.svc.cluster.local:80";

/**
 * A proxy that runs what it accepts, and fails the test where a route names a cluster it has not
 * got.
 */
class RulesProxy {
  tables: Tables = emptyTables;
  updates = 0;
  readonly #close: () => void;

  constructor(world: World, server: XdsServer, id: string) {
    const [namespace = "", workloadName = ""] = id.split("/");
    const node = writeNode({
      ...{ namespace, workload: workloadName, serviceAccount: "test", kind: "builtin" },
      ...{ cluster: "test", version: "0.1.0", ports: [] },
    });
    const subscribed = new Set<string>();
    const client = createXdsClient({
      runtime: world.runtime,
      node,
      connect: () => {
        const pair = simStreamPair({ timers: world.clock });
        server.delta(pair.server, { spiffeId: null, token: null, address: "127.0.0.1:1" });
        return pair.client;
      },
      handler: {
        onUpdate: (typeUrl, changed, removed) => {
          this.updates++;
          const { tables, errors } = compileChanges(this.tables, [{ typeUrl, changed, removed }]);
          assert.deepEqual(errors, []);
          this.tables = tables;
          this.#checkRoutes();
          for (const { endpointsName } of tables.clusters.values()) {
            if (endpointsName === null || subscribed.has(endpointsName)) continue;
            subscribed.add(endpointsName);
            client.subscribe(typeUrls.endpoint, [endpointsName]);
          }
          return null;
        },
      },
    });
    client.subscribe(typeUrls.cluster, "*");
    client.subscribe(typeUrls.listener, "*");
    client.subscribe(typeUrls.route, [`outbound/${namespace}`]);
    client.subscribe(typeUrls.secret, ["bundle"]);
    this.#close = () => client.close();
  }

  close(): void {
    this.#close();
  }

  endpoints(name: string): string[] {
    return (this.tables.endpoints.get(name)?.rows ?? []).map((row) => row.key);
  }

  #checkRoutes(): void {
    for (const table of this.tables.routes.values()) {
      for (const { routes } of table.virtualHosts) {
        for (const { clusters } of routes) {
          for (const { cluster } of clusters ?? []) {
            const isThere = this.tables.clusters.has(cluster) || cluster === "invalid-backend";
            assert.ok(isThere, `a route names ${cluster}, which is not there`);
          }
        }
      }
    }
  }
}

function served(world: World): XdsServer {
  const { runtime, publisher } = world;
  return createXdsServer({ runtime, source: publisher, events: publisher });
}

test("a change reaches 50 proxies and is known to be settled", async () => {
  const world = new World(service("catalog"), workload("a", "catalog"));
  const server = served(world);
  const proxies = Array.from({ length: 50 }, (_, n) => new RulesProxy(world, server, `shop/p${n}`));
  await world.pass(100);
  for (const proxy of proxies) assert.deepEqual(proxy.endpoints(CATALOG), ["127.0.0.1:15006"]);
  const before = proxies.map((proxy) => proxy.updates);
  const beganMs = world.clock.nowMs();
  let settledMs = Number.NaN;
  const revision = world.objects.put(workload("b", "catalog", { address: "127.0.0.2" }));
  void world.publisher.settled(revision).then(() => (settledMs = world.clock.nowMs()));
  await world.pass(60);
  for (const proxy of proxies) {
    assert.deepEqual(proxy.endpoints(CATALOG), ["127.0.0.1:15006", "127.0.0.2:15006"]);
  }
  assert.ok(settledMs - beganMs < 30, `settled after ${settledMs - beganMs} ms`);
  assert.deepEqual(
    proxies.map((proxy, index) => proxy.updates - (before[index] ?? 0)),
    proxies.map(() => 1),
    "one update, of the endpoints",
  );
  assert.ok(world.publisher.proxies().every((one) => one.sync === "synced"));
  for (const proxy of proxies) proxy.close();
  await world.pass(10);
  assert.equal(world.publisher.proxies().length, 0);
  server.close();
});

test("through a hundred changes no route names a cluster that is not there", async () => {
  const world = new World(service("catalog"), service("catalog-v2"), workload("a", "catalog"));
  const server = served(world);
  const proxies = ["shop/p", "web/q"].map((id) => new RulesProxy(world, server, id));
  await world.pass(50);
  for (let step = 0; step < 50; step++) {
    const isV2 = step % 3 !== 0;
    if (isV2) world.objects.put(service("catalog-v2"));
    const refs = [
      { name: "catalog", port: 80, weight: 100 - step },
      { name: "catalog-v2", port: 80, weight: step },
    ];
    world.objects.put(route("canary", ["catalog"], [{ backendRefs: refs }]));
    await world.pass(step % 7);
    if (!isV2) {
      if (world.objects.stored.has("Service/shop/catalog-v2")) {
        world.objects.delete("Service", "shop", "catalog-v2");
      }
    }
    await world.pass(step % 5);
  }
  await world.pass(3000);
  world.objects.put(service("catalog-v2"));
  await world.pass(3000);
  for (const proxy of proxies) {
    assert.ok(proxy.tables.clusters.has(V2));
    const host = [...proxy.tables.routes.values()][0]?.virtualHosts.find(
      ({ name }) => name === CATALOG,
    );
    assert.deepEqual(
      host?.routes[0]?.clusters?.map(({ cluster, weight }) => [cluster, weight]),
      [
        [CATALOG, 51],
        [V2, 49],
      ],
    );
    proxy.close();
  }
  assert.equal(world.publisher.figures().refusals, 0);
  server.close();
});
