// The proxy on the main thread: binds its sockets, keeps its workers, its configuration and its
// numbers, and answers questions about them. It never touches a request (decision D4).

import { randomBytes } from "node:crypto";
import { bindListener, canShareListeners, formatAddress, Inheritance } from "@weft/runtime";
import { resourceTypeOf } from "@weft/xds";
import { bindPorts, openPorts, type ServicePorts } from "./admin.ts";
import { ClusterShares } from "./cluster-shares.ts";
import { endpointsOf, findService } from "./config/service-names.ts";
import { decodeSnapshot, encodeSnapshot } from "./config/snapshot.ts";
import { Subscriptions } from "./config/subscribe.ts";
import type {
  ListenOutcome,
  LoadRow,
  NamedEndpoint,
  NamedService,
  ProxyAddresses,
  ProxyHandle,
  ProxyIdentity,
  ProxyOptions,
  ProxyPorts,
} from "./handle.ts";
import type { ToWorker } from "./messages.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { answerTopic, type TopicSources } from "./questions.ts";
import { type SharedListener, Supervisor } from "./supervisor.ts";
import type { XdsCounts } from "./telemetry/prometheus.ts";
import { Totals } from "./telemetry/totals.ts";
import type { ProgramAddress } from "./thread.ts";
import type { IdentityBytes } from "./tls/identity.ts";
import { VirtualListeners } from "./virtual-listeners.ts";

/** After a change the snapshot is written once things have been quiet for so long. */
const snapshotDelayMs = 200;
const sweepMs = 1000;
/** An inherited socket that nobody has asked for by then belongs to nothing any more. */
const inheritedMs = 30_000;
const ticketKeyBytes = 48;

export async function openProxy(options: ProxyOptions): Promise<ProxyHandle> {
  const proxy = new BuiltinProxy(options);
  await proxy.open();
  return proxy;
}

