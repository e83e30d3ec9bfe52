// A publisher over objects in memory and virtual time, and proxies that answer as they are told.

import assert from "node:assert/strict";
import type { ApiObject } from "@weft/api";
import { type Runtime, seededRandom, silentLogger, SimClock } from "@weft/runtime";
import { type Snapshot, typeUrls, writeNode, type XdsClientInfo } from "@weft/xds";
import { complete, type Written } from "../compile/fixture.test.ts";
import type { ObjectEvent } from "../rest/operations.ts";
import { createPublisher, type Publisher, type PublisherOptions } from "./publisher.ts";

export function simRuntime(): { runtime: Runtime; clock: SimClock } {
  const clock = new SimClock();
  const random = seededRandom(1);
  return { runtime: { clock, timers: clock, random, log: silentLogger }, clock };
}

/** Stored objects, with the part of `Objects` that the publisher uses. */
export class MemoryObjects {
  readonly stored: Map<string, ApiObject> = new Map();
  revision: number = 0;
  /** Status writes, oldest first, as `<kind>/<namespace>/<name>`. */
  readonly written: string[] = [];
  #onEvent: ((event: ObjectEvent) => void) | null = null;

  put(...objects: readonly Written[]): number {
    for (const written of objects) {
      const object = complete(written, ++this.revision);
      const key = keyOf(object);
      const before = this.stored.get(key);
      if (before?.status !== undefined && object.status === undefined)
        object.status = before.status;
      this.#store(object);
    }
    return this.revision;
  }

  delete(kind: string, namespace: string, name: string): number {
    const key = `${kind}/${namespace}/${name}`;
    const object = this.stored.get(key);
    assert.ok(object, key);
    this.stored.delete(key);
    this.#onEvent?.({ type: "delete", kind, object, revision: ++this.revision });
    return this.revision;
  }

  watchAll: PublisherOptions["objects"]["watchAll"] = (onEvent, onSynced) => {
    this.#onEvent = onEvent;
    void Promise.resolve().then(() => {
      for (const object of this.stored.values()) this.#tell(object);
      onSynced(this.revision);
    });
    return { close: () => void (this.#onEvent = null) };
  };

  patchStatus: PublisherOptions["objects"]["patchStatus"] = async (
    kind,
    namespace,
    name,
    mutate,
  ) => {
    const key = `${kind}/${namespace ?? ""}/${name}`;
    const standing = this.stored.get(key);
    if (standing === undefined) return null;
    const object = structuredClone(standing);
    mutate(object as never);
    if (JSON.stringify(object.status) === JSON.stringify(standing.status)) return object as never;
    this.written.push(key);
    this.revision++;
    this.#store(object);
    return object as never;
  };

  status(kind: string, name: string, namespace = "shop"): unknown {
    return this.stored.get(`${kind}/${namespace}/${name}`)?.status ?? assert.fail(`no ${name}`);
  }

  conditions(kind: string, name: string, namespace = "shop"): Record<string, string> {
    const status = this.stored.get(`${kind}/${namespace}/${name}`)?.status as
      | { conditions?: Listed[]; parents?: { conditions: Listed[] }[] }
      | undefined;
    const listed = status?.conditions ?? status?.parents?.[0]?.conditions ?? [];
    const entries = listed.map((one) => [
      one.type,
      [one.status, one.reason, one.message].filter((text) => text !== "").join(" "),
    ]);
    return Object.fromEntries(entries) as Record<string, string>;
  }

  #store(object: ApiObject): void {
    this.stored.set(keyOf(object), object);
    this.#tell(object);
  }

  #tell(object: ApiObject): void {
    const { kind } = object;
    this.#onEvent?.({ type: "put", kind, object, previous: null, revision: this.revision });
  }
}

interface Listed {
  type: string;
  status: string;
  reason: string;
  message: string;
}

function keyOf({ kind, metadata }: ApiObject): string {
  return `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}

export class World {
  readonly objects: MemoryObjects = new MemoryObjects();
  readonly clock: SimClock;
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  bundle: string = "-----BEGIN CERTIFICATE-----\nROOT-1\n-----END CERTIFICATE-----\n";
  #onBundle: () => void = () => undefined;
  #streams = 0;

  constructor(...objects: readonly Written[]) {
    const { runtime, clock } = simRuntime();
    this.runtime = runtime;
    this.clock = clock;
    this.objects.put(...objects);
    this.publisher = createPublisher({
      runtime,
      objects: this.objects,
      roots: {
        bundlePem: () => this.bundle,
        onChange: (listener) => {
          this.#onBundle = listener;
          return { close: () => undefined };
        },
      },
      trustDomain: "weft.local",
    });
  }

  rotate(bundle: string): void {
    this.bundle = bundle;
    this.#onBundle();
  }

  /** Lets what is due within the time happen, promises included. */
  async pass(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms, 1);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  connect(id: string, kind: "builtin" | "envoy" = "builtin"): FakeProxy {
    const [namespace = "", workload = ""] = id.split("/");
    const serviceAccount = "test";
    const node = writeNode({
      ...{ namespace, workload, serviceAccount, kind },
      ...{ cluster: "test", version: "0.1.0", ports: [] },
    });
    const peer = { spiffeId: null, token: null, address: "127.0.0.1:1" };
    const client = { id: `${id}#${++this.#streams}`, node, peer, transport: "delta" } as const;
    return new FakeProxy(this.publisher, client);
  }
}

/** Holds what it was sent; answers when told to. */
export class FakeProxy {
  readonly snapshots: Snapshot[] = [];
  readonly #publisher: Publisher;
  readonly #client: XdsClientInfo;
  readonly #subscription: { close(): void };
  /** Applies everything as it comes. */
  isEager: boolean = false;

  constructor(publisher: Publisher, client: XdsClientInfo) {
    this.#publisher = publisher;
    this.#client = client;
    const answer = publisher.subscribe(client, (snapshot) => {
      this.snapshots.push(snapshot);
      if (this.isEager) this.apply();
    });
    assert.ok(!("refused" in answer));
    this.#subscription = answer;
  }

  get last(): Snapshot {
    return this.snapshots.at(-1) ?? assert.fail("it was sent nothing");
  }

  names(type: keyof typeof typeUrls): string[] {
    return [...(this.last.resources.get(typeUrls[type])?.keys() ?? [])];
  }

  apply(snapshot: Snapshot = this.last): void {
    for (const typeUrl of snapshot.resources.keys()) {
      this.#publisher.onAck(this.#client, typeUrl, snapshot.version);
    }
    this.#publisher.onApplied(this.#client, snapshot.version);
  }

  refuse(message: string, type: keyof typeof typeUrls = "route"): void {
    this.#publisher.onNack(this.#client, typeUrls[type], this.last.version, message, []);
  }

  close(): void {
    this.#subscription.close();
    this.#publisher.onClose(this.#client);
  }
}
