// The control plane of a conformance mesh: the real model and compiler, without store, API and
// gRPC. Each proxy is sent what it subscribed to, changed resources only, in the order of make
// before break.

import {
  type ApiObject,
  apiVersionOf,
  formatFieldError,
  storedKinds,
  type Workload,
} from "@weft/api";
import type { ProxyHandle } from "@weft/proxy";
import { resourceTypes, typeUrls } from "@weft/xds";
import { Any } from "@weft/xds/messages/google/protobuf/any.js";
import { Compiler } from "../../packages/control/src/compile/compile.ts";
import type { CompiledResource } from "../../packages/control/src/compile/resource.ts";
import { compileTrustBundle } from "../../packages/control/src/compile/trust-bundle.ts";
import { applyEvent } from "../../packages/control/src/model/apply-event.ts";
import { type Change, emptyChange } from "../../packages/control/src/model/change.ts";
import { createModel, type Model } from "../../packages/control/src/model/model.ts";

export interface WrittenObject {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** A resource as a proxy is sent it. */
export type Edit = (typeUrl: string, name: string, bytes: Uint8Array) => Uint8Array;

interface Follower {
  readonly proxy: ProxyHandle;
  readonly namespace: string;
  /** `namespace/name` of its Workload. */
  readonly workload: string;
  readonly names: Map<string, Set<string> | "*">;
  /** Versions it holds, by type and name. */
  readonly held: Map<string, Map<string, string>>;
}

export class TestControl {
  readonly #model: Model = createModel();
  readonly #compiler = new Compiler(this.#model, { trustDomain: "weft.local" });
  readonly #bundle: CompiledResource;
  readonly #followers: Follower[] = [];
  readonly #written = new Map<string, WrittenObject>();
  #change: Change = { ...emptyChange(), isEverything: true };
  #revision = 0;
  /** What a test has to say in a resource that the compiler does not. */
  readonly #edit: Edit | null;
  /** Texts of refused updates. */
  readonly refusals: string[] = [];

  constructor(rootsPem: string, edit: Edit | null = null) {
    this.#bundle = compileTrustBundle(rootsPem);
    this.#edit = edit;
  }