class BuiltinProxy implements ProxyHandle {
  readonly #options: ProxyOptions;
  readonly #subscriptions: Subscriptions;
  readonly #shares: ClusterShares;
  readonly #totals = new Totals();
  readonly #xds: XdsCounts = {
    isConnected: false,
    accepted: new Map(),
    refused: new Map(),
    lastUpdateSeconds: 0,
  };
  readonly #lastRefusals: { typeUrl: string; reason: string; atMs: number }[] = [];
  readonly ready: Promise<void>;
  #isReady = false;
  #setReady: () => void = () => {};
  #supervisor!: Supervisor;
  #virtual!: VirtualListeners;
  readonly #inheritance: Inheritance;
  #servicePorts: ServicePorts | null = null;
  #openServicePorts!: () => Promise<ServicePorts>;
  #ports!: ProxyPorts;
  #identity: ProxyIdentity | null = null;
  #identityBytes: IdentityBytes | null = null;
  #held: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map();
  #onSnapshot: ((bytes: Uint8Array) => void) | null = null;
  #snapshotTimer: { cancel(): void } | null = null;
  #sweepTimer: { cancel(): void } | null = null;
  readonly #memory: MemoryWatch;
  #isDraining = false;
  #isHandedOver = false;
  #isBeginning = false;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#inheritance = options.inheritance ?? new Inheritance();
    this.#memory = new MemoryWatch(options.runtime, options.memoryLimitBytes ?? 0, {
      onLevel: () => this.#supervisor.send(this.#overloadMessage()),
    });
    this.ready = new Promise((resolve) => {
      this.#setReady = resolve;
    });
    this.#shares = new ClusterShares(
      // One more for a worker that comes while another still drains.
      Math.max(1, options.concurrency) + 1,
      options.runtime.clock,
      (cluster, ejected) => this.#supervisor.send({ kind: "eject", cluster, keys: [...ejected] }),
    );
    this.#subscriptions = new Subscriptions({
      onChange: (changes, before, after) => {
        const clusters = this.#shares.changed(changes, before, after);
        const version = this.#subscriptions.version;
        this.#supervisor.send({ kind: "configure", version, changes, clusters });
        for (const { typeUrl } of changes) this.#countUpdate(this.#xds.accepted, typeUrl);
        this.#xds.lastUpdateSeconds = Math.floor(options.runtime.clock.nowMs() / 1000);
        this.#refreshRoots();
        this.#virtual.keepOnly((service, namespace) => {
          return findService(after, `${service}.${namespace}`) !== null;
        });
        this.#scheduleSnapshot();
        this.#checkReady();
      },
      onRefused: (typeUrl, reason) => {
        this.#countUpdate(this.#xds.refused, typeUrl);
        this.#lastRefusals.push({ typeUrl, reason, atMs: options.runtime.clock.nowMs() });
        if (this.#lastRefusals.length > 20) this.#lastRefusals.shift();
        options.runtime.log.warn("an update of the configuration was refused", { typeUrl, reason });
      },
      onConnection: (isConnected) => {
        this.#xds.isConnected = isConnected;
      },
    });
  }

  async open(): Promise<void> {
    const options = this.#options;
    const { runtime } = options;
    const canShare = canShareListeners();
    const concurrency = canShare ? Math.max(1, options.concurrency) : 1;
    const listeners = bindAll(options, canShare, this.#inheritance);
    const bound = bindPorts(options.addresses, this.#inheritance);
    this.#openServicePorts = () =>
      openPorts(options.addresses, bound, this.#topics(), () => this.isReady);
    // Sockets of a process before this one are served by it until this one is ready.
    const waits = this.#inheritance.hasPredecessor;
    if (!waits) this.#servicePorts = await this.#openServicePorts();
    const outbound = listeners.find(({ order }) => order.name === "outbound");
    this.#supervisor = new Supervisor(
      runtime,
      {
        settings: {
          namespace: options.workload.namespace,
          workload: options.workload.workload,
          service: options.workload.service,
          version: options.workload.version,
          domain: options.domain,
          outboundPort: outbound?.bound?.port ?? options.addresses.outbound.preferredPort,
          programAddresses: programAddresses(options),
          keepsClientAddress: options.addresses.capture?.keepsClientAddress ?? false,
          peerDial: options.addresses.capture?.peerDial ?? null,
          explain: options.explain ?? false,
        },
        accessLog: options.accessLog ?? false,
      },
      listeners,
      {
        catchUp: () => this.#catchUp(),
        onReport: (worker, report) => {
          this.#totals.add(worker, report);
          this.#memory.note(report);
        },
        onConfigured: () => this.#checkReady(),
        onLimitReached: (cluster, endpoint) => this.#shares.limitReached(cluster, endpoint),
        onDied: (worker) => {
          this.#shares.forgetWorker(worker);
          this.#totals.forgetWorker(worker);
        },
      },
    );
    this.#virtual = new VirtualListeners(this.#supervisor, this.#inheritance);
    await this.#supervisor.open(concurrency, waits);
    this.#ports = this.#portsOf(listeners, {
      admin: this.#servicePorts?.admin ?? bound.admin?.port ?? 0,
      metrics: this.#servicePorts?.metrics ?? bound.metrics?.port ?? 0,
      readiness: this.#servicePorts?.readiness ?? bound.readiness?.port ?? 0,
    });
    this.#sweepTimer = runtime.timers.every(sweepMs, () => this.#sweep(), {
      background: true,
    });
    this.#memory.begin();
  }

  #sweep(): void {
    this.#shares.sweep();
    this.#supervisor.sweep();
  }

  get ports(): ProxyPorts {
    return this.#ports;
  }

  get isReady(): boolean {
    return this.#isReady && !this.#isDraining;
  }

  get xdsHandler(): ProxyHandle["xdsHandler"] {
    return this.#subscriptions.handler;
  }

  get configVersion(): string {
    return this.#subscriptions.version;
  }

  attach(client: Parameters<ProxyHandle["attach"]>[0]): void {
    this.#subscriptions.attach(client);
  }

  heldVersions(): ReadonlyMap<string, ReadonlyMap<string, string>> {
    return this.#held;
  }

  setIdentity(identity: ProxyIdentity): void {
    this.#identity = identity;
    this.#sendIdentity();
    this.#checkReady();
  }

  loadSnapshot(bytes: Uint8Array): boolean {
    const changes = decodeSnapshot(bytes);
    if (changes === null || !this.#subscriptions.load(changes)) return false;
    this.#held = new Map(
      changes.map(({ typeUrl, changed }) => [
        typeUrl,
        new Map(changed.map(({ name, version }) => [name, version])),
      ]),
    );
    return true;
  }

  onSnapshot(listener: (bytes: Uint8Array) => void): void {
    this.#onSnapshot = listener;
  }

  findService(name: string): NamedService | null {
    return findService(this.#subscriptions.tables, name);
  }

  endpointsOf(service: NamedService): NamedEndpoint[] {
    return endpointsOf(this.#subscriptions.tables, service, this.#options.domain);
  }

  /** Without FFI a worker has its own sockets, and none are opened later. */
  listenFor(service: NamedService, address: string): Promise<ListenOutcome> {
    if (!canShareListeners()) return Promise.resolve("partly");
    return this.#virtual.listen(address, service);
  }

  assign(service: NamedService, address: string): Promise<void> {
    return this.#virtual.assign(address, service);
  }

  takeLoad(): LoadRow[] {
    return this.#totals.takeLoad();
  }

  ask(topic: string, args: Readonly<Record<string, string>>): Promise<unknown> {
    return answerTopic(this.#topics(), topic, args);
  }

  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
    await this.#supervisor.drain(ms, false);
    await this.#supervisor.report();
  }

  async handOver(ms: number): Promise<void> {
    this.#isDraining = true;
    this.#isHandedOver = true;
    this.#servicePorts?.retire();
    await this.#supervisor.drain(ms, true);
  }

  async replaceWorkers(): Promise<boolean> {
    let isWhole = true;
    for (const { number } of this.#supervisor.versions()) {
      isWhole = (await this.#supervisor.replace(number, this.#options.drainMs)) && isWhole;
    }
    return isWhole;
  }

  async close(): Promise<void> {
    this.#isDraining = true;
    this.#snapshotTimer?.cancel();
    this.#sweepTimer?.cancel();
    this.#memory.end();
    if (!this.#isHandedOver) this.#servicePorts?.close();
    await this.#supervisor.close();
  }

  #overloadMessage(): ToWorker {
    const { level } = this.#memory.overload;
    return { kind: "overload", level, mayStop: this.#supervisor.canShare };
  }

  /** What a new worker needs before it accepts anything. */
  #catchUp(): ToWorker[] {
    const messages: ToWorker[] = [this.#overloadMessage()];
    if (this.#identityBytes !== null) {
      messages.push({ kind: "identity", identity: this.#identityBytes });
    }
    messages.push({ kind: "assign", id: 0, addresses: this.#virtual.assigned });
    messages.push({
      kind: "configure",
      version: this.#subscriptions.version,
      changes: this.#subscriptions.allChanges(),
      clusters: this.#shares.all(this.#subscriptions.tables),
    });
    return messages;
  }

  /** The roots of the `bundle` resource are newer than those that came with the SVID. */
  #sendIdentity(): void {
    const identity = this.#identity;
    if (identity === null) return;
    const bundle = this.#subscriptions.tables.secrets.get("bundle");
    this.#identityBytes = {
      keyPem: identity.keyPem,
      chainPem: identity.chainPem,
      rootsPem: bundle?.rootsPem ?? identity.rootsPem,
      spiffeId: identity.spiffeId,
      notAfterMs: identity.notAfterMs,
      // New with every identity and bundle: a session never outlives what it was made under.
      ticketKeys: new Uint8Array(randomBytes(ticketKeyBytes)),
    };
    this.#supervisor.send({ kind: "identity", identity: this.#identityBytes });
  }

  #refreshRoots(): void {
    const bundle = this.#subscriptions.tables.secrets.get("bundle");
    if (bundle !== undefined && bundle.rootsPem !== this.#identityBytes?.rootsPem) {
      this.#sendIdentity();
    }
  }

  /** SVID, listeners, and everything they mention, in force in every worker. */
  #checkReady(): void {
    if (this.#isReady || this.#identity === null) return;
    const { tables } = this.#subscriptions;
    if (!tables.listeners.has("outbound")) return;
    for (const { portName } of this.#options.addresses.inbound) {
      if (!tables.listeners.has(`inbound/${portName}`)) return;
    }
    for (const { tlsChain, plainChain } of tables.listeners.values()) {
      for (const chain of [tlsChain, plainChain]) {
        const routes = chain?.http?.routesName ?? null;
        if (routes !== null && !tables.routes.has(routes)) return;
      }
    }
    for (const { endpointsName } of tables.clusters.values()) {
      if (endpointsName !== null && !tables.endpoints.has(endpointsName)) return;
    }
    const { version } = this.#subscriptions;
    if (!this.#supervisor.versions().every((worker) => worker.version === version)) return;
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    void this.#begin();
  }

  /** Everything is in force: from now on requests are served. */
  async #begin(): Promise<void> {
    await this.#options.prepare?.();
    this.#servicePorts ??= await this.#openServicePorts();
    await this.#supervisor.accept();
    // Addresses of services are taken when their names are looked up again.
    const { timers } = this.#options.runtime;
    timers.after(inheritedMs, () => this.#inheritance.closeRest(), { background: true });
    this.#isReady = true;
    this.#setReady();
  }

  #countUpdate(counts: Map<string, number>, typeUrl: string): void {
    const { short } = resourceTypeOf(typeUrl);
    counts.set(short, (counts.get(short) ?? 0) + 1);
  }

  #scheduleSnapshot(): void {
    this.#snapshotTimer?.cancel();
    this.#snapshotTimer = this.#options.runtime.timers.after(
      snapshotDelayMs,
      () => this.#onSnapshot?.(encodeSnapshot(this.#subscriptions.held)),
      { background: true },
    );
  }

  #portsOf(
    listeners: readonly SharedListener[],
    service: Pick<ProxyPorts, "admin" | "metrics" | "readiness">,
  ): ProxyPorts {
    const inbound: Record<string, number> = {};
    const upstreams: Record<string, string> = {};
    let outbound = 0;
    let capturedInbound = 0;
    for (const { order, bound } of listeners) {
      const port = bound?.port ?? this.#supervisor.portOf(order.name);
      if (order.name === "outbound") outbound = port;
      else if (order.captured === "inbound") capturedInbound = port;
      else if (order.binding === null) inbound[order.name.slice("inbound/".length)] = port;
      else upstreams[order.name.slice("upstream/".length)] = formatAddress(order.address, port);
    }
    if (capturedInbound !== 0) {
      for (const one of this.#options.addresses.inbound) inbound[one.portName] = one.appPort;
    }
    return { outbound, ...service, inbound, capturedInbound, upstreams };
  }

  #topics(): TopicSources {
    return {
      options: this.#options,
      totals: this.#totals,
      xds: this.#xds,
      refusals: this.#lastRefusals,
      shares: () => this.#shares,
      supervisor: () => this.#supervisor,
      subscriptions: this.#subscriptions,
      identity: () => this.#identity,
      isReady: () => this.isReady,
      ports: () => this.#ports,
      overload: this.#memory.overload,
      replaceWorkers: () => this.replaceWorkers(),
    };
  }
}

function bindAll(
  options: ProxyOptions,
  canShare: boolean,
  inheritance: Inheritance,
): SharedListener[] {
  const { capture = null, outbound, upstreams } = options.addresses;
  const orders: SharedListener["order"][] = [
    {
      name: "outbound",
      resourceName: "outbound",
      binding: null,
      captured: capture === null ? null : "outbound",
      address: outbound.address,
      port: outbound.preferredPort,
    },
    ...inboundOrders(options.addresses),
    ...upstreams.map(({ name, service, namespace, port }) => ({
      name: `upstream/${name}`,
      resourceName: "outbound",
      binding: { service, namespace, port },
      captured: null,
      address: "127.0.0.1",
      port: 0,
    })),
  ];
  return orders.map((order) => {
    const isTransparent = order.captured === "inbound" && capture?.isTransparent === true;
    return {
      order,
      bound: canShare
        ? inheritance.listener(order.name, order.address, () =>
            bindListener(order.address, order.port, isTransparent),
          )
        : null,
    };
  });
}

/** One for each port, or with capture one for all of them. */
function inboundOrders({ capture = null, inbound }: ProxyAddresses): SharedListener["order"][] {
  if (capture === null) {
    return inbound.map(({ portName, address, preferredPort }) => ({
      name: `inbound/${portName}`,
      resourceName: `inbound/${portName}`,
      binding: null,
      captured: null,
      address,
      port: preferredPort,
    }));
  }
  if (inbound.length === 0) return [];
  const { address, preferredPort } = capture.inbound;
  const order = { name: "inbound", resourceName: "", binding: null, address, port: preferredPort };
  return [{ ...order, captured: "inbound" }];
}

function programAddresses(options: ProxyOptions): ReadonlyMap<string, ProgramAddress> {
  return new Map(
    options.addresses.inbound.map(({ portName, appAddress, appPort }) => [
      `inbound/${portName}`,
      { address: appAddress, port: appPort },
    ]),
  );
}
