// The real Envoy as a workload's proxy (decision 0060). It speaks xDS itself: with the agent, over
// a Unix socket, which relays it to the control plane and keeps what Envoy acknowledged. The SVID
// comes the same way. Envoy binds the ports of user traffic, the agent those for people and probes.

import { writeFileSync } from "node:fs";
import path from "node:path";
import {
  type DataPlane,
  decodeSnapshot,
  encodeSnapshot,
  type LoadRow,
  type ProxyIdentity,
  type ProxyOptions,
  type ProxyPorts,
} from "@weft/proxy";
import { formatAddress, type ReservedPort, reservePort, sleep, type Timer } from "@weft/runtime";
import { createXdsRelay, type HeldResources, typeUrls, type XdsRelay } from "@weft/xds";
import { type LocalGrpcServer, openLocalGrpcServer } from "@weft/xds/grpc";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { AgentFailure } from "../../failure.ts";
import type { ProxyLink, SupervisedProxy } from "../data-plane.ts";
import { EnvoyAdmin } from "./admin.ts";
import type { EnvoyBinary } from "./binary.ts";
import { makeBootstrap } from "./bootstrap.ts";
import { boundsMs, loadTarget } from "./load.ts";
import { LoadMeter } from "./load-meter.ts";
import { EnvoyProcess, logFormat } from "./process.ts";
import { Secrets } from "./secrets.ts";
import { openServicePorts, type ServicePorts } from "./service-ports.ts";
import { type SocketPaths, socketPaths } from "./sockets.ts";
import { answerTopic } from "./topics.ts";

export interface EnvoyProxyOptions {
  readonly proxy: ProxyOptions;
  readonly binary: EnvoyBinary;
  /** Its owner's alone. */
  readonly folder: string;
  readonly link: ProxyLink;
  /** What an earlier life kept: its listeners' ports are asked for again. */
  readonly stored: Uint8Array | null;
}

const snapshotDelayMs = 200;
/** Looks at Envoy until it is ready, and from then on. */
const lookSoonMs = 20;
const lookMs = 1_000;
const drainLookMs = 25;
const bootstrapFile = "bootstrap.json";

/** Rejects when a socket cannot be had. */
export async function openEnvoy(options: EnvoyProxyOptions): Promise<SupervisedProxy> {
  const proxy = new EnvoyProxy(options);
  await proxy.open();
  return {
    kind: "envoy",
    version: options.binary.version,
    plane: proxy,
    link: (isUp) => proxy.link(isUp),
    unlink: () => proxy.unlink(),
  };
}

class EnvoyProxy implements DataPlane {
  readonly #options: EnvoyProxyOptions;
  readonly #relay: XdsRelay;
  readonly #secrets: Secrets;
  readonly #paths: SocketPaths;
  readonly #admin: EnvoyAdmin;
  readonly #load: LoadMeter;
  readonly #reserved: ReservedPort[] = [];
  readonly #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  #server: LocalGrpcServer | null = null;
  #servicePorts: ServicePorts | null = null;
  #process: EnvoyProcess | null = null;
  #ports!: ProxyPorts;
  #identity: ProxyIdentity | null = null;
  #wasReady = false;
  #isLive = false;
  #isDraining = false;
  #isClosed = false;
  #lookTimer: Timer | null = null;
  /** One for each Envoy. */
  #lookRound = 0;
  #onSnapshot: ((bytes: Uint8Array) => void) | null = null;
  #snapshotTimer: Timer | null = null;
  readonly #refusals: { typeUrl: string; reason: string; atMs: number }[] = [];