  /** Everything written and not deleted, without Workloads. */
  written(): WrittenObject[] {
    return [...this.#written.values()].filter(({ kind }) => kind !== "Workload");
  }

  put(...objects: readonly WrittenObject[]): void {
    for (const written of objects) {
      this.#written.set(`${written.kind}/${written.metadata.name}`, written);
      const object = this.#complete(written);
      this.#revision++;
      applyEvent(
        this.#model,
        { type: "put", kind: written.kind, object, revision: this.#revision },
        this.#change,
      );
    }
    this.#publish();
  }

  delete(kind: string, name: string, namespace = "default"): void {
    this.#written.delete(`${kind}/${name}`);
    const isNamespaced = storedKinds.some((info) => info.kind === kind && info.namespaced);
    const object = { metadata: { name, ...(isNamespaced ? { namespace } : {}) } };
    this.#revision++;
    const event = { type: "delete" as const, kind, object, revision: this.#revision };
    applyEvent(this.#model, event, this.#change);
    this.#publish();
  }

  /** Everything of this workload's proxy comes from here from now on. */
  follow(proxy: ProxyHandle, namespace: string, workload: string): void {
    const follower: Follower = {
      proxy,
      namespace,
      workload: `${namespace}/${workload}`,
      names: new Map(),
      held: new Map(resourceTypes.map(({ typeUrl }) => [typeUrl, new Map<string, string>()])),
    };
    this.#followers.push(follower);
    proxy.attach({
      subscribe: (typeUrl, names) => {
        const known = follower.names.get(typeUrl);
        if (names === "*") follower.names.set(typeUrl, "*");
        else if (known === undefined) follower.names.set(typeUrl, new Set(names));
        else if (known !== "*") for (const name of names) known.add(name);
      },
      unsubscribe: (typeUrl, names) => {
        const known = follower.names.get(typeUrl);
        if (names === "*" || known === undefined || known === "*") return;
        for (const name of names) {
          known.delete(name);
          follower.held.get(typeUrl)?.delete(name);
        }
      },
    });
    this.#send(follower);
  }

  unfollow(proxy: ProxyHandle): void {
    const at = this.#followers.findIndex((follower) => follower.proxy === proxy);
    if (at >= 0) this.#followers.splice(at, 1);
  }

  #publish(): void {
    const steps = this.#compiler.apply(this.#change);
    this.#change = emptyChange();
    while (steps.next().done !== true);
    for (const follower of this.#followers) this.#send(follower);
  }

  #send(follower: Follower): void {
    const all = this.#resourcesFor(follower);
    // Twice: clusters and listeners make the proxy ask for names that come before them in the
    // order.
    for (let round = 0; round < 2; round++) {
      for (const { typeUrl } of resourceTypes) {
        const wanted = follower.names.get(typeUrl);
        const held = follower.held.get(typeUrl) as Map<string, string>;
        const changed = (all.get(typeUrl) ?? []).filter(
          ({ name, version }) =>
            (wanted === "*" || wanted?.has(name) === true) && held.get(name) !== version,
        );
        if (changed.length > 0) this.#update(follower, typeUrl, changed, []);
      }
    }
    for (const { typeUrl } of [...resourceTypes].reverse()) {
      const held = follower.held.get(typeUrl) as Map<string, string>;
      const present = new Set((all.get(typeUrl) ?? []).map(({ name }) => name));
      const removed = [...held.keys()].filter((name) => !present.has(name));
      if (removed.length > 0) this.#update(follower, typeUrl, [], removed);
    }
  }

  #update(
    follower: Follower,
    typeUrl: string,
    changed: readonly CompiledResource[],
    removed: readonly string[],
  ): void {
    const held = follower.held.get(typeUrl) as Map<string, string>;
    const refusal = follower.proxy.xdsHandler.onUpdate(
      typeUrl,
      changed.map(({ name, version, any }) => ({
        name,
        version,
        resource: this.#edited(typeUrl, name, Any.decode(any).value),
      })),
      removed,
      "",
    );
    if (refusal !== null) {
      this.refusals.push(refusal);
      return;
    }
    for (const { name, version } of changed) held.set(name, version);
    for (const name of removed) held.delete(name);
  }

  #edited(typeUrl: string, name: string, bytes: Uint8Array): Uint8Array {
    return this.#edit === null ? bytes : this.#edit(typeUrl, name, bytes);
  }

  #resourcesFor(follower: Follower): Map<string, CompiledResource[]> {
    const workload = this.#model.objects.Workload.get(follower.workload);
    const inbound =
      workload === undefined
        ? { listeners: [], clusters: [] }
        : this.#compiler.inbound(workload as Workload);
    const { namespace } = follower;
    return new Map([
      [typeUrls.cluster, [...this.#compiler.clusters.values(), ...inbound.clusters]],
      [typeUrls.endpoint, [...this.#compiler.endpoints.values()]],
      [
        typeUrls.listener,
        [this.#compiler.outboundListener("builtin", namespace), ...inbound.listeners],
      ],
      [typeUrls.route, [this.#compiler.routeTable("builtin", namespace)]],
      [typeUrls.secret, [this.#bundle]],
    ]);
  }

  /** As the store would hold it: with defaults, valid. */
  #complete(written: WrittenObject): ApiObject {
    const info = storedKinds.find(({ kind }) => kind === written.kind);
    if (info === undefined) throw new Error(`no kind ${written.kind}`);
    const { metadata } = written;
    const object = JSON.parse(
      JSON.stringify({
        ...written,
        apiVersion: apiVersionOf(info),
        metadata: {
          ...metadata,
          ...(info.namespaced ? { namespace: metadata.namespace ?? "default" } : {}),
          uid: `uid-${written.kind}-${metadata.name}`,
          creationTimestamp: new Date(1_700_000_000_000 + this.#revision * 1000).toISOString(),
          resourceVersion: String(this.#revision + 1),
          generation: this.#revision + 1,
        },
      }),
    ) as ApiObject;
    info.defaults(object);
    const errors = info.validate(object).map(formatFieldError);
    if (errors.length > 0)
      throw new Error(`${written.kind} ${metadata.name}: ${errors.join("; ")}`);
    return object;
  }
}
