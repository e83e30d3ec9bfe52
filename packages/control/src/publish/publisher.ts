// Joins model, compiler and xDS server: takes the store's events, keeps the model, compiles what
// changed, publishes snapshots to the proxies that can see the change, and hears their answers.

import type { Runtime } from "@weft/runtime";
import {
  readNode,
  type Snapshot,
  type SnapshotSource,
  type SnapshotSubscription,
  StatusCode,
  type XdsClientInfo,
  type XdsRefusal,
  type XdsServerEvents,
} from "@weft/xds";
import type { ClientClass } from "../compile/client-class.ts";
import { Compiler } from "../compile/compile.ts";
import { type EffectivePolicy, effectivePolicy } from "../compile/effective-policy.ts";
import { compileTrustBundle } from "../compile/trust-bundle.ts";
import { applyEvent, type ModelEvent } from "../model/apply-event.ts";
import { type Change, emptyChange } from "../model/change.ts";
import { createModel, type Model } from "../model/model.ts";
import type { Objects } from "../rest/operations.ts";
import { affectedProxies } from "./affected.ts";
import { Conditions } from "./conditions.ts";
import { ConnectedProxy, type ProxyStatus } from "./connected-proxy.ts";
import { Debounce } from "./debounce.ts";
import { Settling } from "./settling.ts";
import {
  assembleSnapshot,
  createGeneration,
  fillGeneration,
  findDangling,
  type Generation,
  type LiveResources,
  retainEndpoints,
  type SnapshotKey,
} from "./snapshot.ts";

/** The roots every proxy trusts; the authority gives them, and says when they change. */
interface TrustRoots {
  /** All roots of the bundle, PEM, one after the other. */
  bundlePem(): string;
  onChange?(listener: () => void): { close(): void };
}

export interface PublisherOptions {
  readonly runtime: Runtime;
  readonly objects: Pick<Objects, "watchAll" | "patchStatus">;
  readonly roots: TrustRoots;
  readonly trustDomain: string;
  /** Events within this window are taken together; default 10 ms. */
  readonly debounceMs?: number;
  /** A publication is never later than this after its first event; default 100 ms. */
  readonly debounceMaxMs?: number;
}

/** Figures for `/metrics`. */
interface PublisherFigures {
  readonly proxies: number;
  readonly publications: number;
  readonly nacks: number;
  /** Publications refused because they would have dangled. */
  readonly refusals: number;
  /** Milliseconds from the first event of the last publication to its end. */
  readonly lastPublishMs: number;
}

export interface Publisher extends SnapshotSource, XdsServerEvents {
  /** Resolves when the store has been read once; nothing is sent before. */
  readonly synced: Promise<void>;
  /**
   * Resolves when every connected proxy has answered a snapshot that contains this store revision
   * (a metadata.resourceVersion); proxies that refused it count as having answered.
   */
  settled(resourceVersion: string | number): Promise<void>;
  proxies(): readonly ProxyStatus[];
  /** The values in force for a service, for `weft describe service`; null: no such service. */
  effective(namespace: string, service: string): EffectivePolicy | null;
  figures(): PublisherFigures;
  close(): void;
}

const DEBOUNCE_MS = 10;
const DEBOUNCE_MAX_MS = 100;
/** How long compiling may hold the thread before others get their turn. */
const SLICE_MS = 5;

export function createPublisher(options: PublisherOptions): Publisher {
  return new SnapshotPublisher(options);
}

class SnapshotPublisher implements Publisher {
  readonly synced: Promise<void>;
  readonly #runtime: Runtime;
  readonly #roots: TrustRoots;
  readonly #model: Model = createModel();
  readonly #compiler: Compiler;
  readonly #conditions: Conditions;
  readonly #settling: Settling;
  readonly #debounce: Debounce;
  readonly #closers: { close(): void }[] = [];
  /** Every open stream by its client's id, and the newest stream of each node. */
  readonly #streams = new Map<string, ConnectedProxy>();
  readonly #newest = new Map<string, ConnectedProxy>();
  /** Events that wait for the next publication; the model stands still while one is compiled. */
  #waiting: ModelEvent[] = [];
  /** What is stale beside what the waiting events make so. */
  #change: Change = { ...emptyChange(), isEverything: true };
  #isListed = false;
  #isPublishing = false;
  #hasNewBundle = false;
  #isClosed = false;
  #publication = 0;
  #generation: Generation | null = null;
  /** The generation is older than what is compiled, because that would have dangled. */
  #isHeldBack = false;
  #live: LiveResources;
  /** Classes whose routes are compiled. */
  #readyClasses: ReadonlySet<ClientClass> = new Set();
  /** When the first event of the next publication came. */
  #firstEventMs: number | null = null;
  #onSynced: () => void = () => undefined;
  #counts = { nacks: 0, refusals: 0, lastPublishMs: 0 };

