// The agent of one workload: identity, registration, health, and the proxy beside it, in this
// process. It keeps the proxy serving while the control plane is away (design sections 2 and 5).

import {
  Inheritance,
  isLoopback,
  localAddressTowards,
  type Runtime,
  type Timer,
} from "@weft/runtime";
import type { DataPlane, ProxyOptions, ProxyPorts } from "@weft/proxy";
import type {
  AgentMessage,
  ControlMessage,
  ProxyStatus,
  Question,
  Registered,
} from "@weft/xds/messages/weft/v1/agent.js";
import type { CapturePorts } from "./capture/capture.ts";
import { ControlLink } from "./control-link.ts";
import { claimFolder, fiveLetters } from "./claim-folder.ts";
import type { Dns } from "./dns/dns.ts";
import { hostNameServers, openWorkloadDns } from "./dns/workload-dns.ts";
import { AgentFailure, lateFailure, unusableAddress } from "./failure.ts";
import { healthProbe, probe } from "./health/check.ts";
import { HealthMonitor } from "./health/monitor.ts";
import type { Handover } from "./upgrade/handover.ts";
import { certificateOf } from "./identity/certificate.ts";
import { decodeIdentity, encodeIdentity, type Identity } from "./identity/source.ts";
import { findToken, isPinned, type JoinToken } from "./identity/token.ts";
import { LogTail } from "./log-tail.ts";
import type { AgentOptions } from "./options.ts";
import { movedPorts, proxyAddresses } from "./proxy-addresses.ts";
import { ProxyReport } from "./proxy-report.ts";
import { nodeOf, registrationOf } from "./registration.ts";
import { openBuiltin } from "./supervise/builtin.ts";
import type { ProxyLink, SupervisedProxy } from "./supervise/data-plane.ts";
import { type EnvoyBinary, findEnvoy } from "./supervise/envoy/binary.ts";
import { openEnvoy } from "./supervise/envoy/proxy.ts";
import { guarded } from "./supervise/guard.ts";
import { type KeptFile, WorkloadFolder } from "./workload-folder.ts";

const loadPeriodMs = 2_000;
const probeTimeoutMs = 1_000;
const startDeadlineMs = 10_000;
/** A control plane that is there answers by then; the snapshot on disk is older than its own. */
const freshPatienceMs = 1_500;
/** A snapshot from disk is in force in every worker after far less. */
const loadedPatienceMs = 2_000;
const peersPatienceMs = 2_000;
const defaultTrustDomain = "weft.local";
const clusterDomain = "cluster.local";
const dnsPort = 15053;

export class Agent {
  readonly workload: string;
  readonly #options: AgentOptions;
  readonly #runtime: Runtime;
  readonly #log: LogTail;
  /** Null when nothing is to be left on disk. */
  readonly #folder: WorkloadFolder | null;
  readonly #inheritance: Inheritance;
  readonly #token: JoinToken | null;
  readonly #link: ControlLink;
  readonly #report: ProxyReport;
  #proxy: SupervisedProxy | null = null;
  /** Null: the built-in proxy. */
  #envoy: EnvoyBinary | null = null;
  #dns: Dns | null = null;
  #monitor: HealthMonitor | null = null;
  #loadTimer: Timer | null = null;
  #address = "127.0.0.1";
  #health = { isReady: false, message: "not checked yet" };
  #deregistered: PromiseWithResolvers<void> | null = null;
  /** How the first attempt to register ended. */
  readonly #firstContact: PromiseWithResolvers<"registered" | "away"> = Promise.withResolvers();
  readonly #failed: PromiseWithResolvers<never> = Promise.withResolvers();