  constructor(options: EnvoyProxyOptions) {
    this.#options = options;
    const { runtime } = options.proxy;
    this.#paths = socketPaths(options.folder);
    this.#admin = new EnvoyAdmin(this.#paths.admin);
    this.#secrets = new Secrets(runtime);
    this.#load = new LoadMeter({
      runtime,
      workload: options.proxy.workload,
      read: () => this.#admin.get(loadTarget),
      clusterNames: () => this.#relay.held.get(typeUrls.cluster)?.keys() ?? [],
    });
    this.#ready.promise.catch(() => {});
    this.#relay = createXdsRelay({
      runtime,
      connect: options.link.connect,
      onHeld: () => this.#scheduleSnapshot(),
      onNack: (typeUrl, reason) => this.#refused(typeUrl, reason),
    });
  }

  async open(): Promise<void> {
    const { binary, folder, proxy } = this.#options;
    const { runtime } = proxy;
    this.#servicePorts = await openServicePorts(proxy.addresses, {
      isReady: () => this.isReady,
      ask: (topic) => this.ask(topic),
      metrics: () => this.#admin.get("/stats/prometheus"),
    });
    this.#ports = await this.#reservePorts(this.#servicePorts);
    this.#server = await openLocalGrpcServer({
      runtime,
      path: this.#paths.agent,
      handlers: {
        deltaAds: (stream, peer) => this.#relay.serve(stream, peer),
        deltaSecrets: (stream, peer) => this.#secrets.serve(stream, peer),
      },
    });
    const bootstrap = makeBootstrap({
      node: this.#options.link.nodeOf("envoy", this.#ports),
      agentSocket: this.#paths.agent,
      adminSocket: this.#paths.admin,
      boundsMs,
    });
    const file = path.join(folder, bootstrapFile);
    writeFileSync(file, JSON.stringify(bootstrap, null, 2), { mode: 0o600 });
    this.#process = new EnvoyProcess({
      runtime,
      file: binary.file,
      args: this.#argumentsWith(file),
      dir: folder,
      onEnded: (how, lastLine) => this.#ended(how, lastLine),
    });
    this.#process.start();
    this.#look();
  }

  get ports(): ProxyPorts {
    return this.#ports;
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get isReady(): boolean {
    return this.#isLive && !this.#isDraining;
  }

  get configVersion(): string {
    return this.#relay.version;
  }

  link(isUp: boolean): void {
    this.#relay.link(isUp);
  }

  unlink(): void {
    this.#relay.link(false);
  }

  setIdentity(identity: ProxyIdentity): void {
    this.#identity = identity;
    this.#secrets.set(identity);
  }

  /** Envoy binds the ports that are in the configuration: of another life's they may be taken. */
  loadSnapshot(bytes: Uint8Array): boolean {
    const held = heldIn(bytes);
    if (held === null) return false;
    const { inbound, outbound } = this.#ports;
    const ports = listenerPorts(held);
    const isOurs = ports.get("outbound") === outbound;
    if (
      !isOurs ||
      Object.entries(inbound).some(([name, port]) => ports.get(`inbound/${name}`) !== port)
    ) {
      return false;
    }
    this.#relay.load(held);
    return true;
  }

  onSnapshot(listener: (bytes: Uint8Array) => void): void {
    this.#onSnapshot = listener;
  }

  /** Names are for the agent's DNS, which an Envoy has none of. */
  findService(): null {
    return null;
  }

  endpointsOf(): readonly never[] {
    return [];
  }

  listenFor(): Promise<"partly"> {
    return Promise.resolve("partly");
  }

  assign(): Promise<void> {
    return Promise.resolve();
  }

  takeLoad(): LoadRow[] {
    return this.#load.take();
  }

  ask(topic: string): Promise<unknown> {
    const { binary, proxy } = this.#options;
    return answerTopic(
      {
        admin: this.#admin,
        held: this.#relay.held,
        workload: proxy.workload,
        logLines: proxy.logLines ?? (() => []),
        configVersion: this.configVersion,
        status: () => ({
          kind: "envoy",
          envoy: binary.version,
          ...proxy.workload,
          ready: this.isReady,
          configVersion: this.configVersion,
          connected: this.#relay.isConnected,
          pid: this.#process?.pid ?? null,
          restarts: this.#process?.restartCount ?? 0,
          spiffeId: this.#identity?.spiffeId ?? "",
          ports: this.#ports,
          refusals: this.#refusals,
        }),
      },
      topic,
    );
  }

  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
    const { clock, timers } = this.#options.proxy.runtime;
    const endMs = clock.monotonicMs() + ms;
    try {
      // Callers are told to go elsewhere: by the health check, `connection: close` and GOAWAY.
      await this.#admin.post("/healthcheck/fail");
      await this.#admin.post("/drain_listeners?graceful&skip_exit");
      while (clock.monotonicMs() < endMs && ((await this.#admin.inFlight()) ?? 0) > 0) {
        await sleep(timers, drainLookMs);
      }
    } catch (error) {
      const { log } = this.#options.proxy.runtime;
      log.warn("Envoy could not be drained", { reason: String(error) });
    }
    await this.#load.read();
    // What it keeps open to the program would hold up the program's own end.
    await this.#process?.stop();
  }

  /** Never called: an Envoy is not handed to another process. */
  handOver(ms: number): Promise<void> {
    return this.drain(ms);
  }

  replaceWorkers(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#load.close();
    this.#lookTimer?.cancel();
    this.#snapshotTimer?.cancel();
    await this.#process?.stop();
    this.#relay.close();
    this.#secrets.close();
    this.#server?.close();
    this.#servicePorts?.close();
    for (const reserved of this.#reserved) reserved.close();
    this.#paths.remove();
  }

  async #reservePorts(service: ServicePorts): Promise<ProxyPorts> {
    const { addresses } = this.#options.proxy;
    const stored = listenerPorts(heldIn(this.#options.stored) ?? new Map());
    const reserve = async (address: string, preferredPort: number): Promise<number> => {
      const reserved = await reservePort(address, preferredPort);
      this.#reserved.push(reserved);
      return reserved.port;
    };
    const { address, preferredPort } = addresses.outbound;
    const outbound = await reserve(address, stored.get("outbound") ?? preferredPort);
    const inbound: Record<string, number> = {};
    for (const one of addresses.inbound) {
      inbound[one.portName] = await reserve(one.address, one.preferredPort);
    }
    const upstreams: Record<string, string> = {};
    for (const { name } of addresses.upstreams) {
      const wanted = stored.get(`upstream/${name}`) ?? 0;
      upstreams[name] = formatAddress("127.0.0.1", await reserve("127.0.0.1", wanted));
    }
    const { admin, metrics, readiness } = service;
    return { outbound, admin, metrics, readiness, inbound, capturedInbound: 0, upstreams };
  }

  #argumentsWith(file: string): string[] {
    const { concurrency, drainMs } = this.#options.proxy;
    const drainSeconds = Math.max(1, Math.ceil(drainMs / 1_000));
    return [
      ...["-c", file, "--concurrency", String(concurrency)],
      // The agent restarts it; two at once would need shared memory under a common name.
      "--disable-hot-restart",
      ...["--drain-time-s", String(drainSeconds), "--drain-strategy", "immediate"],
      ...["-l", "warning", "--log-format", logFormat],
    ];
  }

  get #listenerNames(): string[] {
    const { inbound, upstreams } = this.#ports;
    return [
      "outbound",
      ...Object.keys(inbound).map((name) => `inbound/${name}`),
      ...Object.keys(upstreams).map((name) => `upstream/${name}`),
    ];
  }

  #look(): void {
    const round = this.#lookRound;
    void this.#admin.isLive(this.#listenerNames).then((isLive) => {
      // Of an Envoy that ended meanwhile: the next one is looked at already.
      if (this.#isClosed || this.#lookRound !== round) return;
      const isNew = isLive && !this.#isLive;
      this.#isLive = isLive;
      if (isNew && this.#wasReady) this.#options.proxy.runtime.log.info("Envoy serves again");
      if (isLive) {
        this.#wasReady = true;
        this.#ready.resolve();
      }
      const { timers } = this.#options.proxy.runtime;
      this.#lookTimer = timers.after(isLive ? lookMs : lookSoonMs, () => this.#look(), {
        background: true,
      });
    });
  }

  /** Whether to start it again. */
  #ended(how: string, lastLine: string): boolean {
    this.#isLive = false;
    this.#load.restarted();
    this.#lookTimer?.cancel();
    this.#lookRound++;
    if (!this.#isClosed) this.#look();
    if (this.#wasReady) return true;
    const failure = new AgentFailure(
      "envoy-not-started",
      `Envoy ended before it was ready (${how})${lastLine === "" ? "" : `: ${lastLine}`}`,
      `Try: ${this.#options.binary.file} --version`,
    );
    this.#ready.reject(failure);
    return true;
  }

  #refused(typeUrl: string, reason: string): void {
    const { clock, log } = this.#options.proxy.runtime;
    log.warn("Envoy refused an update of the configuration", { typeUrl, reason });
    this.#refusals.push({ typeUrl, reason, atMs: clock.nowMs() });
    if (this.#refusals.length > 20) this.#refusals.shift();
  }

  #scheduleSnapshot(): void {
    this.#snapshotTimer?.cancel();
    this.#snapshotTimer = this.#options.proxy.runtime.timers.after(
      snapshotDelayMs,
      () => this.#onSnapshot?.(encodeSnapshot(this.#relay.held)),
      { background: true },
    );
  }
}

/** Null when the bytes are damaged or of another version. */
function heldIn(bytes: Uint8Array | null): HeldResources | null {
  const changes = bytes === null ? null : decodeSnapshot(bytes);
  if (changes === null) return null;
  return new Map(
    changes.map(({ changed, typeUrl }) => [
      typeUrl,
      new Map(changed.map((resource) => [resource.name, resource])),
    ]),
  );
}

/** By name. */
function listenerPorts(held: HeldResources): Map<string, number> {
  const ports = new Map<string, number>();
  for (const { name, resource } of held.get(typeUrls.listener)?.values() ?? []) {
    const address = Listener.decode(resource).address?.address;
    if (address?.$case !== "socketAddress") continue;
    const port = address.socketAddress.portSpecifier;
    if (port?.$case === "portValue") ports.set(name, port.portValue);
  }
  return ports;
}
