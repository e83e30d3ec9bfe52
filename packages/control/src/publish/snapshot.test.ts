import assert from "node:assert/strict";
import { test } from "node:test";
import { typeUrls } from "@weft/xds";
import { Mesh, route, service, workload } from "../compile/fixture.test.ts";
import type { CompiledMap } from "../compile/compile.ts";
import { compileTrustBundle } from "../compile/trust-bundle.ts";
import { LayeredMap } from "./layered-map.ts";
import {
  assembleSnapshot,
  createGeneration,
  fillGeneration,
  findDangling,
  retainEndpoints,
} from "./snapshot.ts";

const CATALOG = "catalog.shop.svc.cluster.local:80";
const KEY = { client: "builtin", namespace: "shop", workload: null } as const;

function compiled(): Mesh {
  const mesh = new Mesh();
  const refs = [
    { name: "catalog", port: 80 },
    { name: "gone", port: 80 },
  ];
  mesh.put(service("catalog"), workload("a", "catalog"));
  mesh.put(route("r", ["catalog"], [{ backendRefs: refs }])).compile();
  return mesh;
}

const bundle = compileTrustBundle("ROOT\n");

function without(map: CompiledMap, name: string): CompiledMap {
  return new Map([...map].filter(([key]) => key !== name));
}

test("what is compiled is consistent; the cluster of invalid references need not exist", () => {
  const { compiler, model } = compiled();
  const generation = createGeneration(1, compiler.clusters);
  const held = model.objects.Workload.get("shop/a") ?? assert.fail();
  fillGeneration(generation, compiler, { ...KEY, workload: held });
  assert.equal(findDangling(generation, { endpoints: compiler.endpoints, bundle }), null);
});

test("a reference that leads nowhere is found, with both names", () => {
  const { compiler } = compiled();
  const live = { endpoints: compiler.endpoints, bundle };
  const generation = createGeneration(1, without(compiler.clusters, CATALOG));
  fillGeneration(generation, compiler, KEY);
  assert.equal(
    findDangling(generation, live),
    `outbound/shop names the Cluster ${CATALOG}, which does not exist`,
  );
  const endless = { ...live, endpoints: without(live.endpoints, CATALOG) };
  assert.equal(
    findDangling(createGeneration(1, compiler.clusters), endless),
    `${CATALOG} names the ClusterLoadAssignment ${CATALOG}, which does not exist`,
  );
});

test("an older generation keeps the endpoints it points at, as they last were", () => {
  const { compiler } = compiled();
  const generation = createGeneration(1, compiler.clusters);
  const before = compiler.endpoints;
  const kept = retainEndpoints(generation, without(before, CATALOG), before);
  assert.equal(kept.get(CATALOG), before.get(CATALOG));
  assert.equal(retainEndpoints(generation, before, before), before);
});

test("a snapshot borrows the maps of the one before where they are equal", () => {
  const mesh = compiled();
  const { compiler } = mesh;
  const held = mesh.model.objects.Workload.get("shop/a") ?? assert.fail();
  const key = { ...KEY, workload: held };
  const live = { endpoints: compiler.endpoints, bundle };
  const make = (previous: ReturnType<typeof assembleSnapshot>) => {
    const generation = createGeneration(1, compiler.clusters);
    fillGeneration(generation, compiler, key);
    return assembleSnapshot(generation, live, compiler, key, previous) ?? assert.fail();
  };
  const first = make(null);
  const second = make(first);
  assert.equal(second.version, first.version);
  for (const [typeUrl, map] of first.resources) assert.equal(second.resources.get(typeUrl), map);
  mesh.put(service("orders")).compile();
  const third = make(second);
  assert.notEqual(third.version, first.version);
  const { cluster, listener } = typeUrls;
  assert.notEqual(third.resources.get(cluster), first.resources.get(cluster));
  assert.equal(third.resources.get(listener), first.resources.get(listener));
});

test("a proxy whose parts were not compiled gets none", () => {
  const { compiler } = compiled();
  const live = { endpoints: compiler.endpoints, bundle };
  const generation = createGeneration(1, compiler.clusters);
  assert.equal(assembleSnapshot(generation, live, compiler, KEY, null), null);
});

test("a layered map reads as one map", () => {
  const one = (name: string) => ({ name, version: "1", any: new Uint8Array(0) });
  const map = new LayeredMap(new Map([["a", one("a")]]), new Map([["b", one("b")]]));
  assert.equal(map.size, 2);
  assert.deepEqual([...map.keys()], ["a", "b"]);
  assert.deepEqual(
    [...map].map(([name, { version }]) => name + version),
    ["a1", "b1"],
  );
  assert.deepEqual(
    [...map.values()].map(({ name }) => name),
    ["a", "b"],
  );
  assert.deepEqual(
    [map.get("b")?.name, map.get("c"), map.has("a"), map.has("c")],
    ["b", undefined, true, false],
  );
  const seen: string[] = [];
  map.forEach((_value, name) => seen.push(name));
  assert.deepEqual(seen, ["a", "b"]);
});
