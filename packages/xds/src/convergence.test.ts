// Random meshes under one seed each: snapshots change, lines stall and break, resources are
// refused. At every step no client may hold a route to a cluster it has not got or cannot use yet
// (X17, X18), and when the changes stop every client must hold exactly the last snapshot.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, seededRandom } from "@weft/runtime";
import {
  DiscoveryRequest,
  DiscoveryResponse,
} from "../messages/envoy/service/discovery/v3/discovery.js";
import { createXdsClient, type XdsClient } from "./client.ts";
import { contentsOf, peer, Rig, type TypeName, typeNameOf, type Wanted } from "./rig.test.ts";
import { typeUrls } from "./resource-types.ts";
import { type SimStreamEnd, simStreamPair } from "./sim/stream.ts";

const lost = { code: 14, message: "line cut" };
type Held = Record<TypeName, Map<string, string>>;
type End = SimStreamEnd<Uint8Array, Uint8Array>;

/** What a proxy does with resources, whatever brought them. */
class Holding {
  readonly held: Held = {
    cluster: new Map(),
    endpoint: new Map(),
    listener: new Map(),
    route: new Map(),
    secret: new Map(),
  };
  /**
   * Clusters that have been usable since they were added: Envoy keeps the old one while warming.
   */
  readonly usable = new Set<string>();

  take(type: TypeName, name: string, content: string): void {
    this.held[type].set(name, content);
    if (type === "endpoint") this.usable.add(name.replace("e", "c"));
  }

  drop(type: TypeName, name: string): void {
    this.held[type].delete(name);
    if (type === "cluster") this.usable.delete(name);
  }

  check(context: string): void {
    for (const routes of this.held.listener.values()) {
      for (const cluster of clustersOf(this.held.route.get(routes.split(" ")[0] ?? "") ?? "")) {
        assert.ok(this.held.cluster.has(cluster), `${context}: a route to ${cluster}, not there`);
        assert.ok(this.usable.has(cluster), `${context}: a route to ${cluster}, still warming`);
      }
    }
  }

  wantedEndpoints(): string[] {
    return [...this.held.cluster.keys()].map((name) => name.replace("c", "e"));
  }

  wantedRoutes(): string[] {
    return [...new Set([...this.held.listener.values()].map((text) => text.split(" ")[0] ?? ""))];
  }
}

function clustersOf(route: string): string[] {
  return route.match(/c\d+/g) ?? [];
}

class DeltaProxy {
  readonly proxy = new Holding();
  readonly #names: Partial<Record<TypeName, string[]>> = {};
  readonly client: XdsClient;
  end: End | null = null;

  constructor(rig: Rig, random: Random, id: string) {
    this.client = createXdsClient({
      runtime: rig.runtime,
      node: { id } as never,
      backoff: { firstMs: 50, maxMs: 500 },
      connect: () => {
        const pair = simStreamPair({ timers: rig.clock, delayMs: 1 + random.integer(30) });
        this.end = pair.client;
        rig.server.delta(pair.server, peer);
        return pair.client;
      },
      handler: {
        onUpdate: (typeUrl, changed, removed) => {
          const type = typeNameOf(typeUrl);
          const found = contentsOf(changed.map((update) => update.resource));
          if (Object.values(found).some((content) => content.includes("bad"))) return "bad";
          for (const name of removed) this.proxy.drop(type, name);
          for (const [name, content] of Object.entries(found)) {
            this.proxy.take(type, name, content);
          }
          if (type === "cluster") {
            this.#follow(typeUrls.endpoint, "endpoint", this.proxy.wantedEndpoints());
          } else if (type === "listener") {
            this.#follow(typeUrls.route, "route", this.proxy.wantedRoutes());
          }
          this.proxy.check(`${id} ${type}`);
          return null;
        },
      },
    });
    this.client.subscribe(typeUrls.cluster, "*");
    this.client.subscribe(typeUrls.listener, "*");
  }

  #follow(typeUrl: string, type: TypeName, names: string[]): void {
    const before = this.#names[type] ?? [];
    const gone = before.filter((name) => !names.includes(name));
    this.#names[type] = names;
    this.client.unsubscribe(typeUrl, gone);
    for (const name of gone) this.proxy.drop(type, name);
    this.client.subscribe(typeUrl, names);
  }
}

/** State of the world as Envoy speaks it: whole lists of names, last nonce and version per type. */
class SotwProxy {
  readonly proxy = new Holding();
  readonly end: End;
  readonly #id: string;
  readonly #last = new Map<TypeName, { version: string; nonce: string; names: string[] }>();

  constructor(rig: Rig, random: Random, id: string) {
    const pair = simStreamPair({ timers: rig.clock, delayMs: 1 + random.integer(30) });
    this.#id = id;
    this.end = pair.client;
    rig.server.sotw(pair.server, peer);
    pair.client.begin({
      onMessage: (bytes) => this.#take(DiscoveryResponse.decode(bytes)),
      onDrain: () => undefined,
      onEnd: () => undefined,
    });
    this.#ask("cluster", []);
    this.#ask("listener", []);
  }