  constructor(options: PublisherOptions) {
    const { runtime, objects, roots, trustDomain } = options;
    this.#runtime = runtime;
    this.#roots = roots;
    this.#compiler = new Compiler(this.#model, { trustDomain });
    this.#live = { endpoints: new Map(), bundle: compileTrustBundle(roots.bundlePem()) };
    this.synced = new Promise((resolve) => {
      this.#onSynced = resolve;
    });
    const proxies = (): Iterable<ConnectedProxy> => this.#newest.values();
    this.#settling = new Settling(proxies);
    this.#conditions = new Conditions({ runtime, objects, model: this.#model, proxies });
    this.#debounce = new Debounce({
      timers: runtime.timers,
      quietMs: options.debounceMs ?? DEBOUNCE_MS,
      maxMs: options.debounceMaxMs ?? DEBOUNCE_MAX_MS,
      now: () => runtime.clock.monotonicMs(),
      action: () => this.#begin(),
    });
    const watch = objects.watchAll(
      (event) => this.#onEvent(event),
      () => this.#onListed(),
    );
    this.#closers.push(watch);
    const bundle = roots.onChange?.(() => this.#onRoots());
    if (bundle !== undefined) this.#closers.push(bundle);
  }

  subscribe(
    client: XdsClientInfo,
    onSnapshot: (snapshot: Snapshot) => void,
  ): SnapshotSubscription | XdsRefusal {
    const node = readNode(client.node);
    if (node === null) {
      const message = `the node id ${JSON.stringify(client.node.id)} is not <namespace>/<workload>`;
      return { refused: { code: StatusCode.invalidArgument, message } };
    }
    const proxy = new ConnectedProxy(client, node, this.#runtime.clock.nowMs(), onSnapshot);
    this.#streams.set(client.id, proxy);
    this.#newest.set(proxy.id, proxy);
    if (this.#compiler.addClass(proxy.class)) {
      for (const key of this.#model.objects.Service.keys()) this.#change.virtualHosts.add(key);
      if (this.#isListed) this.#debounce.poke();
    }
    // While something is compiled the proxy waits for the end of it.
    if (!this.#isPublishing) this.#serve(proxy);
    return { close: () => this.#leave(proxy) };
  }

  onAck(client: XdsClientInfo, typeUrl: string, version: string): void {
    this.#streams.get(client.id)?.acknowledged(typeUrl, version);
  }

  onNack(client: XdsClientInfo, typeUrl: string, version: string, message: string): void {
    this.#counts.nacks++;
    const atMs = this.#runtime.clock.nowMs();
    this.#streams.get(client.id)?.refused({ typeUrl, version, message, atMs });
    this.#afterAnswer();
  }

  onApplied(client: XdsClientInfo, snapshotVersion: string): void {
    this.#streams.get(client.id)?.applied(snapshotVersion);
    this.#afterAnswer();
  }

  onClose(client: XdsClientInfo): void {
    const proxy = this.#streams.get(client.id);
    if (proxy !== undefined) this.#leave(proxy);
  }

  settled(resourceVersion: string | number): Promise<void> {
    return this.#settling.wait(Number(resourceVersion));
  }

  proxies(): readonly ProxyStatus[] {
    const list = [...this.#newest.values()].map((proxy) => proxy.status());
    return list.sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
  }

  effective(namespace: string, service: string): EffectivePolicy | null {
    return effectivePolicy(this.#model, namespace, service);
  }

  figures(): PublisherFigures {
    return { proxies: this.#newest.size, publications: this.#publication, ...this.#counts };
  }

  close(): void {
    this.#isClosed = true;
    this.#debounce.cancel();
    this.#conditions.close();
    for (const closer of this.#closers) closer.close();
  }

  #onEvent(event: ModelEvent): void {
    this.#waiting.push(event);
    this.#firstEventMs ??= this.#runtime.clock.monotonicMs();
    if (this.#isListed) this.#debounce.poke();
  }

  /** The store has been read: the first publication is not delayed. */
  #onListed(): void {
    this.#isListed = true;
    this.#begin();
  }

  #onRoots(): void {
    this.#live = { ...this.#live, bundle: compileTrustBundle(this.#roots.bundlePem()) };
    this.#hasNewBundle = true;
    if (this.#isListed) this.#debounce.poke();
  }

  #begin(): void {
    if (this.#isPublishing || this.#isClosed) return;
    this.#isPublishing = true;
    const sinceMs = this.#firstEventMs ?? this.#runtime.clock.monotonicMs();
    this.#firstEventMs = null;
    this.#publish()
      .catch((error: unknown) => {
        // A defect of ours: everyone keeps what they run, and the next change compiles it all
        // again.
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#runtime.log.error(`publication failed: ${text}`);
        this.#change.isEverything = true;
      })
      .finally(() => {
        this.#isPublishing = false;
        this.#counts.lastPublishMs = this.#runtime.clock.monotonicMs() - sinceMs;
        if (this.#waiting.length > 0) this.#debounce.poke();
      });
  }

  async #publish(): Promise<void> {
    const change = this.#change;
    this.#change = emptyChange();
    const events = this.#waiting.splice(0);
    await this.#inSlices(applyAll(this.#model, events, change));
    const { revision } = this.#model;
    const classes = this.#compiler.classes();
    const result = await this.#inSlices(this.#compiler.apply(change));
    if (this.#isClosed) return;
    this.#readyClasses = classes;
    this.#publication++;
    const isForAll = this.#hasNewBundle || this.#isHeldBack || this.#generation === null;
    this.#hasNewBundle = false;
    const isStaged = result.hasClusterChange || result.hasRouteChange || change.inbound.size > 0;
    if (isStaged || this.#isHeldBack || this.#generation === null) this.#advance();
    else this.#live = { ...this.#live, endpoints: this.#compiler.endpoints };
    const streams = [...this.#streams.values()];
    const seen = isForAll ? streams : affectedProxies(streams, change, result);
    for (const proxy of seen) this.#serve(proxy);
    for (const proxy of streams) if (proxy.snapshot === null) this.#serve(proxy);
    this.#settling.published(revision, this.#publication);
    this.#conditions.published(change, this.#publication);
    this.#onSynced();
  }

  /** Runs the steps with pauses, so that nothing else waits long. */
  async #inSlices<T>(steps: Generator<undefined, T>): Promise<T> {
    const { clock, timers } = this.#runtime;
    let sliceMs = clock.monotonicMs();
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (clock.monotonicMs() - sliceMs < SLICE_MS) continue;
      await new Promise<void>((resolve) => timers.after(0, resolve));
      sliceMs = clock.monotonicMs();
    }
  }

  /** Moves everyone to a generation of what is compiled now, unless it would dangle. */
  #advance(): void {
    const { clusters, endpoints } = this.#compiler;
    const next = createGeneration((this.#generation?.number ?? 0) + 1, clusters);
    for (const proxy of this.#streams.values()) {
      if (!this.#readyClasses.has(proxy.class)) continue;
      fillGeneration(next, this.#compiler, this.#keyOf(proxy));
    }
    const live = { ...this.#live, endpoints };
    const problem = findDangling(next, live);
    this.#isHeldBack = problem !== null;
    if (problem === null) {
      this.#generation = next;
      this.#live = live;
      return;
    }
    this.#counts.refusals++;
    this.#runtime.log.error(`not published: ${problem}`, { generation: next.number });
    if (this.#generation === null) return;
    const kept = retainEndpoints(this.#generation, endpoints, this.#live.endpoints);
    this.#live = { ...this.#live, endpoints: kept };
  }

  /** Sends a proxy its snapshot, if it has another one. */
  #serve(proxy: ConnectedProxy): void {
    const generation = this.#generation;
    if (generation === null || !this.#readyClasses.has(proxy.class)) return;
    const key = this.#keyOf(proxy);
    if (!this.#isHeldBack) fillGeneration(generation, this.#compiler, key);
    const made = assembleSnapshot(generation, this.#live, this.#compiler, key, proxy.snapshot);
    if (made !== null && !proxy.holds(made)) proxy.deliver(made, this.#publication);
  }

  #keyOf(proxy: ConnectedProxy): SnapshotKey {
    proxy.workload = this.#model.objects.Workload.get(proxy.id) ?? proxy.workload;
    const { class: client, node, workload } = proxy;
    const { namespace, outboundPort, upstreams } = node;
    return { client, namespace, workload, outboundPort, upstreams };
  }

  #leave(proxy: ConnectedProxy): void {
    if (!this.#streams.delete(proxy.client.id)) return;
    if (this.#newest.get(proxy.id) === proxy) {
      this.#newest.delete(proxy.id);
      this.#compiler.forget(proxy.id);
    }
    this.#afterAnswer();
  }

  #afterAnswer(): void {
    this.#settling.check();
    this.#conditions.answered();
  }
}

function* applyAll(
  model: Model,
  events: readonly ModelEvent[],
  change: Change,
): Generator<undefined, void> {
  for (const event of events) {
    applyEvent(model, event, change);
    yield;
  }
}