  /**
   * Claims the workload's folder. Throws an AgentFailure when token or data directory are unusable.
   */
  constructor(options: AgentOptions) {
    this.#options = options;
    this.#log = new LogTail(options.runtime.clock);
    this.#runtime = { ...options.runtime, log: this.#log.behind(options.runtime.log) };
    this.#token = findToken({ tokenFile: options.tokenFile, dataDir: options.dataDir });
    const { ephemeral, handover = null } = options;
    this.#inheritance = options.inheritance ?? new Inheritance();
    if (handover !== null) this.#health = { ...handover.health };
    this.#folder = ephemeral ? null : (ownFolder(handover) ?? claimFolder(options));
    this.workload = this.#folder?.workload ?? `${options.service}-${fiveLetters(options.runtime)}`;
    this.#failed.promise.catch(() => {});
    this.#link = new ControlLink({
      runtime: this.#runtime,
      address: options.control,
      token: this.#token,
      namespace: options.namespace,
      serviceAccount: options.serviceAccount,
      onIdentity: (identity) => this.#useIdentity(identity),
    });
    this.#report = new ProxyReport({
      runtime: this.#runtime,
      read: () => this.#proxyStatus(),
      send: (proxyStatus) =>
        void this.#link.send({ message: { $case: "proxyStatus", proxyStatus } }),
    });
  }

  /** Null when nothing is on disk. */
  get folder(): string | null {
    return this.#folder?.dir ?? null;
  }

  get health(): Handover["health"] {
    return this.#health;
  }

  get proxy(): DataPlane {
    return this.#supervised.plane;
  }

  get #supervised(): SupervisedProxy {
    if (this.#proxy === null) throw new Error("the proxy is not open yet");
    return this.#proxy;
  }

  /** Rejects when the control plane refuses this workload for good. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /**
   * Opens the proxy and waits until the program may start: SVID, complete snapshot (or the one on
   * disk), bound listeners. Rejects with an AgentFailure after ten seconds without them.
   */
  async start(): Promise<void> {
    const { envoy, noWait } = this.#options;
    if (envoy !== null) this.#envoy = await findEnvoy(envoy);
    this.#adoptStoredIdentity();
    this.#address = await this.#chooseAddress();
    const linked = this.#link.open();
    linked.catch(() => {});
    const deadline = this.#after(noWait ? 0 : startDeadlineMs);
    if (this.#link.identity.current === null) await Promise.race([linked, deadline]);
    this.#proxy = await this.#openProxy();
    const identity = this.#link.identity.current;
    const { kind, plane } = this.#proxy;
    if (identity !== null) plane.setIdentity(identity);
    if (!this.#options.ephemeral && kind === "builtin") await this.#openDns(plane);
    void this.#serve(linked);
    await this.#loadUnlessFresh(noWait ? 0 : freshPatienceMs);
    const { ready } = plane;
    await Promise.race([ready, this.#failed.promise, deadline]);
    if (noWait || plane.isReady) return;
    if (this.#load()) await Promise.race([ready, this.#after(loadedPatienceMs)]);
    if (plane.isReady) return;
    const hasIdentity = this.#link.identity.current !== null;
    throw lateFailure(this.#options, hasIdentity, this.#link.lastError);
  }

  /** What its capture has to know; call it when `start` is through. */
  get capturePorts(): CapturePorts {
    const { capturedInbound, inbound, outbound } = this.proxy.ports;
    const { appAddress, nameServers } = this.#options;
    const addresses = proxyAddresses(this.#options, this.#address, {});
    return {
      workload: this.workload,
      outboundPort: outbound,
      inboundPort: capturedInbound,
      inboundPorts: Object.values(inbound),
      programAddress: appAddress,
      peerFrom: addresses.capture?.peerDial?.from ?? null,
      dnsPort: this.#dns?.port ?? null,
      nameServers: (nameServers ?? hostNameServers()).map(({ address }) => address),
    };
  }

  /** Begins the health check of the program; call it when the program has been started. */
  watchHealth(): void {
    const target = healthProbe(this.#options);
    if (target === null) return;
    this.#monitor = new HealthMonitor({
      runtime: this.#runtime,
      run: () => probe(target, probeTimeoutMs),
      onChange: guarded(this.#runtime.log, "the health check", (isReady, message) => {
        const wasReady = this.#health.isReady;
        this.#health = { isReady, message };
        if (isReady) this.#runtime.log.info("the program is ready");
        else if (wasReady) this.#runtime.log.warn("the program is not ready", { reason: message });
        else this.#runtime.log.info("waiting for the program", { reason: message });
        this.#link.send(this.#healthMessage());
      }),
    });
  }

  /**
   * Leaves the mesh: peers are told first (at most 2 s), then what is in flight ends (at most
   * `drainMs`), and what was measured last is reported.
   */
  async leave(drainMs: number): Promise<void> {
    this.#monitor?.close();
    await this.deregister("stopping");
    await this.#proxy?.plane.drain(drainMs);
    this.#sendLoad();
  }

  /** Whether another process of this workload may register in this one's place. */
  yieldControl(yields: boolean): void {
    this.#link.yieldControl(yields);
  }

  /**
   * Another process stands for the workload and accepts on its sockets: resolves when what is open
   * here has ended, after `drainMs` at most.
   */
  async handOver(drainMs: number): Promise<void> {
    this.#monitor?.close();
    this.#report.close();
    this.#sendLoad();
    this.#loadTimer?.cancel();
    this.#link.close();
    await Promise.all([this.#proxy?.plane.handOver(drainMs), this.#dns?.drained(drainMs)]);
  }

  /** Another process answers DNS questions from now on, or (false) does not: it did not come up. */
  async yieldNames(yields: boolean): Promise<void> {
    await (yields ? this.#dns?.retire() : this.#dns?.begin());
  }

  /** Tells the control plane that this workload is gone; resolves when peers know, or after 2 s. */
  async deregister(reason: string): Promise<void> {
    this.#deregistered ??= Promise.withResolvers<void>();
    if (!this.#link.send({ message: { $case: "deregister", deregister: { reason } } })) return;
    await Promise.race([this.#deregistered.promise, this.#after(peersPatienceMs)]);
  }

  async close(): Promise<void> {
    this.#monitor?.close();
    this.#report.close();
    this.#loadTimer?.cancel();
    this.#proxy?.unlink();
    this.#link.close();
    this.#dns?.close();
    await this.#proxy?.plane.close();
  }

  #adoptStoredIdentity(): void {
    const bytes = this.#folder?.read("identity.json") ?? null;
    const identity = bytes === null ? null : decodeIdentity(bytes);
    if (identity === null) return;
    // Another control plane than the one that token or secret is for now: the SVID is worthless.
    if (this.#token !== null && !isPinned(this.#token, identity.rootsPem)) return;
    this.#link.identity.adopt(identity);
  }

  async #chooseAddress(): Promise<string> {
    const { address, control } = this.#options;
    if (address !== null) return address;
    const { host, port } = splitHostPort(control);
    if (isLoopback(host)) return "127.0.0.1";
    return (await localAddressTowards(host, port)) ?? "127.0.0.1";
  }

  async #openProxy(): Promise<SupervisedProxy> {
    const options = this.#options;
    const spiffeId = this.#link.identity.current?.spiffeId;
    const addresses = proxyAddresses(options, this.#address, this.#lastInbound());
    const proxy = await this.#open({
      runtime: this.#runtime,
      workload: {
        namespace: options.namespace,
        workload: this.workload,
        service: options.port === null ? "" : options.service,
        version: options.version,
      },
      trustDomain: spiffeId === undefined ? defaultTrustDomain : new URL(spiffeId).host,
      domain: clusterDomain,
      concurrency: options.concurrency,
      drainMs: options.drainMs,
      explain: options.explain,
      logLines: () => this.#log.lines,
      memoryLimitBytes: options.memoryLimitBytes,
      inheritance: this.#inheritance,
      prepare: () => this.#prepare(),
      addresses,
    }).catch((error: unknown) => {
      throw unusableAddress(error, this.#address);
    });
    const { ports } = proxy.plane;
    const moved = options.handover == null ? movedPorts(addresses, ports) : [];
    for (const { got, wanted, what } of moved) {
      this.#runtime.log.info(`port ${wanted} is taken and was replaced`, { what, port: got });
    }
    if (this.#folder !== null) {
      this.#keep("ports.json", Buffer.from(JSON.stringify(ports.inbound)));
      proxy.plane.onSnapshot((bytes) => {
        this.#keep("snapshot.bin", bytes);
        this.#report.changed();
      });
    }
    return proxy;
  }

  /** Takes over from the process before this one, where there is one. */
  async #prepare(): Promise<void> {
    const { capture, takeOver } = this.#options;
    // Loopback addresses need sockets, which may be on their way.
    if (takeOver === undefined || capture !== null) await this.#dns?.remember();
    await takeOver?.();
    await this.#dns?.remember();
    await this.#dns?.begin();
  }

  async #open(options: ProxyOptions): Promise<SupervisedProxy> {
    const link: ProxyLink = {
      connect: () => this.#link.connectXds(),
      nodeOf: (kind, ports) => nodeOf(this.#options, this.workload, kind, ports),
    };
    const binary = this.#envoy;
    const folder = this.#folder;
    if (binary === null || folder === null) {
      return await openBuiltin(options, this.#options.weftVersion, link);
    }
    const stored = folder.read("snapshot.bin");
    return await openEnvoy({ proxy: options, binary, folder: folder.dir, link, stored });
  }

  async #openDns(names: DataPlane): Promise<void> {
    const { namespace, nameServers, port } = this.#options;
    this.#dns = await openWorkloadDns({
      runtime: this.#runtime,
      proxy: names,
      mode: this.#options.capture === null ? "loopback" : "virtual",
      workload: `${namespace}/${this.workload}`,
      domain: clusterDomain,
      nameServers,
      preferredPort: port === dnsPort ? 0 : dnsPort,
      inheritance: this.#inheritance,
      kept: () => this.#folder?.read("names.json") ?? null,
      keep: (bytes) => this.#keep("names.json", bytes),
    });
  }

  #lastInbound(): ProxyPorts["inbound"] {
    const bytes = this.#folder?.read("ports.json") ?? null;
    try {
      const value: unknown = bytes === null ? null : JSON.parse(Buffer.from(bytes).toString());
      const pairs = Object.entries(value ?? {}).filter(([, port]) => Number.isInteger(port));
      return Object.fromEntries(pairs) as Record<string, number>;
    } catch {
      return {};
    }
  }

  /** Loads the snapshot on disk when the control plane is away, or slower than `patienceMs`. */
  async #loadUnlessFresh(patienceMs: number): Promise<void> {
    if (this.#link.identity.current === null) return;
    const answer = await Promise.race([this.#firstContact.promise, this.#after(patienceMs)]);
    if (answer !== "registered") this.#load();
  }

  /** False when there is nothing to load, or something newer runs already. */
  #load(): boolean {
    const stored = this.#folder?.read("snapshot.bin") ?? null;
    if (stored === null || this.proxy.configVersion !== "") return false;
    if (this.proxy.loadSnapshot(stored)) return true;
    this.#runtime.log.warn("the snapshot on disk is damaged or of another version; not used");
    return false;
  }

  /** Everything that needs the control plane; runs until `close`. */
  async #serve(linked: Promise<void>): Promise<void> {
    try {
      await linked;
      await this.#link.attach({
        register: () =>
          registrationOf(this.#options, this.workload, this.#address, this.proxy.ports.inbound),
        onRegistered: (registered) => this.#onRegistered(registered),
        onMessage: (message, send) => this.#onMessage(message, send),
        onLost: (reason) => {
          this.#firstContact.resolve("away");
          this.#supervised.link(false);
          this.#runtime.log.warn("lost the control plane; serving on", { reason });
        },
      });
      this.#firstContact.resolve("registered");
      const report = guarded(this.#runtime.log, "telemetry", () => this.#sendLoad());
      this.#loadTimer = this.#runtime.timers.every(loadPeriodMs, report, { background: true });
    } catch (error) {
      this.#firstContact.resolve("away");
      if (error instanceof AgentFailure) return this.#failed.reject(error);
      this.#runtime.log.error("the link to the control plane failed", { reason: String(error) });
    }
  }

  #onRegistered(registered: Registered): void {
    for (const warning of registered.warnings) this.#runtime.log.warn(warning);
    this.#runtime.log.info("registered", {
      workload: `${registered.namespace}/${registered.workload}`,
      address: this.#address,
    });
    this.#supervised.link(true);
    this.#report.registered();
    if (this.#monitor !== null || this.#options.port === null) {
      this.#link.send(this.#healthMessage());
    }
  }

  #proxyStatus(): ProxyStatus {
    const { kind, plane, version } = this.#supervised;
    const { configVersion, ports } = plane;
    return {
      kind,
      version,
      configVersion,
      adminPort: ports.admin,
      metricsPort: ports.metrics,
      outboundPort: ports.outbound,
      dnsPort: this.#dns?.port ?? 0,
    };
  }

  #healthMessage(): AgentMessage {
    const isReady = this.#health.isReady || this.#options.port === null;
    const message = isReady ? "" : this.#health.message;
    const reason = isReady ? "Healthy" : "HealthCheckFailed";
    return { message: { $case: "health", health: { ready: isReady, reason, message } } };
  }

  #onMessage(message: ControlMessage, send: (message: AgentMessage) => void): void {
    const body = message.message;
    if (body?.$case === "deregistered") this.#deregistered?.resolve();
    else if (body?.$case === "question") void this.#answer(body.question, send);
    else if (body?.$case === "notice") {
      const { level, message: text } = body.notice;
      if (level === "error") this.#runtime.log.error(text);
      else if (level === "warn") this.#runtime.log.warn(text);
      else this.#runtime.log.info(text);
    }
  }

  async #answer(question: Question, send: (message: AgentMessage) => void): Promise<void> {
    let text = "null";
    let error = "";
    try {
      // The certificate is the agent's; the rest is the proxy's to answer.
      const answer =
        question.topic === "cert"
          ? certificateOf(this.#link.identity.current)
          : await this.proxy.ask(question.topic, question.arguments);
      text = JSON.stringify(answer);
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    }
    const body = Buffer.from(text);
    send({ message: { $case: "answer", answer: { id: question.id, body, error } } });
  }

  #sendLoad(): void {
    const rows = this.#proxy?.plane.takeLoad() ?? [];
    if (rows.length === 0) return;
    this.#link.send({
      message: { $case: "load", load: { intervalMs: loadPeriodMs, rows } },
    });
  }

  #useIdentity(identity: Identity): void {
    this.#proxy?.plane.setIdentity(identity);
    this.#keep("identity.json", encodeIdentity(identity));
  }

  /** A full disk costs the next start without a control plane, nothing now. */
  #keep(name: KeptFile, bytes: Uint8Array): void {
    try {
      this.#folder?.write(name, bytes);
    } catch (error) {
      this.#runtime.log.warn(`could not keep ${name}`, { reason: String(error) });
    }
  }

  #after(ms: number): Promise<"late"> {
    return new Promise((resolve) => {
      this.#runtime.timers.after(ms, () => resolve("late"), { background: true });
    });
  }
}

/** After a hot upgrade it is the process before that claimed it. */
function ownFolder(handover: Handover | null): WorkloadFolder | null {
  return handover === null ? null : new WorkloadFolder(handover.folder);
}

function splitHostPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  return {
    host: address.slice(0, at).replace(/^\[|\]$/g, ""),
    port: Number(address.slice(at + 1)),
  };
}