  #take(response: DiscoveryResponse): void {
    const type = typeNameOf(response.typeUrl);
    const found = contentsOf(response.resources.map((any) => any.value));
    const last = this.#last.get(type) ?? { version: "", nonce: "", names: [] };
    last.nonce = response.nonce;
    this.#last.set(type, last);
    if (Object.values(found).some((content) => content.includes("bad"))) {
      return this.#ask(type, last.names, "bad");
    }
    last.version = response.versionInfo;
    if (type === "cluster" || type === "listener") {
      for (const name of this.proxy.held[type].keys()) {
        if (!(name in found)) this.proxy.drop(type, name);
      }
    }
    for (const [name, content] of Object.entries(found)) {
      // What comes for a name given up meanwhile has no taker.
      const isListed = type === "cluster" || type === "listener";
      if (isListed || last.names.includes(name)) this.proxy.take(type, name, content);
    }
    if (type === "cluster") this.#follow("endpoint", this.proxy.wantedEndpoints());
    if (type === "listener") this.#follow("route", this.proxy.wantedRoutes());
    this.proxy.check(`${this.#id} ${type}`);
    this.#ask(type, last.names);
  }

  #follow(type: TypeName, names: string[]): void {
    for (const name of this.proxy.held[type].keys()) {
      if (!names.includes(name)) this.proxy.drop(type, name);
    }
    const before = this.#last.get(type)?.names ?? [];
    if (names.length === before.length && names.every((name) => before.includes(name))) return;
    this.#ask(type, names);
  }

  #ask(type: TypeName, names: string[], error?: string): void {
    const last = this.#last.get(type) ?? { version: "", nonce: "", names };
    last.names = names;
    this.#last.set(type, last);
    const request = DiscoveryRequest.fromPartial({
      node: { id: this.#id },
      typeUrl: typeUrls[type],
      resourceNames: names,
      versionInfo: last.version,
      responseNonce: last.nonce,
      ...(error !== undefined && { errorDetail: { code: 3, message: error } }),
    });
    this.end.send(DiscoveryRequest.encode(request).finish());
  }
}

/**
 * A consistent mesh: listeners name routes, routes name clusters that exist, each with endpoints.
 */
function randomMesh(random: Random, mayBeBad: boolean): Wanted {
  const cluster: Record<string, string> = {};
  const endpoint: Record<string, string> = {};
  const route: Record<string, string> = {};
  const listener: Record<string, string> = {};
  for (let at = 0; at < 6; at++) {
    if (random.next() < 0.4) continue;
    cluster[`c${at}`] = `eds=e${at} ${random.integer(3)}`;
    endpoint[`e${at}`] = String(random.integer(3));
  }
  const names = Object.keys(cluster);
  for (let at = 0; at < 3; at++) {
    const to = names.filter(() => random.next() < 0.4).join(" ");
    const isBad = mayBeBad && random.next() < 0.15;
    route[`r${at}`] = `to ${to}${isBad ? " bad" : ""}`;
    if (random.next() < 0.7) listener[`l${at}`] = `r${at} ${random.integer(2)}`;
  }
  return { cluster, endpoint, route, listener };
}

function expected(mesh: Wanted): Record<string, Record<string, string>> {
  const routes = Object.values(mesh.listener ?? {}).map((text) => text.split(" ")[0] ?? "");
  const route = Object.entries(mesh.route ?? {}).filter(([name]) => routes.includes(name));
  return {
    cluster: { ...mesh.cluster },
    endpoint: { ...mesh.endpoint },
    listener: { ...mesh.listener },
    route: Object.fromEntries(route),
    secret: {},
  };
}

const sorted = (values: Record<string, Record<string, string>>): string =>
  JSON.stringify(values, (_, value: unknown) =>
    typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

function run(seed: number, steps: number): void {
  const rig = new Rig({}, seed);
  const random = seededRandom(seed);
  const deltas = [0, 1].map((at) => new DeltaProxy(rig, random, `shop/delta-${at}`));
  const sotws = [0, 1].map((at) => new SotwProxy(rig, random, `shop/sotw-${at}`));
  let mesh: Wanted = {};
  let version = 0;
  for (let step = 0; step < steps; step++) {
    const dice = random.next();
    const delta = deltas[random.integer(2)];
    const end = random.next() < 0.5 ? delta?.end : sotws[random.integer(2)]?.end;
    if (dice < 0.5) {
      mesh = randomMesh(random, true);
      rig.publish(String(++version), mesh);
    } else if (dice < 0.6) {
      end?.pause();
      rig.clock.after(random.integer(1200), () => end?.resume());
    } else if (dice < 0.7) delta?.end?.cut(lost);
    rig.run(random.integer(200));
  }
  mesh = randomMesh(random, false);
  rig.events.length = 0;
  rig.publish("last", mesh);
  rig.run(20_000);
  for (const { proxy } of [...deltas, ...sotws]) {
    const held = Object.fromEntries(
      Object.entries(proxy.held).map(([type, map]) => [type, Object.fromEntries(map)]),
    );
    assert.equal(sorted(held), sorted(expected(mesh)));
  }
  assert.equal(rig.events.filter((event) => event === "applied last").length, 4);
  for (const { client } of deltas) client.close();
  rig.server.close();
}

test("any history converges, and no route is ever without its cluster", () => {
  for (let seed = 1; seed <= Number(process.env["WEFT_SEEDS"] ?? 60); seed++) {
    try {
      run(seed, 60);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
